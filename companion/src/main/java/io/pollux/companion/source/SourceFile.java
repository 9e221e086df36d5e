// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One Java file: its text, its declarations and its references. */
public final class SourceFile {
  private final Path path;
  private final String module;
  private final boolean test;
  private final String text;
  private final int[] lineStarts;
  private String page = "";
  private final List<Decl> decls = new ArrayList<>();
  private final List<Ref> refs = new ArrayList<>();
  private final List<Access> accesses = new ArrayList<>();

  /**
   * Creates a file without declarations.
   *
   * @param path relative to the root of the tree
   * @param module the directory of the Maven module, such as {@code kernel-aio}
   * @param test whether it is below src/test
   * @param text the whole text
   */
  SourceFile(Path path, String module, boolean test, String text) {
    this.path = path;
    this.module = module;
    this.test = test;
    this.text = text;
    int[] starts = new int[(int) text.chars().filter(c -> c == '\n').count() + 1];
    int line = 0;
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '\n') {
        starts[++line] = i + 1;
      }
    }
    lineStarts = starts;
  }

  /** The path from the root of the tree. */
  public Path path() {
    return path;
  }

  /** The directory of the Maven module. */
  public String module() {
    return module;
  }

  /** Whether the file is a test. */
  public boolean test() {
    return test;
  }

  /** The whole text. */
  public String text() {
    return text;
  }

  /** The name of the class, or of the package for a package-info. */
  public String simpleName() {
    String name = path.getFileName() + "";
    return name.substring(0, name.length() - ".java".length());
  }

  /** The Java package, derived from the directory. */
  public String packageName() {
    String dir = path.getParent() + "";
    int at = dir.indexOf("/java/");
    return at < 0 ? "" : dir.substring(at + "/java/".length()).replace('/', '.');
  }

  /** The file name of its page in {@code src/}. */
  public String page() {
    return page;
  }

  void setPage(String name) {
    page = name;
  }

  /** The declarations in the order of the text. */
  public List<Decl> decls() {
    return decls;
  }

  /** The references, in no order. */
  public List<Ref> refs() {
    return refs;
  }

  /** The calls of methods of VarHandle, in the order of the text. */
  public List<Access> accesses() {
    return accesses;
  }

  /** The number of lines. */
  public int lines() {
    return text.endsWith("\n") ? lineStarts.length - 1 : lineStarts.length;
  }

  /** The line of an offset, from 1. */
  public int lineOf(int offset) {
    int at = Arrays.binarySearch(lineStarts, offset);
    return at >= 0 ? at + 1 : -at - 1;
  }

  /** The offset of the start of a line, which counts from 1. */
  public int startOf(int line) {
    return lineStarts[line - 1];
  }

  /** The text of a line without its end; it counts from 1. */
  public String line(int line) {
    int start = lineStarts[line - 1];
    int end = line < lineStarts.length ? lineStarts[line] - 1 : text.length();
    return text.substring(start, end);
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
