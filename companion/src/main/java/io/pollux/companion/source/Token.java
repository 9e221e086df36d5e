// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A piece of Java or C text, for the colours of a page.
 *
 * @param kind what it is
 * @param start the offset of its first character
 * @param end the offset after its last character
 */
public record Token(Kind kind, int start, int end) {
  /** What a piece of text is. */
  public enum Kind {
    /** A comment of any kind. */
    COMMENT,
    /** A string, a text block or a character. */
    STRING,
    /** A number. */
    NUMBER,
    /** A reserved word. */
    KEYWORD,
    /** The at sign and the name of an annotation. */
    ANNOTATION,
    /** Any other name. */
    NAME,
    /** White space and punctuation. */
    OTHER
  }

  private static final Set<String> KEYWORDS =
      Set.of(
          ("abstract assert boolean break byte case catch char class const continue default do"
                  + " double else enum extends final finally float for goto if implements import"
                  + " instanceof int interface long native new package private protected public"
                  + " return short static strictfp super switch synchronized this throw throws"
                  + " transient try void volatile while true false null record var sealed permits"
                  + " yield module requires exports opens uses provides transitive"
                  // C only
                  + " struct unsigned signed typedef union sizeof inline extern u32 u64 s64 bool")
              .split(" "));

  /** Splits a text into tokens that cover it without gaps. */
  public static List<Token> of(String text) {
    List<Token> tokens = new ArrayList<>();
    int at = 0;
    int other = 0;
    while (at < text.length()) { // at grows in each turn
      char c = text.charAt(at);
      int end;
      Kind kind;
      if (text.startsWith("//", at)) {
        kind = Kind.COMMENT;
        end = upTo(text, "\n", at);
      } else if (text.startsWith("/*", at)) {
        kind = Kind.COMMENT;
        end = after(text, "*/", at + 2);
      } else if (text.startsWith("\"\"\"", at)) {
        kind = Kind.STRING;
        end = after(text, "\"\"\"", at + 3);
      } else if (c == '"' || c == '\'') {
        kind = Kind.STRING;
        end = quoted(text, at);
      } else if (c >= '0' && c <= '9') {
        kind = Kind.NUMBER;
        end = word(text, at);
      } else if (Character.isJavaIdentifierStart(c)) {
        end = word(text, at);
        kind = KEYWORDS.contains(text.substring(at, end)) ? Kind.KEYWORD : Kind.NAME;
      } else if (c == '@'
          && at + 1 < text.length()
          && Character.isJavaIdentifierStart(text.charAt(at + 1))) {
        kind = Kind.ANNOTATION;
        end = at + 1; // the name stays a name, so that it can be a link
      } else {
        at++;
        continue;
      }
      if (at > other) {
        tokens.add(new Token(Kind.OTHER, other, at));
      }
      tokens.add(new Token(kind, at, end));
      at = end;
      other = end;
    }
    if (at > other) {
      tokens.add(new Token(Kind.OTHER, other, at));
    }
    return tokens;
  }

  private static int word(String text, int from) {
    int at = from + 1;
    while (at < text.length() && Character.isJavaIdentifierPart(text.charAt(at))) {
      at++;
    }
    return at;
  }

  private static int quoted(String text, int from) {
    char quote = text.charAt(from);
    int at = from + 1;
    while (at < text.length() && text.charAt(at) != quote && text.charAt(at) != '\n') {
      at += text.charAt(at) == '\\' ? 2 : 1;
    }
    return Math.min(text.length(), at + 1);
  }

  private static int upTo(String text, String mark, int from) {
    int at = text.indexOf(mark, from);
    return at < 0 ? text.length() : at;
  }

  private static int after(String text, String mark, int from) {
    int at = text.indexOf(mark, from);
    return at < 0 ? text.length() : at + mark.length();
  }
}
