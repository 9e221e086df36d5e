// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says that this element does something else than the series as posted. The build makes docs/differences.md from these
 * and fails if a row names a test that does not exist.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
@Repeatable(Differs.All.class)
public @interface Differs {
  /** Why the element differs. */
  enum Kind {
    /** The posting leaves the behaviour open, or this kernel chooses another one. */
    OURS,
    /** The posting has a fault here. */
    FIXES,
    /** The posting does more, and the rest makes no difference here. */
    SIMPLER,
    /** The behaviour came to Linux after the posting. */
    LATER
  }

  /**
   * The patch that the element differs from.
   *
   * @return a number from 1 to 26; 0 for code that no patch of the series has
   */
  int patch() default 0;

  /**
   * The kind of difference.
   *
   * @return the kind
   */
  Kind kind();

  /**
   * What this kernel does, what the posting does, and why they differ.
   *
   * @return one or two sentences
   */
  String why();

  /**
   * The test that fails when the difference goes away.
   *
   * @return {@code Class#method}, with the class's simple name
   */
  String test();

  /** Several differences of one element. */
  @Documented
  @Retention(RetentionPolicy.RUNTIME)
  @Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
  @interface All {
    /**
     * The differences.
     *
     * @return two or more
     */
    Differs[] value();
  }
}
