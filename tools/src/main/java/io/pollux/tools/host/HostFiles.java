// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Fcntl;

/** The machine's files, for one thread at a time. */
public final class HostFiles implements AutoCloseable {
  private final HostCalls calls = new HostCalls();

  /** Makes the calls available. */
  public HostFiles() {}

  /**
   * Where relative paths begin. A name in it may be any path.
   *
   * @return the working directory, which needs no closing
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

  /** Ends it; directories and outputs that were opened are closed before. */
  @Override
  public void close() {
    calls.close();
  }
}
