// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.Ref;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where each call gets each errno. A row is {@code call | ERRNO | when | Class#method |
 * Test#method}; the method refers to the errno, and the row leads to that line. Of several such
 * lines, a fragment of the text after an at sign says which one follows it.
 */
final class ErrnoMap {
  private static final int FIELDS = 5;

  private final SourceTree tree;
  private final Faults faults;

  ErrnoMap(SourceTree tree, Faults faults) {
    this.tree = tree;
    this.faults = faults;
  }

  String html(String body, String root) {
    StringBuilder html = new StringBuilder("<div class=table><table class=errnos><thead><tr>");
    html.append("<th>call</th><th>errno</th><th>when</th><th>line</th><th>test</th></tr></thead>");
    html.append("<tbody>\n");
    String before = "";
    for (String line : body.lines().filter(each -> !each.isBlank()).toList()) {
      List<String> fields = List.of(line.split("\\|", -1)).stream().map(String::strip).toList();
      if (fields.size() != FIELDS) {
        faults.add("the map of errnos", "not five fields: " + line);
        continue;
      }
      String call = fields.get(0);
      html.append(call.equals(before) ? "<tr>" : "<tr class=first>").append("<td><code>");
      html.append(call.equals(before) ? "" : call).append("</code></td><td><code>");
      html.append(fields.get(1)).append("</code></td><td>").append(Html.escape(fields.get(2)));
      html.append("</td><td>").append(place(fields.get(3), fields.get(1), root));
      html.append("</td><td>").append(test(fields.get(4), root)).append("</td></tr>\n");
      before = call;
    }
    return html.append("</tbody></table></div>\n").toString();
  }

  private String place(String given, String errno, String root) {
    int at = given.indexOf(" @ ");
    String name = at < 0 ? given : given.substring(0, at);
    Decl decl = tree.find(name);
    Decl constant = tree.find("Errno#" + errno);
    int from = 0;
    if (decl != null && at >= 0) {
      from = decl.file().text().indexOf(given.substring(at + 3), decl.start());
      if (from < 0 || from >= decl.end()) {
        faults.add("the map of errnos", "there is no " + given);
      }
    }
    Ref ref = decl == null || constant == null ? null : inside(decl, constant, from);
    if (decl == null || ref == null) {
      faults.add("the map of errnos", name + " has no " + errno);
      return "";
    }
    return link(decl, decl.file().page() + "#L" + ref.line(), ":" + ref.line(), root);
  }

  /** The first reference to a constant inside a declaration, at or after an offset. */
  private static @Nullable Ref inside(Decl decl, Decl constant, int from) {
    Ref first = null;
    for (Ref ref : constant.uses()) {
      if (ref.file() == decl.file()
          && decl.contains(ref.at())
          && ref.at() >= from
          && (first == null || ref.at() < first.at())) {
        first = ref;
      }
    }
    return first;
  }

  private String test(String name, String root) {
    Decl decl = tree.find(name);
    if (decl == null || !decl.file().test()) {
      faults.add("the map of errnos", "the test " + name + " does not exist");
      return "";
    }
    return link(decl, decl.href(), "", root);
  }

  private static String link(Decl decl, String href, String after, String root) {
    return "<a href=\""
        + root
        + "src/"
        + href
        + "\">"
        + Html.escape(decl.shown()).replace(".", ".<wbr>")
        + after
        + "</a>";
  }
}
