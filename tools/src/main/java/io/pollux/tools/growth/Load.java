// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

/** A kernel with something to do; made, used and closed by one thread. */
public interface Load extends AutoCloseable {
  /** Requests of a step. */
  int IOS = 1024;

  /** Does a step. */
  void io();

  @Override
  void close();
}
