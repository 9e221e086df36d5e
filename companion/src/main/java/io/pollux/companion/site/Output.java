// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import com.samskivert.mustache.Mustache;
import com.samskivert.mustache.Template;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes pages in their frame, and the files that they use. */
final class Output {
  /** The navigation: section, title, page. */
  private static final List<List<String>> NAVIGATION =
      List.of(
          List.of("start", "Start", "start.html"),
          List.of("patches", "Patches", "patch/index.html"),
          List.of("life", "Life of a request", "life/index.html"),
          List.of("ring", "Rings", "ring.html"),
          List.of("maps", "Maps", "maps/index.html"),
          List.of("source", "Source", "src/index.html"),
          List.of("c", "C names", "c.html"),
          List.of("ledger", "Differences", "ledger.html"),
          List.of("numbers", "Numbers", "numbers.html"),
          List.of("glossary", "Glossary", "glossary.html"));

  private static final List<String> ASSETS =
      List.of(
          "style.css",
          "life.css",
          "theme.js",
          "companion.js",
          "search.js",
          "draw.js",
          "life.js",
          "ring-model.js",
          "ring.js");

  private static final String LUNR = "META-INF/resources/webjars/lunr/2.3.9/lunr.min.js";

  private final Path dir;
  private final Template frame;
  private final Map<String, Page> pages = new LinkedHashMap<>();
  private long bytes;

  Output(Path dir) throws IOException {
    this.dir = dir;
    frame = Mustache.compiler().escapeHTML(true).compile(asset("frame.html"));
  }

  /** A resource of the generator. */
  static String asset(String name) throws IOException {
    try (InputStream in = Output.class.getResourceAsStream("/io/pollux/companion/assets/" + name)) {
      if (in == null) {
        throw new IllegalStateException("no asset " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Adds a page. Pages are written in the end, when it is known which exist. */
  void add(Page page) {
    pages.put(page.path(), page);
  }

  boolean has(String path) {
    return pages.containsKey(path);
  }

  Map<String, Page> pages() {
    return pages;
  }

  /** Writes all pages, and the scripts and styles. */
  void write() throws IOException {
    LineAnchors lines = new LineAnchors(pages.values());
    for (Page page : pages.values()) {
      write(page, lines.body(page));
    }
    for (String name : ASSETS) {
      write("assets/" + name, asset(name));
    }
    try (InputStream in = Output.class.getClassLoader().getResourceAsStream(LUNR)) {
      if (in == null) {
        throw new IllegalStateException("no " + LUNR);
      }
      write("assets/lunr.min.js", new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  private void write(Page page, String body) throws IOException {
    String root = Page.rootOf(page.path());
    List<Map<String, Object>> navigation = new ArrayList<>();
    for (List<String> entry : NAVIGATION) {
      if (pages.containsKey(entry.get(2))) {
        navigation.add(
            Map.of(
                "title", entry.get(1),
                "href", root + entry.get(2),
                "current", entry.get(0).equals(page.section())));
      }
    }
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("title", page.title());
    values.put("root", root);
    values.put("navigation", navigation);
    values.put("body", body);
    values.put("kind", page.kind());
    values.put("scripts", page.scripts());
    values.put("data", page.data());
    write(page.path(), frame.execute(values));
  }

  /** Writes a file. */
  void write(String path, String text) throws IOException {
    Path file = dir.resolve(path);
    Files.createDirectories(file.getParent());
    byte[] content = text.getBytes(StandardCharsets.UTF_8);
    bytes += content.length;
    Files.write(file, content);
  }

  /** The size of the files written so far. */
  long bytes() {
    return bytes;
  }
}
