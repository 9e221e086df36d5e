// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.uapi.Errno;
import java.io.Serial;

/** An error of a system call that the program cannot handle: the errno, and what failed. */
public final class SyscallException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final String what;
  private final int errno;

  /**
   * Creates an exception.
   *
   * @param what the call, or its file
   * @param errno positive error number
   */
  public SyscallException(String what, int errno) {
    super(what + ": " + Errno.describe(errno));
    this.what = what;
    this.errno = errno;
  }

  /**
   * Returns a result if it is not negative.
   *
   * @param what the call, or its file
   * @param result the return value of the system call
   * @return the result
   * @throws SyscallException if the result is negative
   */
  public static long check(String what, long result) {
    if (result < 0) {
      throw new SyscallException(what, (int) -result);
    }
    return result;
  }

  /** Returns the call that failed, or its file. */
  public String what() {
    return what;
  }

  /** Returns the positive error number. */
  public int errno() {
    return errno;
  }
}
