// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.locks.LockSupport;

/**
 * A clock that costs nothing to read: it goes on every few milliseconds, by a thread of its own. A request that takes
 * less than that mostly seems to take no time, and now and then a whole tick: in the sum of many requests, which is
 * what statistics are, that is right. Reading a clock that is right at once would take longer than anything else that
 * the block layer does for a request.
 */
@LinuxSource(file = "kernel/time/timekeeping.c", name = {"jiffies", "ktime_get_coarse"})
final class CoarseClock {
  private static final long TICK_NANOS = 4_000_000; // HZ=250

  private static volatile long now = System.nanoTime();

  static {
    Thread thread = new Thread(CoarseClock::tick, "block-jiffies");
    thread.setDaemon(true);
    thread.start();
  }

  private CoarseClock() {}

  /** Nanoseconds since some time, a few milliseconds old. From any context. */
  static long nanos() {
    return now;
  }

  private static void tick() {
    while (true) { // as long as the machine runs
      LockSupport.parkNanos(TICK_NANOS);
      now = System.nanoTime();
    }
  }
}
