// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import io.pollux.uapi.Errno;
import java.io.Serial;

/**
 * An error outside the I/O path (mount, path lookup, reading metadata, configuration): an errno for
 * programs and a sentence for people. The I/O path returns negative errnos and never throws this.
 */
public final class ErrnoException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  private final int errno;

  /**
   * Creates an error.
   *
   * @param errno positive error number
   * @param sentence what failed and why, in one line without a full stop
   */
  public ErrnoException(int errno, String sentence) {
    super(sentence);
    assert errno > 0 : errno;
    this.errno = errno;
  }

  /**
   * Creates an error whose sentence is the description of its errno.
   *
   * @param errno positive error number
   */
  public ErrnoException(int errno) {
    this(errno, Errno.describe(errno));
  }

  /** Returns the positive errno. */
  public int errno() {
    return errno;
  }
}
