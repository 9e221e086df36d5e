// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Ref;
import io.pollux.companion.source.SourceFile;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.CodeHtml;
import io.pollux.companion.text.Html;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A page for each Java file, and the list of them. */
final class SourcePages {
  /** A method has at most this many links to implementations beside it. */
  private static final int MOST_BESIDE = 5;

  private static final String TIMES = "\u00a0×\u00a0"; // on one line with its name

  private final SourceTree tree;
  private final Notes notes;
  private final Ledger ledger;

  SourcePages(SourceTree tree, Notes notes, Ledger ledger) {
    this.tree = tree;
    this.notes = notes;
    this.ledger = ledger;
  }

  void add(Output output) {
    for (SourceFile file : tree.files()) {
      output.add(page(file));
    }
    output.add(index());
  }

  private Page page(SourceFile file) {
    StringBuilder html = new StringBuilder();
    html.append("<p class=path>");
    html.append(Html.escape(file.path().toString())).append("</p>\n<h1>");
    html.append(
        Html.escape(
            file.simpleName().equals("package-info") ? file.packageName() : file.simpleName()));
    html.append("</h1>\n");
    if (!file.decls().isEmpty() && !file.decls().getFirst().doc().isEmpty()) {
      html.append("<p class=lead>")
          .append(Html.escape(file.decls().getFirst().doc()))
          .append("</p>\n");
    }
    outline(file, html);
    listing(file, html);
    for (Decl decl : file.decls()) {
      if (CodeHtml.hasUses(decl)) {
        uses(decl, html);
      }
    }
    return new Page(
        "src/" + file.page(),
        file.simpleName(),
        "source",
        html.toString(),
        List.of(),
        List.of(),
        "",
        "source");
  }

  private static void outline(SourceFile file, StringBuilder html) {
    if (file.decls().size() < 4) {
      return;
    }
    html.append("<details class=outline><summary>Members</summary><ul>");
    for (Decl decl : file.decls()) {
      html.append("<li><a href=#").append(decl.id()).append('>');
      html.append(Html.escape(decl.name() + decl.signature())).append("</a>");
      boolean lead = decl == file.decls().getFirst(); // the page begins with its sentence
      if (!decl.doc().isEmpty() && !lead && !file.test()) {
        html.append(" <span>").append(Html.escape(decl.doc())).append("</span>");
      }
    }
    html.append("</ul></details>\n");
  }

  private void listing(SourceFile file, StringBuilder html) {
    Map<Integer, List<Decl>> badges = new TreeMap<>();
    for (Decl decl : file.decls()) {
      if (!decl.patches().isEmpty()
          || !decl.differences().isEmpty()
          || !decl.implementers().isEmpty()) {
        badges.computeIfAbsent(decl.line(), line -> new ArrayList<>()).add(decl);
      }
    }
    String[] lines = CodeHtml.lines(file);
    html.append("<div class=listing><pre class=code tabindex=0>");
    for (int i = 0; i < file.lines(); i++) {
      List<String> beside = notes.at(file, i + 1);
      if (!beside.isEmpty()) {
        html.append("</pre>");
        beside.forEach(html::append);
        html.append("<pre class=code>");
      }
      html.append(LineAnchors.LINE).append(i + 1).append("></i>").append(lines[i]);
      for (Decl decl : badges.getOrDefault(i + 1, List.of())) {
        badge(decl, html);
      }
      html.append('\n');
    }
    html.append("</pre></div>\n");
  }

  private void badge(Decl decl, StringBuilder html) {
    for (int patch : decl.patches()) {
      html.append("<a class=badge href=\"../").append(Series.pathOf(patch)).append("\">patch ");
      html.append(patch).append("</a>");
    }
    for (Decl.Difference difference : decl.differences()) {
      html.append("<a class=\"badge differs\" href=\"../ledger.html#");
      html.append(ledger.anchor(difference)).append("\" title=\"");
      html.append(Html.escape(difference.why())).append("\">differs</a>");
    }
    implementers(decl, html);
  }

  /** Links to the implementations of a method; the list of its uses has those left out. */
  private static void implementers(Decl decl, StringBuilder html) {
    List<Decl> all = decl.implementers();
    int beside = all.size() > MOST_BESIDE ? MOST_BESIDE - 1 : all.size();
    for (Decl each : all.subList(0, beside)) {
      html.append("<a class=badge href=").append(each.href()).append(">in ");
      html.append(Html.escape(each.owner())).append("</a>");
    }
    if (beside < all.size()) {
      html.append("<a class=badge href=#u-").append(decl.id()).append(">in ");
      html.append(all.size() - beside).append(" more</a>");
    }
  }

  /** Where a declaration is used: hidden until its name is followed. */
  private static void uses(Decl decl, StringBuilder html) {
    html.append("<section class=uses id=u-").append(decl.id()).append("><h2><a href=#");
    html.append(decl.id()).append('>').append(Html.escape(decl.shown() + decl.signature()));
    html.append("</a></h2>");
    boolean type = decl.kind() == Decl.Kind.TYPE;
    group(type ? "Extends or implements" : "Overrides", decl.supers(), html);
    group(type ? "Implemented or extended by" : "Implemented or overridden by", decl.subs(), html);
    Map<SourceFile, Map<String, List<Ref>>> main = new LinkedHashMap<>();
    Map<SourceFile, Map<String, List<Ref>>> tests = new LinkedHashMap<>();
    for (Ref ref : decl.uses()) {
      Decl from = ref.from();
      String caller = from == null || from.kind() == Decl.Kind.TYPE ? "" : from.name();
      (ref.file().test() ? tests : main)
          .computeIfAbsent(ref.file(), file -> new TreeMap<>())
          .computeIfAbsent(caller, name -> new ArrayList<>())
          .add(ref);
    }
    callers(decl.file(), main, html);
    testers(tests, html);
    html.append("</section>\n");
  }

  private static void group(String title, List<Decl> decls, StringBuilder html) {
    if (decls.isEmpty()) {
      return;
    }
    html.append("<h3>").append(title).append("</h3><ul>");
    for (Decl decl : decls) {
      html.append("<li><a href=").append(decl.href()).append('>');
      html.append(Html.escape(decl.shown())).append("</a>");
    }
    html.append("</ul>");
  }

  /** The methods that use a declaration, each with its first line and the number of lines. */
  private static void callers(
      SourceFile page, Map<SourceFile, Map<String, List<Ref>>> files, StringBuilder html) {
    if (files.isEmpty()) {
      return;
    }
    html.append("<h3>Used by</h3><ul>");
    files.forEach(
        (file, callers) -> {
          String to = file == page ? "#L" : file.page() + "#L";
          html.append("<li>").append(Html.escape(file.simpleName()));
          callers.forEach(
              (caller, refs) -> {
                long lines = refs.stream().mapToInt(Ref::line).distinct().count();
                int first = refs.stream().mapToInt(Ref::line).min().orElse(0);
                html.append(" <a href=").append(to).append(first).append('>');
                html.append(caller.isEmpty() ? first + "" : Html.escape(caller)).append("</a>");
                html.append(lines > 1 ? TIMES + lines : "");
              });
        });
    html.append("</ul>");
  }

  /** The tests that use a declaration, each with its first line and the number of uses. */
  private static void testers(Map<SourceFile, Map<String, List<Ref>>> files, StringBuilder html) {
    if (files.isEmpty()) {
      return;
    }
    html.append("<h3>In tests</h3><p>");
    files.forEach(
        (file, callers) -> {
          int first = Integer.MAX_VALUE;
          int count = 0;
          for (List<Ref> refs : callers.values()) {
            count += refs.size();
            for (Ref ref : refs) {
              first = Math.min(first, ref.line());
            }
          }
          html.append("<a href=").append(file.page()).append("#L").append(first).append('>');
          html.append(Html.escape(file.simpleName())).append("</a>");
          html.append(count > 1 ? " × " + count : "").append(' ');
        });
    html.append("</p>");
  }

  private Page index() {
    StringBuilder html = new StringBuilder();
    html.append("<h1>Source</h1>\n<p class=lead>Every Java file, by module, from the bottom up. ");
    html.append(
        "Follow a name to its declaration, and the name of a declaration to its uses.</p>\n");
    html.append("<p class=toc>");
    for (String module : tree.modules()) {
      if (tree.files().stream().anyMatch(file -> file.module().equals(module))) {
        html.append("<a href=\"#").append(Html.slug(module)).append("\">").append(module);
        html.append("</a> ");
      }
    }
    html.append("</p>\n");
    for (String module : tree.modules()) {
      Map<String, List<SourceFile>> packages = new TreeMap<>();
      List<SourceFile> tests = new ArrayList<>();
      for (SourceFile file : tree.files()) {
        if (!file.module().equals(module)) {
          continue;
        }
        if (file.test()) {
          tests.add(file);
        } else {
          packages.computeIfAbsent(file.packageName(), name -> new ArrayList<>()).add(file);
        }
      }
      if (packages.isEmpty() && tests.isEmpty()) {
        continue;
      }
      html.append("<h2 id=\"")
          .append(Html.slug(module))
          .append("\">")
          .append(module)
          .append("</h2>\n");
      packages.forEach(
          (name, files) -> {
            html.append("<h3>").append(name).append("</h3>\n<ul class=files>");
            files.forEach(file -> file(file, html));
            html.append("</ul>\n");
          });
      if (!tests.isEmpty()) {
        html.append("<details><summary>")
            .append(tests.size())
            .append(" test files</summary><ul class=files>");
        tests.forEach(file -> file(file, html));
        html.append("</ul></details>\n");
      }
    }
    return new Page(
        "src/index.html", "Source", "source", html.toString(), List.of(), List.of(), "", "text");
  }

  private static void file(SourceFile file, StringBuilder html) {
    html.append("<li><a href=\"").append(file.page()).append("\">");
    html.append(Html.escape(file.simpleName())).append("</a>");
    if (!file.decls().isEmpty()) {
      html.append(" <span>").append(Html.escape(file.decls().getFirst().doc())).append("</span>");
    }
    html.append("</li>");
  }
}
