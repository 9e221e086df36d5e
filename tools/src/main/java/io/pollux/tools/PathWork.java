// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.uapi.Errno;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;

/**
 * What commands that work on many paths have in common: a path that fails is said in one line and does not keep
 * the others from being worked on. The exit status is 2 if none could be worked on, and 1 if it was some, or if
 * the image is at fault.
 */
final class PathWork {
  private final Console console;
  private final Runnable beforeLine;
  private int failures;
  private boolean worked;

  PathWork(Console console) {
    this(console, () -> {});
  }

  /** As above, with an action before each line of output. */
  PathWork(Console console, Runnable beforeLine) {
    this.console = console;
    this.beforeLine = beforeLine;
  }

  /** Does something about a path. */
  void on(PathName path, Runnable work) {
    try {
      int before = failures;
      work.run();
      worked |= failures == before;
    } catch (SyscallException e) {
      failed(path, e);
    }
  }

  /** Something was done, whatever else fails. */
  void worked() {
    worked = true;
  }

  /** Says why a path was passed over. */
  void failed(PathName path, SyscallException e) {
    failed(path.toString(), e.errno());
  }

  /** Says why a path was passed over. */
  void failed(String path, int errno) {
    worked |= errno == Errno.EIO || errno == Errno.EUCLEAN;
    failed(path, Errno.describe(errno));
  }

  /** Says why a path was passed over. */
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

  /** The exit status so far. */
  int status() {
    return failures == 0 ? Failure.DONE : worked ? Failure.FAULT : Failure.COULD_NOT_RUN;
  }
}
