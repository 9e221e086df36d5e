// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** C names and their Java counterparts, by C file. */
final class CNames {
  private CNames() {}

  static Page page(SourceTree tree) {
    Map<String, Map<String, List<Decl>>> files = new TreeMap<>();
    Set<String> names = new HashSet<>();
    tree.decls()
        .filter(decl -> !decl.file().test())
        .forEach(
            decl -> {
              for (Decl.LinuxName linux : decl.linux()) {
                Map<String, List<Decl>> file =
                    files.computeIfAbsent(linux.file(), f -> new TreeMap<>());
                for (String name : linux.names().isEmpty() ? List.of("") : linux.names()) {
                  file.computeIfAbsent(name, n -> new ArrayList<>()).add(decl);
                  names.add(name);
                }
              }
            });
    StringBuilder html = new StringBuilder("<h1>C names</h1>\n<p class=lead>");
    html.append(names.size()).append(" names of Linux and their counterparts here, by file. ");
    html.append("The search finds them too: press <kbd>/</kbd>.</p>\n<details><summary>");
    html.append(files.size()).append(" files</summary><ul class=files>");
    for (String file : files.keySet()) {
      html.append("<li><a href=\"#")
          .append(Html.slug(file))
          .append("\">")
          .append(Html.escape(file));
      html.append("</a></li>");
    }
    html.append("</ul></details>\n");
    Set<String> anchors = new HashSet<>();
    files.forEach(
        (file, byName) -> {
          html.append("<h2 id=\"").append(Html.slug(file)).append("\">").append(Html.escape(file));
          html.append("</h2>\n<div class=table><table class=names><tbody>\n");
          byName.forEach(
              (name, decls) -> {
                html.append("<tr><td");
                if (!name.isEmpty() && anchors.add(name)) {
                  html.append(" id=\"").append(Html.escape(name)).append('"');
                }
                html.append("><code>").append(Html.escape(name.isEmpty() ? "the file" : name));
                html.append("</code></td><td>");
                for (Decl decl : decls) {
                  html.append("<p><a href=\"src/").append(decl.href()).append("\"><code>");
                  html.append(Html.escape(decl.shown())).append("</code></a> <span>");
                  html.append(Html.escape(decl.doc())).append("</span></p>");
                }
                html.append("</td></tr>\n");
              });
          html.append("</tbody></table></div>\n");
        });
    return new Page("c.html", "C names", "c", html.toString(), List.of(), List.of(), "", "text");
  }
}
