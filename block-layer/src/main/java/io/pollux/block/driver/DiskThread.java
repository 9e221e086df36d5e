// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The thread of a disk, which completes requests at their deadlines, or moves data. A sleeping
 * thread wakes tens of microseconds late. So this one sleeps only if the next deadline is farther
 * away than that. It spins for a while after the last work, when another request is likely.
 */
@LinuxSource(file = "drivers/block/null_blk_main.c", name = "null_cmd_timer_expired")
final class DiskThread implements AutoCloseable {
  /** The most that a sleeper may be late: it wakes that long before a deadline. */
  private static final long WAKE_NANOS = 80_000;

  /** How long it spins without work. */
  private static final long IDLE_NANOS = 200_000;

  /** The work that the thread serves. */
  interface Source {
    /**
     * Does the work that is due. Returns nanoseconds to the next deadline, 0 if it did any, -1 if
     * none is pending.
     */
    long expire();
  }

  private final Source source;
  private final Consumer<Throwable> failed;
  private final Thread thread;
  private volatile boolean sleeping;
  private volatile boolean stopped;

  /**
   * Starts the thread.
   *
   * @param name its name
   * @param source the work
   * @param failed called by the thread if the source throws; the thread then exits
   * @throws OutOfMemoryError if the host can't create a thread
   */
  DiskThread(String name, Source source, Consumer<Throwable> failed) {
    this.source = source;
    this.failed = failed;
    thread = new Thread(this::run, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Whether the thread serves its source. From any context. */
  boolean isAlive() {
    return thread.isAlive();
  }

  /** Wakes the thread after work was added. From any context. */
  void wake() {
    VarHandle.fullFence(); // the added work before the load of sleeping; pairs with sleep
    if (sleeping) {
      LockSupport.unpark(thread);
    }
  }

  private void run() {
    try {
      serve();
    } catch (Throwable e) {
      failed.accept(e);
    }
  }

  private void serve() {
    long lastWork = System.nanoTime();
    while (!stopped) {
      long left = source.expire();
      if (left == 0) {
        lastWork = System.nanoTime();
      } else if (left > WAKE_NANOS) {
        LockSupport.parkNanos(this, left - WAKE_NANOS); // work added meanwhile is due later
      } else if (left < 0 && System.nanoTime() - lastWork > IDLE_NANOS) {
        sleep();
        lastWork = System.nanoTime();
      } else {
        Thread.onSpinWait();
      }
    }
  }

  private void sleep() {
    sleeping = true;
    VarHandle.fullFence(); // pairs with wake
    if (source.expire() < 0 && !stopped) {
      LockSupport.park(this);
    }
    sleeping = false;
  }

  @Override
  public void close() {
    stopped = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
