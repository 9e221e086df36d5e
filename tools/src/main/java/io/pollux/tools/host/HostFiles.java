// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Fcntl;

/** The host's files. Not thread-safe. */
public final class HostFiles implements AutoCloseable {
  private final HostCalls calls = new HostCalls();

  /** Makes the calls available. */
  public HostFiles() {}

  /**
   * The working directory. A name in it may be any path.
   *
   * @return the directory, which the caller need not close
   */
  public HostDirectory workingDirectory() {
    return new HostDirectory(calls, Fcntl.AT_FDCWD);
  }

  /**
   * Whether this process may set any owner.
   *
   * @return true for root
   */
  public boolean isRoot() {
    return calls.isRoot();
  }

  /** Closes this. The caller closes its directories and outputs first. */
  @Override
  public void close() {
    calls.close();
  }
}
