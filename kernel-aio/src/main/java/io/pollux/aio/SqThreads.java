// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.Differs;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Limits and creates the kernel threads of all contexts. Each {@link Aio} has one instance.
 *
 * <p>Setup of a context with a thread or workers returns EAGAIN above {@link #MAX} threads, or if
 * the host cannot create a thread. The limit is system-wide, like aio_max_nr. The posted series has
 * no limit.
 */
@Differs(
    kind = Differs.Kind.OURS,
    why = "All contexts together have at most 4,096 threads and workers: EAGAIN of io_setup2.",
    test = "SqThreadsTest#thereAreNotMoreThanSoMany")
final class SqThreads {
  /**
   * Maximum number of threads of all contexts. A context counts its submission thread and its
   * maximum number of workers.
   */
  static final int MAX = 4096;

  private final AtomicInteger reserved = new AtomicInteger();
  private final ThreadFactory factory;

  SqThreads(ThreadFactory factory) {
    this.factory = factory;
  }

  /** Adds threads to the count, all or none. Returns false (EAGAIN) above the limit. */
  boolean reserve(int count) {
    int before;
    do {
      before = reserved.get();
      if (before > MAX - count) {
        return false;
      }
    } while (!reserved.compareAndSet(before, before + count));
    return true;
  }

  /** Subtracts threads from the count. */
  void release(int count) {
    int left = reserved.addAndGet(-count);
    assert left >= 0 : left;
  }

  /** Creates a daemon thread without starting it. */
  Thread newThread(String name, Runnable loop) {
    Thread thread = factory.newThread(loop);
    thread.setName(name);
    thread.setDaemon(true);
    return thread;
  }
}
