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
 * A path for the kernel: bytes without a 0, usually UTF-8. A name that is not UTF-8 is valid, which
 * a String cannot represent.
 */
public final class PathName implements Comparable<PathName> {
  private static final int ESCAPE = 0xdc00;

  private final byte[] bytes;

  private PathName(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * Converts text to a path.
   *
   * @param text the path; a lone U+DC80 to U+DCFF, as {@link #text()} returns it, is a byte 0x80 to
   *     0xff
   * @return the path in UTF-8
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
   * Whether a lone code point represents a byte that is not UTF-8: U+DC80 to U+DCFF.
   *
   * @param codePoint the code point
   */
  public static boolean isEscape(int codePoint) {
    return codePoint >= ESCAPE + 0x80 && codePoint <= ESCAPE + 0xff;
  }

  /**
   * Creates a path from bytes.
   *
   * @param bytes the path, without a 0 at the end
   */
  public static PathName of(byte[] bytes) {
    return new PathName(bytes.clone());
  }

  /**
   * Appends a name to this directory's path.
   *
   * @param child a name, or a path that is taken as relative
   * @return both, with one slash between them
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

  /** Returns the last name of the path, empty for the root. */
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

  /** Whether this is "." or "..". */
  public boolean isDots() {
    return equals(of(".")) || equals(of(".."));
  }

  /**
   * Whether this can be a name in a directory: not empty, no dots, without a slash or a 0. An image
   * may contain anything, so a program that creates files from its names checks them first.
   */
  public boolean isPlainName() {
    for (byte b : bytes) {
      if (b == '/' || b == 0) {
        return false;
      }
    }
    return bytes.length > 0 && !isDots();
  }

  /** Returns a copy of the bytes. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /**
   * Returns the path as text, which {@link #of(String)} converts back to the same path.
   *
   * @return the text; each byte that is not UTF-8 as a lone surrogate, U+DC00 more than the byte
   */
  public String text() {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder(); // stops at invalid UTF-8
    ByteBuffer from = ByteBuffer.wrap(bytes);
    // a character has at least as many bytes as chars
    CharBuffer to = CharBuffer.allocate(bytes.length);
    while (!decoder.decode(from, to, true).isUnderflow()) {
      to.put((char) (ESCAPE + (from.get() & 0xff)));
      decoder.reset();
    }
    return to.flip().toString();
  }

  /**
   * Returns the path as printable text: one line, without terminal control sequences.
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

  /** Returns the length in bytes of the printable character at an index; 0 if there is none. */
  private int utf8Length(int at) {
    int lead = bytes[at] & 0xff;
    int length =
        lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || at + length > bytes.length) {
      return 0;
    }
    String character = new String(bytes, at, length, StandardCharsets.UTF_8);
    int codePoint = character.codePointAt(0);
    boolean whole =
        character.length() == Character.charCount(codePoint)
            && (codePoint != 0xfffd || lead == 0xef);
    return whole && printable(codePoint) ? length : 0;
  }

  private static boolean printable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      case Character.FORMAT -> !turnsLineAround(codePoint);
      default -> true;
    };
  }

  /** Whether a code point is a bidirectional embedding, override or isolate. */
  private static boolean turnsLineAround(int codePoint) {
    return (codePoint >= 0x202a && codePoint <= 0x202e)
        || (codePoint >= 0x2066 && codePoint <= 0x2069);
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
