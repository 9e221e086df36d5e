// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.CodeHtml;
import io.pollux.companion.text.Html;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A change that a test turns red. The fence has three fields: {@code in: Class#method}, {@code
 * change: OLD => NEW}, where OLD stands in that method, and {@code test: Test#method}.
 */
final class Exercise {
  private static final String ARROW = " => ";

  private final SourceTree tree;
  private final Faults faults;

  Exercise(SourceTree tree, Faults faults) {
    this.tree = tree;
    this.faults = faults;
  }

  String html(String body, String root) {
    Map<String, String> fields = new HashMap<>();
    for (String line : body.strip().lines().toList()) {
      int colon = line.indexOf(": ");
      if (colon > 0) {
        fields.put(line.substring(0, colon), line.substring(colon + 2));
      }
    }
    String in = fields.getOrDefault("in", "");
    String change = fields.getOrDefault("change", "");
    String test = fields.getOrDefault("test", "");
    Decl decl = tree.find(in);
    Decl red = tree.find(test);
    int arrow = change.indexOf(ARROW);
    String old = arrow < 0 ? change : change.substring(0, arrow);
    String instead = arrow < 0 ? "" : change.substring(arrow + ARROW.length());
    int at = decl == null || old.isEmpty() ? -1 : decl.file().text().indexOf(old, decl.start());
    if (decl == null || at < 0 || at >= decl.end()) {
      faults.add("an exercise", in + " has no \"" + old + "\"");
      return "";
    }
    if (red == null || !red.test()) {
      faults.add("an exercise", "the test " + test + " does not exist");
      return "";
    }
    int line = decl.file().lineOf(at);
    String module = decl.file().module();
    String name = List.of(red.owner().split("\\.", -1)).getFirst() + "#" + red.name();
    return "<p>In <a href=\""
        + root
        + "src/"
        + decl.file().page()
        + "#L"
        + line
        + "\"><code>"
        + Html.escape(decl.shown())
        + "</code>, line "
        + line
        + "</a>:</p><pre class=\"code change\"><code><del>- "
        + CodeHtml.plain(old)
        + "</del>\n<ins>+ "
        + (instead.isEmpty() ? "<span class=c>// nothing</span>" : CodeHtml.plain(instead))
        + "</ins></code></pre><p>It turns <a href=\""
        + root
        + "src/"
        + red.href()
        + "\"><code>"
        + Html.escape(name)
        + "</code></a> red:</p><pre class=\"code\"><code>mvn -Pquick -pl "
        + module
        + " -am test -Dtest="
        + name
        + " \\\n    -Dsurefire.failIfNoSpecifiedTests=false</code></pre>\n";
  }
}
