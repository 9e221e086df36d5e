// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A path as the kernel knows it: bytes, most of them UTF-8, none of them 0. A name that is not UTF-8 is as
 * good as any other, which a String could not say.
 */
public final class PathName implements Comparable<PathName> {
  private static final int ESCAPE = 0xdc00;

  private final byte[] bytes;

  private PathName(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * A path from text.
   *
   * @param text the path; as {@link #text()} returns it, U+DC80 to U+DCFF alone are the bytes 0x80 to 0xff
   * @return its UTF-8 bytes
   */
  public static PathName of(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
    int done = 0;
    int at = 0;
    while (at < text.length()) {
      int codePoint = text.codePointAt(at);
      int next = at + Character.charCount(codePoint);
      if (isEscape(codePoint)) {
        bytes.writeBytes(text.substring(done, at).getBytes(StandardCharsets.UTF_8));
        bytes.write(codePoint - ESCAPE);
        done = next;
      }
      at = next;
    }
    bytes.writeBytes(text.substring(done).getBytes(StandardCharsets.UTF_8));
    return new PathName(bytes.toByteArray());
  }

  /**
   * Whether a code point, alone, stands for a byte that is not UTF-8.
   *
   * @param codePoint the code point
   * @return true for U+DC80 to U+DCFF
   */
  public static boolean isEscape(int codePoint) {
    return codePoint >= ESCAPE + 0x80 && codePoint <= ESCAPE + 0xff;
  }

  /**
   * A path from bytes.
   *
   * @param bytes the path, without a 0 at the end
   * @return the path
   */
  public static PathName of(byte[] bytes) {
    return new PathName(bytes.clone());
  }

  /**
   * The path of something in this directory.
   *
   * @param child a name, or a path that is taken as relative
   * @return both with one slash in between
   */
  public PathName resolve(PathName child) {
    boolean slash = bytes.length > 0 && bytes[bytes.length - 1] == '/';
    int skip = 0;
    while (skip < child.bytes.length && child.bytes[skip] == '/') {
      skip++;
    }
    int head = slash ? bytes.length : bytes.length + 1;
    byte[] joined = Arrays.copyOf(bytes, head + child.bytes.length - skip);
    joined[head - 1] = '/';
    System.arraycopy(child.bytes, skip, joined, head, child.bytes.length - skip);
    return new PathName(joined);
  }

  /**
   * Joins names to a path.
   *
   * @param names a path, followed by names below it
   * @return the names joined by single slashes
   */
  public static PathName join(Iterable<PathName> names) {
    ByteArrayOutputStream joined = new ByteArrayOutputStream();
    boolean slash = true;
    for (PathName name : names) {
      if (!slash) {
        joined.write('/');
      }
      joined.writeBytes(name.bytes);
      slash = name.bytes.length > 0 && name.bytes[name.bytes.length - 1] == '/';
    }
    return new PathName(joined.toByteArray());
  }

  /**
   * The last name of the path.
   *
   * @return the name, empty for the root
   */
  public PathName fileName() {
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] == '/') {
      end--;
    }
    int start = end;
    while (start > 0 && bytes[start - 1] != '/') {
      start--;
    }
    return new PathName(Arrays.copyOfRange(bytes, start, end));
  }

  /**
   * Whether a directory uses this name for itself or its parent.
   *
   * @return true for one dot and for two
   */
  public boolean isDots() {
    return equals(of(".")) || equals(of(".."));
  }

  /**
   * Whether this can be a name in a directory. An image may hold anything, so whoever makes files by its names
   * asks first.
   *
   * @return false for the empty name, for dots, and for what has a slash or a 0 in it
   */
  public boolean isPlainName() {
    for (byte b : bytes) {
      if (b == '/' || b == 0) {
        return false;
      }
    }
    return bytes.length > 0 && !isDots();
  }

  /**
   * The bytes.
   *
   * @return a copy
   */
  public byte[] bytes() {
    return bytes.clone();
  }

  /**
   * The path as text. {@link #of(String)} converts it back to the same path.
   *
   * @return the text; each byte that is not UTF-8 as a lone surrogate, U+DC00 more than the byte
   */
  public String text() {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder(); // stops at invalid UTF-8
    ByteBuffer from = ByteBuffer.wrap(bytes);
    CharBuffer to = CharBuffer.allocate(bytes.length); // a character has at least as many bytes as chars
    while (!decoder.decode(from, to, true).isUnderflow()) {
      to.put((char) (ESCAPE + (from.get() & 0xff)));
      decoder.reset();
    }
    return to.flip().toString();
  }

  /**
   * The path as text for people: one line, and nothing that a terminal would take for a command.
   *
   * @return the text, with control characters and bytes that are not UTF-8 as \xNN
   */
  @Override
  public String toString() {
    StringBuilder shown = new StringBuilder(bytes.length);
    int at = 0;
    while (at < bytes.length) {
      int length = utf8Length(at);
      if (length == 0) {
        shown.append(String.format("\\x%02x", bytes[at] & 0xff));
        at++;
      } else {
        shown.append(new String(bytes, at, length, StandardCharsets.UTF_8));
        at += length;
      }
    }
    return shown.toString();
  }

  /** How many bytes the printable character at a place takes; 0 if there is none. */
  private int utf8Length(int at) {
    int lead = bytes[at] & 0xff;
    int length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || at + length > bytes.length) {
      return 0;
    }
    String character = new String(bytes, at, length, StandardCharsets.UTF_8);
    int codePoint = character.codePointAt(0);
    boolean whole = character.length() == Character.charCount(codePoint) && (codePoint != 0xfffd || lead == 0xef);
    return whole && printable(codePoint) ? length : 0;
  }

  private static boolean printable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE -> false;
      case Character.FORMAT -> !turnsLineAround(codePoint);
      default -> true;
    };
  }

  /** The bidirectional embeddings, overrides and isolates. */
  private static boolean turnsLineAround(int codePoint) {
    return (codePoint >= 0x202a && codePoint <= 0x202e) || (codePoint >= 0x2066 && codePoint <= 0x2069);
  }

  @Override
  public int compareTo(PathName other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PathName path && Arrays.equals(bytes, path.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }
}
