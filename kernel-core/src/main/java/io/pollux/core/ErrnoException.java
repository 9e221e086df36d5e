// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import io.pollux.uapi.Errno;
import java.io.Serial;

/**
 * An error outside the I/O path (mount, path lookup, reading metadata, configuration): the errno for
 * programs and one sentence for people. The I/O path itself returns negative errnos and never throws this.
 */
public final class ErrnoException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  private final int errno;

  /**
   * Makes an error.
   *
   * @param errno positive error number
   * @param sentence what happened to what, in one line without a full stop
   */
  public ErrnoException(int errno, String sentence) {
    super(sentence);
    assert errno > 0 : errno;
    this.errno = errno;
  }

  /**
   * An error that has no more to say than its errno.
   *
   * @param errno positive error number
   */
  public ErrnoException(int errno) {
    this(errno, Errno.describe(errno));
  }

  /**
   * The errno.
   *
   * @return positive error number
   */
  public int errno() {
    return errno;
  }
}
