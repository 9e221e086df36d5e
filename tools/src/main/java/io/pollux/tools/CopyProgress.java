// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Sizes;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * How far a copy is, on standard error, if it takes longer than two seconds. On a terminal one line is written again each
 * second; elsewhere a line is added every ten.
 */
final class CopyProgress {
  private static final long SECOND = 1_000_000_000;
  private static final long PATIENCE = 2 * SECOND;
  private static final long PERIOD = 10 * SECOND;
  private static final String AGAIN = "\r\u001b[K"; // to the start of the line, which is erased

  private final PrintStream err;
  private final LongSupplier nanoTime;
  private final boolean terminal;
  private boolean running;
  private long next; // when to show it
  private boolean shown;
  private long files;
  private long bytes; // of whole files
  private Supplier<String> name = () -> "";
  private long size;
  private long done; // of this file

  /** The clock begins to run with the first file. */
  CopyProgress(PrintStream err, LongSupplier nanoTime, boolean terminal) {
    this.err = err;
    this.nanoTime = nanoTime;
    this.terminal = terminal;
  }

  /** A file is begun. */
  void begin(Supplier<String> file, long fileSize) {
    name = file;
    size = fileSize;
    done = 0;
    if (!running) {
      running = true;
      next = nanoTime.getAsLong() + PATIENCE;
    }
    show();
  }

  /** So much more of the file is done. */
  void moved(long more) {
    done += more;
    show();
  }

  /** The file is whole. */
  void ended() {
    files++;
    bytes += done;
    size = 0;
    done = 0;
  }

  /** What was copied so far, in words. */
  String soFar() {
    String whole = String.format(Locale.ROOT, "%,d %s, %s", files, files == 1 ? "file" : "files", Sizes.show(bytes));
    return size == 0 ? whole : whole + "; " + name.get() + ": " + Sizes.show(done) + " of " + Sizes.show(size);
  }

  private void show() {
    long now = nanoTime.getAsLong();
    if (now - next < 0) {
      return;
    }
    next = now + (terminal ? SECOND : PERIOD);
    if (terminal) {
      err.print(AGAIN + "copied " + soFar());
      err.flush();
      shown = true;
    } else {
      err.println("copied " + soFar());
    }
  }

  /** Takes the line away, before another is written and at the end. */
  void clear() {
    if (shown) {
      err.print(AGAIN);
      err.flush();
      shown = false;
    }
  }
}
