// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import java.io.IOException;
import java.io.Serial;

/** A failed host file call: its errno, and the reason as the message. */
public final class HostFailure extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  private final int errno;

  HostFailure(int errno) {
    this(errno, HostCalls.describe(errno));
  }

  /**
   * Creates a failure for which the host has no text.
   *
   * @param errno positive error number
   * @param words the reason, without the file name
   */
  public HostFailure(int errno, String words) {
    super(words);
    this.errno = errno;
  }

  /** Returns the positive error number. */
  public int errno() {
    return errno;
  }
}
