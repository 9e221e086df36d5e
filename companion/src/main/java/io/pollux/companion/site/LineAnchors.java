// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The source lines that links point to. Only these lines have an anchor in their page; a script of
 * the page adds the others. An anchor for every line would enlarge the site.
 */
final class LineAnchors {
  /** How the number of a line begins in a page. */
  static final String LINE = "<i id=L";

  private static final Pattern LINK = Pattern.compile("href=\"?([^\"#> ]*)#(L\\d+)");
  private static final Pattern ANCHOR = Pattern.compile("<i id=(L\\d+)>");

  private final Set<String> targets = new HashSet<>(); // page#Lnumber

  LineAnchors(Collection<Page> pages) {
    for (Page page : pages) {
      Path base = Path.of(page.path()).resolveSibling("");
      Matcher link = LINK.matcher(page.body());
      while (link.find()) {
        String file = link.group(1);
        targets.add(
            (file.isEmpty() ? page.path() : base.resolve(file).normalize().toString())
                + "#"
                + link.group(2));
      }
    }
  }

  /** Returns the content of a page, with only the anchors that links point to. */
  String body(Page page) {
    if (!page.body().contains(LINE)) {
      return page.body();
    }
    return ANCHOR
        .matcher(page.body())
        .replaceAll(
            anchor ->
                targets.contains(page.path() + "#" + anchor.group(1)) ? anchor.group() : "<i>");
  }
}
