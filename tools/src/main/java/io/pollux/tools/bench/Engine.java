// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/**
 * A way to call the kernel. One thread creates, runs and closes it. The constructor does all setup,
 * so that all threads can start at the same time.
 */
sealed interface Engine extends AutoCloseable permits RingEngine, AioEngine, SyncEngine {
  /** Executes the job until it has no more I/Os and none is in flight. */
  void run();

  @Override
  void close();
}
