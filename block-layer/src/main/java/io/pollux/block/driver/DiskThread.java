// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * What a disk does by itself: the thread from which its interrupts come, or that moves its data. It does what is due when it
 * is due. A thread that sleeps is late by tens of microseconds, so this one sleeps only while nothing is due for longer than
 * that, and stays awake for a while after the last work, when the next request is likely.
 */
@LinuxSource(file = "drivers/block/null_blk_main.c", name = "null_cmd_timer_expired")
final class DiskThread implements AutoCloseable {
  /** How late a sleeper may wake up: what it has to be awake before a deadline. */
  private static final long WAKE_NANOS = 80_000;

  /** How long it stays awake with nothing to do. */
  private static final long IDLE_NANOS = 200_000;

  /** What it serves. */
  interface Source {
    /** Does what is due. Answers nanoseconds to the next deadline, 0 if something was done, -1 if nothing waits. */
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
   * @param source what it serves
   * @param failed called by the thread if the source throws; the thread then exits
   * @throws OutOfMemoryError if the host cannot create a thread
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

  /** Something was added. From any context. */
  void wake() {
    VarHandle.fullFence(); // what was added before the look; pairs with sleep
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
        LockSupport.parkNanos(this, left - WAKE_NANOS); // what comes meanwhile is due later
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
