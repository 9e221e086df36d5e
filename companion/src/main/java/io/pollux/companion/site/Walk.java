// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.CodeHtml;
import io.pollux.companion.text.Html;
import io.pollux.companion.text.Targets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A recorded request, step by step. The recording gives the steps and the places; the text gives a
 * line {@code point: sentence} for each step, and {@code = title} before the first step of a part.
 * A step without a line, a line without a step, and a place that the sources no longer have are
 * faults.
 */
final class Walk {
  /** Lines of source around the place of a step. */
  private static final int AROUND = 3;

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  private final SourceTree tree;
  private final Targets targets;
  private final Faults faults;
  private final String name;
  private final List<Map<?, ?>> steps = new ArrayList<>();

  /**
   * Reads a recording.
   *
   * @param texts the directory of the texts
   * @param name the recording: data/life-NAME.json
   */
  Walk(Path texts, String name, SourceTree tree, Targets targets, Faults faults) {
    this.tree = tree;
    this.targets = targets;
    this.faults = faults;
    this.name = name;
    Path file = texts.resolve("data/life-" + name + ".json");
    try {
      for (Object step : JSON.std.listFrom(Files.readString(file))) {
        steps.add((Map<?, ?>) step);
      }
    } catch (NoSuchFileException e) {
      faults.add("life-" + name, "there is no recording");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The steps as a list. A script shows one at a time; without it all are there. */
  String html(String body, String root) {
    StringBuilder html = new StringBuilder();
    html.append("<div class=\"walk wide\" data-walk=\"life-").append(name).append("\">\n");
    html.append("<ol class=steps>\n");
    int number = 0;
    String part = "";
    for (String line : body.strip().lines().toList()) {
      if (line.startsWith("= ")) {
        part = line.substring(2).strip();
        continue;
      }
      int colon = line.indexOf(": ");
      if (line.isBlank() || colon < 0) {
        continue;
      }
      number++;
      if (number > steps.size()) {
        fault(number, "the text has \"" + line.substring(0, colon) + "\", the recording ends");
        break;
      }
      Map<?, ?> step = steps.get(number - 1);
      String point = text(step, "point");
      if (!point.equals(line.substring(0, colon))) {
        fault(number, "the text has " + line.substring(0, colon) + ", the recording " + point);
        break;
      }
      step(html, number, part, step, line.substring(colon + 2), root);
    }
    if (number < steps.size()) {
      fault(number + 1, "the recording has " + text(steps.get(number), "point") + ", no text");
    }
    return html.append("</ol>\n</div>\n").toString();
  }

  private void fault(int step, String what) {
    faults.add("life-" + name + ", step " + step, what);
  }

  private static String text(Map<?, ?> step, String field) {
    return Objects.toString(step.get(field), "");
  }

  private void step(
      StringBuilder html, int number, String part, Map<?, ?> step, String sentence, String root) {
    html.append("<li id=step-").append(number);
    html.append(" data-part=\"").append(Html.escape(part)).append("\">\n<h3><code>");
    html.append(Html.escape(text(step, "point"))).append("</code> <small>");
    html.append(Html.escape(text(step, "thread"))).append("</small></h3>\n<p>");
    html.append(inline(sentence, root)).append("</p>\n");
    if (!text(step, "facts").isEmpty()) {
      html.append("<p class=facts>").append(Html.escape(text(step, "facts"))).append("</p>\n");
    }
    place(html, number, step, root);
    path(html, number, step, root);
    html.append("</li>\n");
  }

  private String inline(String sentence, String root) {
    Matcher code = CODE.matcher(Html.escape(sentence));
    return code.replaceAll(
        found -> {
          String target = targets.code(found.group(1));
          String span = "<code>" + found.group(1) + "</code>";
          return Matcher.quoteReplacement(
              target == null ? span : "<a href=\"" + root + target + "\">" + span + "</a>");
        });
  }

  private void place(StringBuilder html, int number, Map<?, ?> step, String root) {
    String at = text(step, "at");
    String words = text(step, "line");
    Decl decl = tree.find(at);
    if (decl == null) {
      fault(number, at + " does not exist: record the walk again");
      return;
    }
    if (words.isEmpty()) { // the program's own steps
      html.append("<p class=at>As in <a href=\"").append(root).append("src/").append(decl.href());
      html.append("\"><code>").append(Html.escape(decl.shown())).append("</code></a></p>\n");
      return;
    }
    Decl here = withWords(decl, words);
    if (here == null) {
      fault(number, at + " has no line \"" + words + "\": record the walk again");
      return;
    }
    int line = here.file().lineOf(here.file().text().indexOf(words, here.start()));
    int first = Math.max(here.file().lineOf(here.start()), line - AROUND);
    int last = Math.min(here.file().lineOf(here.end() - 1), line + AROUND);
    String prefix = root + "src/";
    List<String> lines =
        CodeHtml.excerpt(here.file(), first, last, prefix).stripTrailing().lines().toList();
    html.append("<figure class=excerpt><figcaption><a href=\"").append(prefix);
    html.append(here.file().page()).append("#L").append(line).append("\">");
    html.append(Html.escape(decl.shown())).append(", line ").append(line);
    html.append("</a></figcaption><pre class=code><code>");
    for (int i = 0; i < lines.size(); i++) {
      boolean marked = first + i == line;
      html.append(marked ? "<span class=here>" : "").append(lines.get(i));
      html.append(marked ? "</span>\n" : "\n");
    }
    html.append("</code></pre></figure>\n");
  }

  /** The method or the overload that has these words, or null. */
  private static @Nullable Decl withWords(Decl named, String words) {
    for (Decl decl : named.file().decls()) {
      if (decl.shown().equals(named.shown())) {
        int at = decl.file().text().indexOf(words, decl.start());
        if (at >= 0 && at < decl.end()) {
          return decl;
        }
      }
    }
    return null;
  }

  private void path(StringBuilder html, int number, Map<?, ?> step, String root) {
    if (!(step.get("path") instanceof List<?> path) || path.isEmpty()) {
      return;
    }
    html.append("<details class=path><summary>Called by ").append(path.size());
    html.append(path.size() == 1 ? " method" : " methods").append("</summary><ol>");
    for (Object caller : path) {
      @Nullable Decl decl = tree.find(caller.toString());
      if (decl == null) {
        fault(number, caller + " does not exist: record the walk again");
        continue;
      }
      html.append("<li><a href=\"").append(root).append("src/").append(decl.href());
      html.append("\"><code>").append(Html.escape(decl.shown())).append("</code></a></li>");
    }
    html.append("</ol></details>\n");
  }
}
