// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import io.pollux.userland.PathName;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * The output of a command: results on standard output, progress and errors on standard error. Both
 * are UTF-8 in any locale, because names in an image are bytes and usually UTF-8.
 *
 * @param out for results; buffered, and flushed at the end of the command
 * @param err for everything else
 * @param interrupts registers an action for Control-C
 */
public record Console(OutputStream out, PrintStream err, Consumer<Runnable> interrupts) {
  private static final int BUFFER = 64 << 10;

  /** Returns the console of this process. */
  public static Console ofProcess() {
    FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    return new Console(
        new UntilFailure(new BufferedOutputStream(out, BUFFER), out.getChannel()),
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
        Interrupts::stopWith);
  }

  /**
   * Writes text to standard output.
   *
   * @param text complete lines
   * @throws Failure if a write failed
   */
  public void print(String text) {
    write(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes bytes to standard output.
   *
   * @param bytes the bytes
   * @throws Failure if a write failed
   */
  public void write(byte[] bytes) {
    try {
      out.write(bytes);
    } catch (IOException e) {
      throw refused(e);
    }
  }

  /**
   * Writes native memory to standard output. The standard output of the process takes it without a
   * copy.
   *
   * @param memory at most 2 GiB
   * @throws IOException if the write failed
   */
  public void write(MemorySegment memory) throws IOException {
    if (out instanceof UntilFailure file) {
      file.write(memory.asByteBuffer());
    } else {
      out.write(memory.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /**
   * Flushes standard output.
   *
   * @throws Failure if a write failed
   */
  public void flush() {
    try {
      out.flush();
    } catch (IOException e) {
      throw refused(e);
    }
  }

  /**
   * Prints an error in one line.
   *
   * @param message WHAT: WHY
   */
  public void error(String message) {
    err.println("pollux: " + oneLine(message));
  }

  private static Failure refused(IOException e) {
    return Failure.fault("standard output", String.valueOf(e.getMessage()));
  }

  /**
   * Replaces control characters, so that a message stays on one line. Bytes that are not UTF-8 are
   * shown as in {@link PathName#toString()}.
   */
  private static String oneLine(String message) {
    StringBuilder line = new StringBuilder(message.length());
    message
        .codePoints()
        .forEach(
            c -> {
              if (PathName.isEscape(c)) {
                line.append(String.format(Locale.ROOT, "\\x%02x", c & 0xff));
              } else {
                line.appendCodePoint(Character.isISOControl(c) ? ' ' : c);
              }
            });
    return line.toString();
  }
}
