// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Oops;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * A clock whose read is a plain load: its own thread advances it every few milliseconds. A shorter
 * request usually takes no time, and sometimes a whole tick; sums over many requests are right. An
 * exact clock would cost more than any other part of the block layer's request path. If the host
 * can't create a thread, callers read the host's clock.
 */
@LinuxSource(
    file = "kernel/time/timekeeping.c",
    name = {"jiffies", "ktime_get_coarse"})
final class CoarseClock {
  private static final long TICK_NANOS = 4_000_000; // HZ=250

  private static volatile long now = System.nanoTime();
  private static final List<Deadline> TIMERS = new ArrayList<>(); // under its own monitor
  private static volatile boolean anyTimer;
  private static boolean running; // under the monitor of TIMERS: the thread exists
  private static final boolean TICKS = start();

  private CoarseClock() {}

  /** A callback that is due later. */
  interface Timer {
    /** Runs in completion context. Returns false to run again at the next tick. */
    boolean expire();
  }

  private record Deadline(long due, Timer timer) {}

  /**
   * Starts the thread, unless it exists or the host can't create one. Returns whether it exists.
   */
  private static boolean start() {
    synchronized (TIMERS) {
      if (!running) {
        try {
          Thread thread = new Thread(CoarseClock::tick, "block-jiffies");
          thread.setDaemon(true);
          thread.start();
          running = true;
        } catch (OutOfMemoryError e) { // "unable to create native thread"
          return false;
        }
      }
      return true;
    }
  }

  /** Nanoseconds since a fixed time, a few milliseconds old. From any context. */
  static long nanos() {
    return TICKS ? now : System.nanoTime();
  }

  /** Schedules a deadline. From any context. */
  @LinuxSource(file = "kernel/time/timer.c", name = "mod_timer")
  static void add(Timer timer, long delayNanos) {
    synchronized (TIMERS) {
      TIMERS.add(new Deadline(System.nanoTime() + delayNanos, timer));
      anyTimer = true;
    }
    if (!TICKS) {
      start(); // the host may have a thread by now
    }
  }

  private static void tick() {
    while (true) { // as long as the JVM runs
      LockSupport.parkNanos(TICK_NANOS);
      now = System.nanoTime();
      if (anyTimer) {
        expireTimers();
      }
    }
  }

  @LinuxSource(file = "kernel/time/timer.c", name = "expire_timers")
  private static void expireTimers() {
    List<Deadline> due = new ArrayList<>();
    synchronized (TIMERS) {
      for (Deadline each : TIMERS) {
        if (each.due - now <= 0) {
          due.add(each);
        }
      }
      TIMERS.removeAll(due);
      anyTimer = !TIMERS.isEmpty();
    }
    for (Deadline each : due) {
      try {
        if (!each.timer.expire()) {
          add(each.timer, TICK_NANOS);
        }
      } catch (Throwable e) {
        Oops.report("block-jiffies", e, "the timer is dropped");
      }
    }
  }
}
