// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A failed command: a readable line, and an exit status. */
public final class Failure extends RuntimeException {
  /** Exit status: success. */
  public static final int DONE = 0;

  /** Exit status: the work ran and found a fault. */
  public static final int FAULT = 1;

  /** Exit status: the command could not run. */
  public static final int COULD_NOT_RUN = 2;

  @Serial private static final long serialVersionUID = 1L;

  private final int status;

  private Failure(int status, String what, String why, @Nullable Throwable cause) {
    super(what + ": " + why, cause);
    this.status = status;
  }

  /**
   * Creates a failure of a command that could not run.
   *
   * @param what the option, the file, the part
   * @param why the reason in a few words
   */
  public static Failure couldNotRun(String what, String why) {
    return new Failure(COULD_NOT_RUN, what, why, null);
  }

  /**
   * Creates a failure of a command that could not run.
   *
   * @param what the option, the file, the part
   * @param why the reason in a few words
   * @param cause shown by --debug
   */
  public static Failure couldNotRun(String what, String why, Throwable cause) {
    return new Failure(COULD_NOT_RUN, what, why, cause);
  }

  /**
   * Creates a failure of a command that ran and found a fault.
   *
   * @param what the file, the part
   * @param why the reason in a few words
   */
  public static Failure fault(String what, String why) {
    return new Failure(FAULT, what, why, null);
  }

  /**
   * Creates a failure of a command that ran and found a fault.
   *
   * @param what the file, the part
   * @param why the reason in a few words
   * @param cause shown by --debug
   */
  public static Failure fault(String what, String why, Throwable cause) {
    return new Failure(FAULT, what, why, cause);
  }

  /** Returns the exit status, FAULT or COULD_NOT_RUN. */
  public int status() {
    return status;
  }
}
