// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.Ref;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The lock order, from the constants of {@code LockClass} and the places that take them. */
final class LockMap {
  private static final String ORDER = "LockClass";

  private final SourceTree tree;
  private final Faults faults;

  LockMap(SourceTree tree, Faults faults) {
    this.tree = tree;
    this.faults = faults;
  }

  String html(String root) {
    Decl order = tree.find(ORDER);
    if (order == null) {
      faults.add(ORDER, "does not exist, and the map of the locks is made from it");
      return "";
    }
    List<Decl> constants = order.file().decls().stream().filter(Decl::constant).toList();
    StringBuilder html = new StringBuilder("<ol class=locks>\n");
    boolean before = true;
    for (Decl constant : constants) {
      boolean sleeps =
          order.file().text().substring(constant.nameAt(), constant.end()).endsWith("true)");
      if (before && !sleeps) {
        html.append("<li class=rule>Below this line a holder does not sleep.</li>\n");
      }
      before = sleeps;
      html.append("<li").append(sleeps ? "" : " class=spin").append("><a href=\"").append(root);
      html.append("src/").append(constant.href()).append("\"><code>").append(constant.name());
      html.append("</code></a> <span>").append(Html.escape(constant.doc())).append("</span>");
      Set<Decl> takers = new LinkedHashSet<>();
      for (Ref ref : constant.uses()) {
        if (!ref.file().test() && ref.from() != null && ref.file() != order.file()) {
          takers.add(ref.from());
        }
      }
      if (!takers.isEmpty()) {
        html.append("<small>named in ");
        String comma = "";
        for (Decl taker : takers) {
          html.append(comma).append("<a href=\"").append(root).append("src/");
          html.append(taker.href()).append("\">").append(Html.escape(taker.shown())).append("</a>");
          comma = ", ";
        }
        html.append("</small>");
      }
      html.append("</li>\n");
    }
    return html.append("</ol>\n").toString();
  }
}
