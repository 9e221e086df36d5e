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
 * Test#method}; the method refers to the errno, and the row leads to that line.
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

  private String place(String name, String errno, String root) {
    Decl decl = tree.find(name);
    Decl constant = tree.find("Errno#" + errno);
    Ref ref = decl == null || constant == null ? null : inside(decl, constant);
    if (decl == null || ref == null) {
      faults.add("the map of errnos", name + " has no " + errno);
      return "";
    }
    return link(decl, decl.file().page() + "#L" + ref.line(), ":" + ref.line(), root);
  }

  private static @Nullable Ref inside(Decl decl, Decl constant) {
    for (Ref ref : constant.uses()) {
      if (ref.file() == decl.file() && decl.contains(ref.at())) {
        return ref;
      }
    }
    return null;
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
