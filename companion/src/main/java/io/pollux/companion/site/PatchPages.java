// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.Sentence;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import io.pollux.companion.text.Targets;
import io.pollux.companion.text.Text;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A page for each patch: its text, then what the annotations say: C names, differences and tests.
 */
final class PatchPages {
  private final SourceTree tree;
  private final Series series;
  private final Ledger ledger;
  private final Targets targets;
  private final Faults faults;
  private final Map<Integer, Text> texts = new HashMap<>();

  PatchPages(
      SourceTree tree,
      Series series,
      Ledger ledger,
      Targets targets,
      Faults faults,
      List<Text> all) {
    this.tree = tree;
    this.series = series;
    this.ledger = ledger;
    this.targets = targets;
    this.faults = faults;
    for (Text text : all) {
      texts.put(Integer.parseInt(text.first("patch")), text);
    }
  }

  void add(Output output) {
    for (Series.Patch patch : series.patches()) {
      Text text = texts.get(patch.number());
      if (text == null) {
        faults.add(Series.FILE, "patch " + patch.number() + " has no text");
        continue;
      }
      output.add(page(patch, text));
    }
  }

  private Page page(Series.Patch patch, Text text) {
    StringBuilder html = new StringBuilder();
    html.append("<p class=path>Patch ").append(patch.number()).append(" of ");
    html.append(series.patches().size()).append("</p>\n<h1 class=subject>");
    html.append(Html.escape(patch.subject())).append("</h1>\n");
    if (!text.first("lead").isEmpty()) {
      html.append("<p class=lead>").append(Html.escape(text.first("lead"))).append("</p>\n");
    }
    html.append("<p class=toc>");
    text.headings()
        .forEach(
            each ->
                html.append("<a href=\"#" + each.getKey() + "\">" + Html.escape(each.getValue()))
                    .append("</a> "));
    html.append("<a href=#c-and-java>C and Java</a> <a href=#differences>Differences</a>");
    html.append(" <a href=#tests>Tests</a></p>\n");
    html.append(text.html(targets, "../", faults));
    names(patch, html);
    differences(patch, html);
    tests(patch, html);
    pager(patch, html);
    return new Page(
        patch.path(),
        patch.number() + ". " + patch.subject(),
        "patches",
        html.toString(),
        List.of(),
        List.of(),
        patch.subject() + " " + patch.summary() + " " + text.words(),
        "text patch");
  }

  private void names(Series.Patch patch, StringBuilder html) {
    html.append("<h2 id=c-and-java>C and Java</h2>\n<div class=table><table><thead><tr>");
    html.append("<th>C</th><th>Java</th><th>what it does</th></tr></thead><tbody>\n");
    for (String name : patch.names()) {
      List<Decl> decls = homes(patch, name);
      if (decls.isEmpty()) {
        faults.add(
            Series.FILE, "no element has the C name " + name + " of patch " + patch.number());
      }
      for (Decl decl : decls) {
        html.append("<tr><td><a href=\"../c.html#").append(name).append("\"><code>").append(name);
        html.append("</code></a></td>");
        java(decl, html);
      }
    }
    tree.decls()
        .filter(decl -> decl.patches().contains(patch.number()) && !decl.file().test())
        .filter(decl -> decl.linux().isEmpty())
        .forEach(
            decl -> {
              html.append("<tr><td></td>");
              java(decl, html);
            });
    html.append("</tbody></table></div>\n");
  }

  private static void java(Decl decl, StringBuilder html) {
    html.append("<td><a href=\"../src/").append(decl.href()).append("\"><code>");
    html.append(Html.escape(decl.shown())).append("</code></a></td><td>");
    html.append(Html.escape(decl.doc()));
    String comma = " Implemented in ";
    for (Decl each : decl.implementers()) {
      html.append(comma).append("<a href=\"../src/").append(each.href()).append("\"><code>");
      html.append(Html.escape(each.owner())).append("</code></a>");
      comma = ", ";
    }
    html.append("</td></tr>\n");
  }

  /** The counterparts of a C name; those marked with the patch, if there are any. */
  private List<Decl> homes(Series.Patch patch, String name) {
    List<Decl> all = tree.ofC(name).stream().filter(decl -> !decl.file().test()).toList();
    List<Decl> marked = all.stream().filter(decl -> marked(decl, patch.number())).toList();
    return marked.isEmpty() ? all : marked;
  }

  private static boolean marked(Decl decl, int patch) {
    return decl.patches().contains(patch);
  }

  private void differences(Series.Patch patch, StringBuilder html) {
    html.append("<h2 id=differences>Where this kernel differs</h2>\n");
    List<Decl.Difference> rows = ledger.of(patch.number());
    if (rows.isEmpty()) {
      html.append("<p>Nowhere that is known: the ledger has no entry for this patch.</p>\n");
    } else {
      html.append(ledger.html(rows, "../", false));
    }
  }

  private void tests(Series.Patch patch, StringBuilder html) {
    html.append("<h2 id=tests>Tests</h2>\n<ul class=tests>");
    List<Decl> tests = new ArrayList<>();
    tree.decls()
        .filter(decl -> decl.file().test() && marked(decl, patch.number()))
        .forEach(tests::add);
    for (Decl.Difference row : ledger.of(patch.number())) {
      Decl test = tree.find(row.test());
      if (test != null && !tests.contains(test)) {
        tests.add(test);
      }
    }
    if (tests.isEmpty()) {
      faults.add(Series.FILE, "patch " + patch.number() + " has no test");
    }
    for (Decl test : tests) {
      html.append("<li><a href=\"../src/").append(test.href()).append("\"><code>");
      html.append(Html.escape(test.toString())).append("</code></a> ");
      html.append(Html.escape(pins(test))).append("</li>\n");
    }
    html.append("</ul>\n");
  }

  /** What a test pins: its comment, or else the words of its name. */
  private static String pins(Decl test) {
    return test.doc().isEmpty() ? Sentence.ofName(test.name()) + "." : test.doc();
  }

  private void pager(Series.Patch patch, StringBuilder html) {
    html.append("<nav class=pager aria-label=\"Patches\">");
    neighbour(patch.number() - 1, "prev", "←", html);
    neighbour(patch.number() + 1, "next", "→", html);
    html.append("</nav>\n");
  }

  private void neighbour(int number, String rel, String arrow, StringBuilder html) {
    for (Series.Patch each : series.patches()) {
      if (each.number() == number) {
        html.append("<a rel=").append(rel).append(" href=\"../").append(each.path()).append("\">");
        html.append("<span>").append(arrow).append(" Patch ").append(number).append("</span> ");
        html.append(Html.escape(each.subject())).append("</a>");
      }
    }
  }
}
