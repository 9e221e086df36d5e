// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/**
 * A way to call the kernel. Made, run and closed by one thread. Whatever it sets up, it sets up in its
 * constructor, so that all threads can start at the same time.
 */
sealed interface Engine extends AutoCloseable permits RingEngine, AioEngine, SyncEngine {
  /** Does the job: until it has no more, and then until nothing is in flight. */
  void run();

  @Override
  void close();
}
