// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.words;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Masks everything in a file that is not prose. The result has the length of the file, so an offset
 * is valid in both. {@link #BREAK} stands where no sentence continues; code inside a sentence
 * becomes one word of {@link #CODE}.
 */
final class Prose {
  static final char BREAK = '\f';
  static final char CODE = 'x';

  private static final Pattern FENCE = Pattern.compile("(?ms)^ *```.*?^ *``` *$");
  private static final Pattern COMMENT = Pattern.compile("(?s)<!--.*?-->");
  private static final Pattern CODE_SPAN =
      Pattern.compile("(`+)[^`](?:.*?[^`])?\\1(?!`)", Pattern.DOTALL);
  private static final Pattern LINK_TARGET = Pattern.compile("\\]\\([^)\\s]*\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ .*$");
  private static final Pattern ITEM = Pattern.compile("(?m)^ *(?:[-*+]|\\d+\\.) ");
  private static final Pattern ROW = Pattern.compile("(?m)^ *\\|.*$");

  private static final Pattern STARS = Pattern.compile("(?m)^[ \\t]*\\*+(?!/)");
  private static final Pattern PRE = Pattern.compile("(?is)<pre\\b.*?</pre>");
  private static final Pattern CODE_TAG = Pattern.compile("(?is)<code>.*?</code>");
  private static final Pattern BLOCK_TAG =
      Pattern.compile(
          "(?i)</?(?:p|[uod]l|li|d[td]|table|t[rhd]|thead|tbody|caption|h\\d|br|div)\\b[^>]*>");
  private static final Pattern OTHER_TAG = Pattern.compile("</?[A-Za-z][^<>]*>");
  private static final Pattern NAMED_TAG =
      Pattern.compile("(?m)^\\s*@(?:param|throws|exception)\\s+\\S+");
  private static final Pattern TAG = Pattern.compile("(?m)^\\s*@\\w+");
  private static final Pattern LINK =
      Pattern.compile("(?s)\\{@link(?:plain)?\\s+((?:[^\\s()}]|\\([^)]*\\))+)");

  private Prose() {}

  static String ofMarkdown(String file) {
    char[] out = file.toCharArray();
    fill(out, FENCE.matcher(file), BREAK);
    fill(out, COMMENT.matcher(new String(out)), BREAK);
    fill(out, CODE_SPAN.matcher(new String(out)), CODE);
    fill(out, LINK_TARGET.matcher(new String(out)), ' ');
    fill(out, ITEM.matcher(new String(out)), BREAK);
    String text = new String(out);
    for (Matcher row = ROW.matcher(text); row.find(); ) {
      cells(out, row.start(), row.end());
    }
    for (Matcher heading = HEADING.matcher(text); heading.find(); ) {
      edges(out, heading.start(), heading.end());
    }
    return new String(out);
  }

  /** Javadoc comments only. */
  static String ofJava(String file) {
    char[] out = new char[file.length()];
    Arrays.fill(out, BREAK);
    for (int at = 0; at < file.length(); ) {
      int end = tokenEnd(file, at);
      if (file.startsWith("/**", at) && end - at > "/**/".length()) {
        javadoc(file.substring(at + 3, Math.max(at + 3, end - 2)))
            .getChars(0, Math.max(0, end - at - 5), out, at + 3);
      }
      at = end;
    }
    return new String(out);
  }

  /** The end of the comment, literal or character that starts at {@code at}. */
  private static int tokenEnd(String file, int at) {
    if (file.startsWith("/*", at)) {
      return after(file, "*/", at + 2);
    }
    if (file.startsWith("//", at)) {
      return after(file, "\n", at);
    }
    if (file.startsWith("\"\"\"", at)) {
      return literalEnd(file, "\"\"\"", at);
    }
    char first = file.charAt(at);
    return first == '"' || first == '\'' ? literalEnd(file, String.valueOf(first), at) : at + 1;
  }

  private static int literalEnd(String file, String quote, int at) {
    int end = at + quote.length();
    while (end < file.length() && !file.startsWith(quote, end)) {
      end += file.charAt(end) == '\\' ? 2 : 1;
    }
    return Math.min(file.length(), end + quote.length());
  }

  private static int after(String file, String what, int from) {
    int found = file.indexOf(what, from);
    return found < 0 ? file.length() : found + what.length();
  }

  private static String javadoc(String comment) {
    char[] out = comment.toCharArray();
    fill(out, STARS.matcher(comment), ' ');
    fill(out, PRE.matcher(new String(out)), BREAK);
    inlineTags(out);
    fill(out, CODE_TAG.matcher(new String(out)), CODE);
    fill(out, BLOCK_TAG.matcher(new String(out)), BREAK);
    fill(out, OTHER_TAG.matcher(new String(out)), ' ');
    fill(out, NAMED_TAG.matcher(new String(out)), BREAK);
    fill(out, TAG.matcher(new String(out)), BREAK);
    return new String(out);
  }

  private static void inlineTags(char[] out) {
    String text = new String(out);
    for (int at = text.indexOf("{@"); at >= 0; at = text.indexOf("{@", at + 1)) {
      int end = braceEnd(text, at);
      Matcher link = LINK.matcher(text).region(at, end);
      if (text.startsWith("{@snippet", at)) {
        Arrays.fill(out, at, end, BREAK);
      } else if (text.startsWith("{@return", at)) {
        Arrays.fill(out, at, at + "{@return".length(), ' ');
        out[end - 1] = BREAK;
      } else if (link.lookingAt() && !text.substring(link.end(), end - 1).isBlank()) {
        Arrays.fill(out, at, link.end(), ' '); // the label is prose
        out[end - 1] = ' ';
      } else {
        Arrays.fill(out, at, end, CODE);
      }
    }
  }

  private static int braceEnd(String text, int at) {
    int depth = 0;
    for (int i = at; i < text.length(); i++) {
      depth += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
      if (depth == 0) {
        return i + 1;
      }
    }
    return text.length();
  }

  private static void fill(char[] out, Matcher matcher, char with) {
    while (matcher.find()) {
      Arrays.fill(out, matcher.start(), matcher.end(), with);
    }
  }

  /** Ends a sentence at each border of a table's cell. */
  private static void cells(char[] out, int start, int end) {
    edges(out, start, end);
    for (int i = start; i < end; i++) {
      if (out[i] == '|' && (i == 0 || out[i - 1] != '\\')) {
        out[i] = BREAK;
      }
    }
  }

  /** Separates one line from its neighbours. */
  private static void edges(char[] out, int start, int end) {
    out[start] = BREAK;
    if (end < out.length) {
      out[end] = BREAK;
    }
  }
}
