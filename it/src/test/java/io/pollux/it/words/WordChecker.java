// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.words;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reports pronouns that hide the actor, and long sentences. A list item, a table cell, a heading
 * and a Javadoc tag are sentences of their own. Code counts as one word and is not searched.
 */
final class WordChecker {
  /** The longest sentence that passes, in words. */
  static final int LONGEST = 40;

  /** {@code who} passes only after a noun for people; no thread has such a name. */
  private static final Pattern BARE =
      Pattern.compile(
          "(?i)(?<!\\b(?:people|engineers|developers|programmers)\\s)\\bwho\\b"
              + "|\\b(?:whoever|whom|whomever|he|him|his|himself|(?:some|any|every|no)body|(?:some|any|every)one)\\b");

  private static final Pattern END =
      Pattern.compile(
          Prose.BREAK + "|\\n\\s*\\n|(?<!\\be\\.g|\\bi\\.e|\\bcf|\\bvs)[.!?][)\"'*_]*(?=\\s)");
  private static final Pattern WORD = Pattern.compile("\\S*[\\p{L}\\p{N}]\\S*");
  private static final Pattern LINE = Pattern.compile("\\n");

  /** One place that breaks a rule; {@code line} counts from 1. */
  record Finding(String file, int line, String fault, String sentence) {
    @Override
    public String toString() {
      return file + ":" + line + ": " + fault + ": " + sentence;
    }
  }

  private WordChecker() {}

  /** Checks a page, a Java source, or all Java sources below {@code src/main} of a directory. */
  static List<Finding> check(Path root, String path, int longest) throws IOException {
    Path at = root.resolve(path);
    List<Path> files;
    if (Files.isDirectory(at)) {
      try (Stream<Path> all = Files.walk(at)) {
        files = all.filter(WordChecker::isMainSource).sorted().toList();
      }
    } else {
      files = List.of(at);
    }
    List<Finding> findings = new ArrayList<>();
    for (Path file : files) {
      findings.addAll(checkText(root.relativize(file).toString(), Files.readString(file), longest));
    }
    return findings;
  }

  static boolean isMainSource(Path file) {
    String name = file.toString();
    return name.contains("/src/main/") && name.endsWith(".java");
  }

  static List<Finding> checkText(String file, String text, int longest) {
    String prose = file.endsWith(".java") ? Prose.ofJava(text) : Prose.ofMarkdown(text);
    List<Finding> findings = new ArrayList<>();
    Matcher end = END.matcher(prose);
    int start = 0;
    while (end.find()) {
      sentence(file, text, prose, start, end.end(), longest, findings);
      start = end.end();
    }
    sentence(file, text, prose, start, prose.length(), longest, findings);
    return findings;
  }

  private static void sentence(
      String file,
      String text,
      String prose,
      int start,
      int end,
      int longest,
      List<Finding> findings) {
    int first = start;
    while (first < end && Character.isWhitespace(prose.charAt(first))) {
      first++;
    }
    if (first == end) {
      return;
    }
    String shown = text.substring(first, end).replaceAll("\\s*\\n[ \\t]*\\*?\\s*", " ").strip();
    for (Matcher bare = BARE.matcher(prose).region(first, end).useTransparentBounds(true);
        bare.find(); ) {
      findings.add(new Finding(file, line(text, bare.start()), "\"" + bare.group() + "\"", shown));
    }
    long words = WORD.matcher(prose).region(first, end).results().count();
    if (words > longest) {
      findings.add(new Finding(file, line(text, first), words + " words", shown));
    }
  }

  private static int line(String text, int offset) {
    return 1 + (int) LINE.matcher(text).region(0, offset).results().count();
  }
}
