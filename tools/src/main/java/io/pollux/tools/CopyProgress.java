// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Sizes;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Shows the progress of a copy on standard error after two seconds. On a terminal it rewrites one
 * line every second; elsewhere it adds a line every ten seconds.
 */
final class CopyProgress {
  private static final long SECOND = 1_000_000_000;
  private static final long PATIENCE = 2 * SECOND;
  private static final long PERIOD = 10 * SECOND;
  private static final String AGAIN = "\r\u001b[K"; // moves to the start of the line and erases it

  private final PrintStream err;
  private final LongSupplier nanoTime;
  private final boolean terminal;
  private boolean running;
  private long next; // when to show progress next
  private boolean shown;
  private long files;
  private long bytes; // of whole files
  private Supplier<String> name = () -> "";
  private long size;
  private long done; // of this file

  /** Creates a progress display. The clock starts with the first file. */
  CopyProgress(PrintStream err, LongSupplier nanoTime, boolean terminal) {
    this.err = err;
    this.nanoTime = nanoTime;
    this.terminal = terminal;
  }

  /** Starts a file. */
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

  /** Adds bytes copied of the file. */
  void moved(long more) {
    done += more;
    show();
  }

  /** Completes the file. */
  void ended() {
    files++;
    bytes += done;
    size = 0;
    done = 0;
  }

  /** Describes the progress. */
  String soFar() {
    String whole =
        String.format(
            Locale.ROOT, "%,d %s, %s", files, files == 1 ? "file" : "files", Sizes.show(bytes));
    return size == 0
        ? whole
        : whole + "; " + name.get() + ": " + Sizes.show(done) + " of " + Sizes.show(size);
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

  /** Erases the line, before other output and at the end. */
  void clear() {
    if (shown) {
      err.print(AGAIN);
      err.flush();
      shown = false;
    }
  }
}
