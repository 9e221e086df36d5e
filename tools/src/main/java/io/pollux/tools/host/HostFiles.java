// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Fcntl;

/** The host's files. Not thread-safe. */
public final class HostFiles implements AutoCloseable {
  private final HostCalls calls = new HostCalls();

  /** Creates the calls. */
  public HostFiles() {}

  /** Returns the working directory. A name in it may be any path. The caller need not close it. */
  public HostDirectory workingDirectory() {
    return new HostDirectory(calls, Fcntl.AT_FDCWD);
  }

  /** Whether this process may set any owner: it is root. */
  public boolean isRoot() {
    return calls.isRoot();
  }

  /** Closes this. The caller closes its directories and outputs first. */
  @Override
  public void close() {
    calls.close();
  }
}
