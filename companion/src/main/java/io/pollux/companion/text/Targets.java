// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.text;

import org.jspecify.annotations.Nullable;

/** What a text may link to or include. Each method returns null if there is no such thing. */
public interface Targets {
  /**
   * Resolves a link such as {@code java:IopollList#reap}, {@code c:aio_iopoll_reap}, {@code
   * patch:15} or {@code page:maps/locks}.
   *
   * @return the page and anchor, relative to the root of the site
   */
  @Nullable String link(String scheme, String name);

  /** Resolves a code span that names a declaration or a C name, as {@link #link} does. */
  @Nullable String code(String code);

  /**
   * Includes the source of a declaration.
   *
   * @param root leads from the page to the root of the site
   */
  @Nullable String excerpt(String name, String root);

  /** Includes a drawing: an svg element. */
  @Nullable String figure(String name);

  /**
   * Includes a generated part.
   *
   * @param name its name
   * @param body its parameters: the text of the fence
   * @param root leads from the page to the root of the site
   */
  @Nullable String generated(String name, String body, String root);
}
