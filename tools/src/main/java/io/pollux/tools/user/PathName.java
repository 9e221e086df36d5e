// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.user;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A path as the kernel knows it: bytes, most of them UTF-8, none of them 0. A name that is not UTF-8 is as
 * good as any other, which a String could not say.
 */
public final class PathName implements Comparable<PathName> {
  private final byte[] bytes;

  private PathName(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * A path from text.
   *
   * @param text the path
   * @return its UTF-8 bytes
   */
  public static PathName of(String text) {
    return new PathName(text.getBytes(StandardCharsets.UTF_8));
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
   * The path as text that is the same path again.
   *
   * @return the text, or null if the bytes are not UTF-8
   */
  public @Nullable String text() {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
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
