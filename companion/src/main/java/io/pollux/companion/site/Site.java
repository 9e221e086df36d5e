// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.CodeHtml;
import io.pollux.companion.text.Html;
import io.pollux.companion.text.NoteText;
import io.pollux.companion.text.Targets;
import io.pollux.companion.text.Text;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The site of a tree. */
public final class Site {
  /** Where the texts are in the tree. */
  private static final String TEXTS = "companion/src/main/resources/io/pollux/companion/text";

  /** An excerpt has at most this many lines. */
  private static final int LONGEST_EXCERPT = 56;

  private final Path root;
  private final Path dir;
  private final SourceTree tree;
  private final Faults faults;
  private final Series series;
  private final Ledger ledger;
  private final Generated generated;
  private final Targets targets = new SiteTargets();
  private final Set<String> pages = new HashSet<>(); // paths, before they are written

  private Site(Path root, Path dir, SourceTree tree, Faults faults) throws IOException {
    this.root = root;
    this.dir = dir;
    this.tree = tree;
    this.faults = faults;
    series = Series.read(root);
    ledger = new Ledger(tree, faults);
    generated = new Generated(root.resolve(TEXTS), tree, series, targets, faults);
  }

  /** What was written: pages, bytes and links. */
  public record Size(int pages, long bytes, int links) {}

  /**
   * Writes the site. The directory is emptied first.
   *
   * @param root the tree of sources
   * @param dir the directory of the site
   * @param faults receives what is wrong; then the site is not complete
   */
  public static Size write(Path root, Path dir, SourceTree tree, Faults faults) throws IOException {
    return new Site(root, dir, tree, faults).write();
  }

  private Size write() throws IOException {
    List<Text> texts = new ArrayList<>();
    for (Path path : textsIn("pages")) {
      Text text = Text.read(root, path);
      texts.add(text);
      pages.add(pathOf(path));
    }
    List<Path> paths = textsIn("pages");
    List<Text> patches = new ArrayList<>();
    for (Path path : textsIn("patches")) {
      patches.add(Text.read(root, path));
    }
    List<NoteText> notes = new ArrayList<>();
    for (Path path : textsIn("notes")) {
      notes.addAll(NoteText.read(root, path));
    }
    pages.addAll(List.of("c.html", "ledger.html", "src/index.html"));
    series.patches().forEach(patch -> pages.add(patch.path()));

    Output output = new Output(dir);
    for (int i = 0; i < texts.size(); i++) {
      output.add(page(texts.get(i), pathOf(paths.get(i))));
    }
    new PatchPages(tree, series, ledger, targets, faults, patches).add(output);
    output.add(ledger.page(series));
    output.add(CNames.page(tree));
    new SourcePages(tree, new Notes(tree, notes, targets, faults), ledger).add(output);
    if (!faults.isEmpty()) {
      return new Size(0, 0, 0);
    }
    empty();
    output.write();
    for (Text text : texts) {
      for (String data : text.all("data")) {
        data(data, output);
      }
    }
    SearchIndex index = new SearchIndex();
    output.pages().values().forEach(index::add);
    index.add(tree);
    output.write("assets/search-index.js", index.script());
    int links = LinkCheck.check(dir, output.pages().keySet(), faults);
    return new Size(output.pages().size(), output.bytes(), links);
  }

  /** Removes the pages of an earlier build, and nothing in a directory that is no site. */
  private void empty() throws IOException {
    if (!Files.exists(dir)) {
      return;
    }
    try (Stream<Path> all = Files.list(dir)) {
      if (all.findAny().isPresent() && !Files.exists(dir.resolve("assets/companion.js"))) {
        throw new IOException("the directory is not empty, and is no companion");
      }
    }
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        if (!each.equals(dir)) {
          Files.delete(each);
        }
      }
    }
  }

  /** Data of a page becomes a script, because a page from file:// cannot fetch. */
  private void data(String name, Output output) throws IOException {
    Path file = root.resolve(TEXTS).resolve("data").resolve(name + ".json");
    output.write(
        "data/" + name + ".js",
        "pollux.data[\"" + name + "\"]=" + Files.readString(file).strip() + ";\n");
  }

  private List<Path> textsIn(String part) throws IOException {
    Path in = root.resolve(TEXTS).resolve(part);
    if (!Files.isDirectory(in)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(in)) {
      return all.filter(path -> path.toString().endsWith(".md")).sorted().toList();
    }
  }

  private String pathOf(Path text) {
    String path = root.resolve(TEXTS).resolve("pages").relativize(text).toString();
    return path.replaceFirst("\\.md$", ".html");
  }

  private Page page(Text text, String path) {
    String top = "";
    if (!text.first("lead").isEmpty()) {
      top = "<p class=lead>" + Html.escape(text.first("lead")) + "</p>\n";
    }
    String title = text.first("title");
    if (title.isEmpty()) {
      faults.add(text.name(), "there is no title in the front matter");
    }
    return new Page(
        path,
        title,
        text.first("section"),
        "<h1>"
            + Html.escape(title)
            + "</h1>\n"
            + top
            + text.html(targets, Page.rootOf(path), faults),
        text.all("scripts"),
        text.all("data").stream().map(name -> "data/" + name + ".js").toList(),
        title + " " + text.words(),
        "text " + text.first("kind"));
  }

  /** Resolves what texts name. */
  private final class SiteTargets implements Targets {
    @Override
    public @Nullable String link(String scheme, String name) {
      return switch (scheme) {
        case "java", "test" -> java(name);
        case "c" -> tree.ofC(name).isEmpty() ? null : "c.html#" + name;
        case "patch" ->
            series.patches().stream().anyMatch(patch -> name.equals(patch.number() + ""))
                ? Series.pathOf(Integer.parseInt(name))
                : null;
        case "page" -> {
          int hash = name.indexOf('#');
          String path = (hash < 0 ? name : name.substring(0, hash)) + ".html";
          yield pages.contains(path) ? path + (hash < 0 ? "" : name.substring(hash)) : null;
        }
        default -> null;
      };
    }

    private @Nullable String java(String name) {
      Decl decl = tree.find(name);
      return decl == null ? null : "src/" + decl.href();
    }

    @Override
    public @Nullable String code(String code) {
      String name = code.endsWith("()") ? code.substring(0, code.length() - 2) : code;
      if (!tree.ofC(name).isEmpty() && name.contains("_")) {
        return "c.html#" + name;
      }
      if (name.isEmpty() || !Character.isUpperCase(name.charAt(0))) {
        return null;
      }
      Decl decl = tree.find(name);
      if (decl == null || (decl.file().test() && !name.contains("#"))) {
        return null;
      }
      return "src/" + decl.href();
    }

    @Override
    public @Nullable String excerpt(String name, String toRoot) {
      Decl decl = tree.find(name);
      if (decl == null) {
        return null;
      }
      int first = decl.line();
      int end = decl.file().lineOf(Math.max(decl.nameAt(), decl.end() - 1));
      int last = Math.min(end, first + LONGEST_EXCERPT - 1);
      return "<figure class=\"excerpt\"><figcaption><a href=\""
          + toRoot
          + "src/"
          + decl.href()
          + "\">"
          + Html.escape(decl.shown())
          + "</a></figcaption><pre class=\"code\"><code>"
          + CodeHtml.excerpt(decl.file(), first, last, toRoot + "src/")
          + (last < end
              ? "<a class=\"more\" href=\""
                  + toRoot
                  + "src/"
                  + decl.file().page()
                  + "#L"
                  + (last + 1)
                  + "\">… "
                  + (end - last)
                  + " more lines</a>"
              : "")
          + "</code></pre></figure>";
    }

    @Override
    public @Nullable String figure(String name) {
      Path file = root.resolve(TEXTS).resolve("figures").resolve(name + ".svg");
      try {
        return Files.exists(file)
            ? Files.readString(file).replaceAll("(?s)<!--.*?-->\\s*", "").strip()
            : null;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public @Nullable String generated(String name, String body, String toRoot) {
      return generated.html(name, body, toRoot);
    }
  }
}
