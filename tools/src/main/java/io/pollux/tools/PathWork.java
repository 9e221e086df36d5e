// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.uapi.Errno;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;

/**
 * The common part of commands with several paths. A path that fails is reported in one line, and
 * the command continues with the others. The exit status is 2 if all paths failed, and 1 if some
 * failed or the image is damaged.
 */
final class PathWork {
  private final Console console;
  private final Runnable beforeLine;
  private int failures;
  private boolean worked;

  PathWork(Console console) {
    this(console, () -> {});
  }

  /** Creates a work with an action before each line of output. */
  PathWork(Console console, Runnable beforeLine) {
    this.console = console;
    this.beforeLine = beforeLine;
  }

  /** Runs the work on a path and reports its failure. */
  void on(PathName path, Runnable work) {
    try {
      int before = failures;
      work.run();
      worked |= failures == before;
    } catch (SyscallException e) {
      failed(path, e);
    }
  }

  /** Records that some work was done, even if other work fails. */
  void worked() {
    worked = true;
  }

  /** Reports a path that failed. */
  void failed(PathName path, SyscallException e) {
    failed(path.toString(), e.errno());
  }

  /** Reports a path that failed. */
  void failed(String path, int errno) {
    worked |= errno == Errno.EIO || errno == Errno.EUCLEAN;
    failed(path, Errno.describe(errno));
  }

  /** Reports a path that failed. */
  void failed(String path, String why) {
    try {
      console.flush(); // keep output in order
    } finally {
      beforeLine.run();
      console.error(path + ": " + why);
      failures++;
    }
  }

  /** Prints a warning about a path that was processed. The exit status does not change. */
  void warned(String path, String what) {
    beforeLine.run();
    console.error(path + ": " + what);
  }

  /** Returns the exit status so far. */
  int status() {
    return failures == 0 ? Failure.DONE : worked ? Failure.FAULT : Failure.COULD_NOT_RUN;
  }
}
