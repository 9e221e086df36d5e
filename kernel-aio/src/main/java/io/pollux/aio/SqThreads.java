// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.Patch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads that contexts have in the kernel: how many there may be, and how one is made. One for each {@link Aio}.
 *
 * <p>The posted series has no limit of its own. Here a context that asks for a thread or for workers while there are {@link #MAX}, or
 * while the machine has none to give, is refused with EAGAIN. The limit is the system's, like that of aio_max_nr.
 */
@Patch(26)
final class SqThreads {
  /** Most threads of all contexts. A context counts its submission thread, and as many workers as it may have at most. */
  static final int MAX = 4096;

  private final AtomicInteger reserved = new AtomicInteger();
  private final ThreadFactory factory;

  SqThreads(ThreadFactory factory) {
    this.factory = factory;
  }

  /** Counts threads, all or none. Returns false if there would be too many (EAGAIN). */
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

  /** Counts threads no more. */
  void release(int count) {
    int left = reserved.addAndGet(-count);
    assert left >= 0 : left;
  }

  /** Makes a daemon thread, not started. */
  Thread newThread(String name, Runnable loop) {
    Thread thread = factory.newThread(loop);
    thread.setName(name);
    thread.setDaemon(true);
    return thread;
  }
}
