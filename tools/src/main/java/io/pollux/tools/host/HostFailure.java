// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import java.io.IOException;
import java.io.Serial;

/** The machine refused a file call: the errno, and as the message why, in words. */
public final class HostFailure extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  private final int errno;

  HostFailure(int errno) {
    this(errno, HostCalls.describe(errno));
  }

  /**
   * A refusal that the machine has no words for.
   *
   * @param errno positive error number
   * @param words why, without the name of the file
   */
  public HostFailure(int errno, String words) {
    super(words);
    this.errno = errno;
  }

  /**
   * The error.
   *
   * @return positive error number
   */
  public int errno() {
    return errno;
  }
}
