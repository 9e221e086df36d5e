// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The differences from the posting: a page, and a part of each patch's page. */
final class Ledger {
  /** What each kind means, in the words of {@code Differs.Kind}. */
  private static final Map<String, String> KINDS =
      Map.of(
          "OURS", "another choice, or the posting leaves it open",
          "FIXES", "the posting has a fault here",
          "SIMPLER", "the posting does more, without effect here",
          "LATER", "came to Linux after the posting");

  private final SourceTree tree;
  private final List<Decl.Difference> rows;

  Ledger(SourceTree tree, Faults faults) {
    this.tree = tree;
    rows =
        tree.decls()
            .flatMap(decl -> decl.differences().stream())
            .sorted(
                Comparator.comparingInt(
                        (Decl.Difference row) -> row.patch() == 0 ? 99 : row.patch())
                    .thenComparing(row -> row.decl().shown())
                    .thenComparing(Decl.Difference::why))
            .toList();
    for (Decl.Difference row : rows) {
      if (tree.find(row.test()) == null) {
        faults.add(row.decl().file() + ":" + row.decl().line(), row.test() + " does not exist");
      }
    }
  }

  String anchor(Decl.Difference row) {
    return "d" + (rows.indexOf(row) + 1);
  }

  List<Decl.Difference> of(int patch) {
    return rows.stream().filter(row -> row.patch() == patch).toList();
  }

  /** A list of rows. */
  String html(List<Decl.Difference> some, String root, boolean anchors) {
    StringBuilder html = new StringBuilder("<dl class=ledger>\n");
    for (Decl.Difference row : some) {
      String kind = row.kind().toLowerCase(Locale.ROOT);
      html.append("<dt").append(anchors ? " id=" + anchor(row) : "").append("><a href=\"");
      html.append(root).append("src/").append(row.decl().href()).append("\"><code>");
      html.append(Html.escape(row.decl().shown())).append("</code></a> <span class=kind title=\"");
      html.append(KINDS.getOrDefault(row.kind(), "")).append("\">").append(kind);
      html.append("</span></dt>\n<dd>").append(Html.escape(row.why()));
      Decl test = tree.find(row.test());
      if (test != null) {
        html.append("<span class=pin>Pinned by <a href=\"").append(root).append("src/");
        html.append(test.href()).append("\">").append(Html.escape(test.toString()));
        html.append("</a></span>");
      }
      html.append("</dd>\n");
    }
    return html.append("</dl>\n").toString();
  }

  Page page(Series series) {
    StringBuilder html = new StringBuilder("<h1>Where this kernel differs</h1>\n");
    html.append("<p class=lead>").append(rows.size());
    html.append(
        " differences from the posting. Each is declared with <code>@Differs</code> where the code"
            + " is, and each is pinned by a test that fails if it goes away.</p>\n");
    html.append("<dl class=kinds>");
    for (String kind : List.of("OURS", "FIXES", "SIMPLER", "LATER")) {
      long count = rows.stream().filter(row -> row.kind().equals(kind)).count();
      html.append("<dt>").append(kind.toLowerCase(Locale.ROOT)).append(" <span>").append(count);
      html.append("</span></dt><dd>").append(KINDS.get(kind)).append("</dd>");
    }
    html.append("</dl>\n");
    for (Series.Patch patch : series.patches()) {
      List<Decl.Difference> some = of(patch.number());
      if (!some.isEmpty()) {
        html.append("<h2 id=p").append(patch.number()).append("><a href=\"");
        html.append(patch.path()).append("\">Patch ").append(patch.number()).append("</a> ");
        html.append("<small>").append(Html.escape(patch.subject())).append("</small></h2>\n");
        html.append(html(some, "", true));
      }
    }
    List<Decl.Difference> others = of(0);
    if (!others.isEmpty()) {
      html.append("<h2 id=p0>Beside the series <small>code that the series calls, or that came");
      html.append(" later</small></h2>\n").append(html(others, "", true));
    }
    return new Page(
        "ledger.html",
        "Differences",
        "ledger",
        html.toString(),
        List.of(),
        List.of(),
        "differences from the posting ledger differs",
        "text");
  }
}
