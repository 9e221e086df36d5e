// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

/** Plain words from documentation comments and names. */
public final class Sentence {
  private Sentence() {}

  /** The first sentence of a documentation comment, without its tags. */
  static String firstOf(String doc) {
    StringBuilder plain = new StringBuilder();
    int at = 0;
    while (at < doc.length()) { // at grows in each turn
      char c = doc.charAt(at);
      if (c == '{' && doc.startsWith("{@", at)) {
        int end = doc.indexOf('}', at);
        end = end < 0 ? doc.length() : end;
        String inside = doc.substring(at + 2, end).strip();
        int blank = inside.indexOf(' ');
        String word = blank < 0 ? "" : inside.substring(blank + 1).strip();
        if (inside.startsWith("link")) { // a label after the target is what is shown
          int label = word.indexOf(' ');
          word = label > 0 && !word.contains("(") ? word.substring(label + 1) : word;
          word = word.replace('#', '.').replaceFirst("^\\.", "");
        }
        plain.append(word);
        at = end + 1;
      } else if (c == '<') {
        int end = doc.indexOf('>', at);
        if (doc.startsWith("<p>", at)) {
          break;
        }
        at = end < 0 ? doc.length() : end + 1;
      } else if (c == '@' && plain.toString().isBlank()) {
        break;
      } else if (c == '.' && endsSentence(doc, at)) {
        plain.append('.');
        break;
      } else {
        plain.append(c);
        at++;
      }
    }
    return plain
        .toString()
        .strip()
        .replaceAll("\\s+", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
  }

  /** Whether a full stop ends a sentence: a blank follows, and no abbreviation is before it. */
  private static boolean endsSentence(String doc, int at) {
    boolean last = at + 1 == doc.length() || Character.isWhitespace(doc.charAt(at + 1));
    return last && !doc.startsWith("e.g", at - 3) && !doc.startsWith("i.e", at - 3);
  }

  /** The words of a name in camel case: {@code aBatchOfTwo} is "a batch of two". */
  public static String ofName(String name) {
    StringBuilder words = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (Character.isUpperCase(c) && i > 0) {
        boolean single = i + 1 == name.length() || !Character.isLowerCase(name.charAt(i + 1));
        boolean inAcronym = Character.isUpperCase(name.charAt(i - 1));
        if (!(single && inAcronym)) {
          words.append(' ');
        }
        words.append(single ? c : Character.toLowerCase(c));
      } else {
        words.append(c);
      }
    }
    return words.toString();
  }
}
