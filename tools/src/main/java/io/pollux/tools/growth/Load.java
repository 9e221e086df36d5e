// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

/** A kernel with a load. One thread creates, uses and closes it. */
public interface Load extends AutoCloseable {
  /** Number of requests of a step. */
  int IOS = 1024;

  /** Runs a step. */
  void io();

  @Override
  void close();
}
