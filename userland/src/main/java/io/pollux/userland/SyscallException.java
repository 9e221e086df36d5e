// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.uapi.Errno;
import java.io.Serial;

/** A system call answered with an error that the program has no use for: errno, and what it was about. */
public final class SyscallException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final String what;
  private final int errno;

  /**
   * Makes an exception.
   *
   * @param what the call, or the file it was about
   * @param errno positive error number
   */
  public SyscallException(String what, int errno) {
    super(what + ": " + Errno.describe(errno));
    this.what = what;
    this.errno = errno;
  }

  /**
   * Passes a good result on.
   *
   * @param what the call, or the file it was about
   * @param result what the system call returned
   * @return the result, if it is not negative
   * @throws SyscallException if it is
   */
  public static long check(String what, long result) {
    if (result < 0) {
      throw new SyscallException(what, (int) -result);
    }
    return result;
  }

  /**
   * What failed.
   *
   * @return the call, or the file it was about
   */
  public String what() {
    return what;
  }

  /**
   * Why it failed.
   *
   * @return positive error number
   */
  public int errno() {
    return errno;
  }
}
