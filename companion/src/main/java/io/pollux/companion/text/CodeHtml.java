// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.text;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Ref;
import io.pollux.companion.source.SourceFile;
import io.pollux.companion.source.Token;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Java and C as HTML: colours, and a link at each name that refers to a declaration. */
public final class CodeHtml {
  private final SourceFile file;
  private final String prefix;
  private final boolean whole;
  private final List<Token> tokens;
  private final Map<Integer, Ref> refs = new HashMap<>();
  private final Map<Integer, Decl> decls = new HashMap<>();

  private CodeHtml(SourceFile file, String prefix, boolean whole) {
    this.file = file;
    this.prefix = prefix;
    this.whole = whole;
    tokens = Token.of(file.text());
    file.refs().stream()
        .filter(
            ref -> ref.to() != null || !file.test()) // links to locals would double a test's page
        .forEach(ref -> refs.put(ref.at(), ref));
    file.decls().forEach(decl -> decls.put(decl.nameAt(), decl));
  }

  /**
   * The lines of a whole file, each without its end. Names of declarations have anchors.
   *
   * @param file the file
   */
  public static String[] lines(SourceFile file) {
    return new CodeHtml(file, "", true).render(0, file.text().length()).split("\n", -1);
  }

  /**
   * Some lines of a file, without their common indent and without anchors.
   *
   * @param prefix leads from the page to {@code src/}
   */
  public static String excerpt(SourceFile file, int firstLine, int lastLine, String prefix) {
    int indent = Integer.MAX_VALUE;
    for (int line = firstLine; line <= lastLine; line++) {
      String text = file.line(line);
      if (!text.isBlank()) {
        indent = Math.min(indent, text.length() - text.stripLeading().length());
      }
    }
    int end = lastLine < file.lines() ? file.startOf(lastLine + 1) : file.text().length();
    String html = new CodeHtml(file, prefix, false).render(file.startOf(firstLine), end);
    StringBuilder shifted = new StringBuilder();
    for (String line : html.stripTrailing().split("\n", -1)) {
      // a line never starts with a tag and blanks, unless it is inside a comment
      shifted.append(withoutIndent(line, indent)).append('\n');
    }
    return shifted.toString();
  }

  private static String withoutIndent(String line, int indent) {
    String tag = "";
    String rest = line;
    if (rest.startsWith("<span") || rest.startsWith("<b>")) {
      int close = rest.indexOf('>') + 1;
      tag = rest.substring(0, close);
      rest = rest.substring(close);
    }
    int blanks = 0;
    while (blanks < indent && blanks < rest.length() && rest.charAt(blanks) == ' ') {
      blanks++;
    }
    return tag + rest.substring(blanks);
  }

  /** A piece of C or Java that is not in the tree, in colours and without links. */
  public static String plain(String text) {
    StringBuilder html = new StringBuilder();
    for (Token token : Token.of(text)) {
      piece(html, text, token.start(), token.end(), tag(token.kind()));
    }
    return html.toString();
  }

  private String render(int from, int to) {
    StringBuilder html = new StringBuilder();
    for (Token token : tokens) {
      if (token.end() <= from || token.start() >= to) {
        continue;
      }
      int start = Math.max(from, token.start());
      int end = Math.min(to, token.end());
      Ref ref = refs.get(token.start());
      Decl decl = decls.get(token.start());
      if (decl != null && whole) {
        html.append("<a class=d id=").append(decl.id());
        html.append(" href=#").append(hasUses(decl) ? "u-" : "").append(decl.id()).append('>');
        Html.appendText(html, file.text(), start, end);
        html.append("</a>");
      } else if (ref != null) {
        html.append("<a href=").append(href(ref)).append('>');
        Html.appendText(html, file.text(), start, end);
        html.append("</a>");
      } else {
        piece(html, file.text(), start, end, tag(token.kind()));
      }
    }
    return html.toString();
  }

  /** Whether the page of the declaration lists its uses. */
  public static boolean hasUses(Decl decl) {
    return !decl.uses().isEmpty() || !decl.subs().isEmpty() || !decl.supers().isEmpty();
  }

  private String href(Ref ref) {
    Decl to = ref.to();
    if (to == null) {
      return whole ? "#L" + ref.targetLine() : prefix + file.page() + "#L" + ref.targetLine();
    }
    if (whole && to.file() == file) {
      return "#" + to.id();
    }
    return prefix + (isWholeFile(to) ? to.file().page() : to.href());
  }

  /** Whether a declaration is the class that its file is named after. The page begins with it. */
  private static boolean isWholeFile(Decl decl) {
    return decl.kind() == Decl.Kind.TYPE
        && decl.owner().isEmpty()
        && decl.name().equals(decl.file().simpleName());
  }

  private static void piece(
      StringBuilder html, String text, int start, int end, @Nullable String tag) {
    if (tag == null) {
      Html.appendText(html, text, start, end);
      return;
    }
    int at = start;
    while (at < end) { // a line is a turn: a tag does not span lines
      int eol = text.indexOf('\n', at);
      int stop = eol < 0 || eol >= end ? end : eol;
      if (stop > at) {
        html.append('<').append(tag).append('>');
        Html.appendText(html, text, at, stop);
        html.append("</").append(tag).append('>');
      }
      if (stop < end) {
        html.append('\n');
      }
      at = stop + 1;
    }
  }

  /** The element of a token, or null; short, because there are many. */
  private static @Nullable String tag(Token.Kind kind) {
    return switch (kind) {
      case COMMENT -> "em";
      case STRING -> "q";
      case KEYWORD -> "b";
      case ANNOTATION -> "u";
      case NUMBER, NAME, OTHER -> null;
    };
  }
}
