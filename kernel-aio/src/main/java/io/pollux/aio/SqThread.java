// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The submission thread, which makes submission without system calls possible. With SQTHREAD it
 * takes entries from the SQ ring. With SQPOLL it also spins on the ring and polls for completions,
 * so that a program needs no call.
 *
 * <p>Without SQPOLL the thread sleeps if the ring is empty, until io_ring_enter wakes it. With
 * SQPOLL it sleeps after a second without work, and sets NEED_WAKEUP in the ring.
 */
@Differs(
    kind = Differs.Kind.OURS,
    why =
        "SQTHREAD submits, and SQPOLL also reaps, without system calls. The cover letter of the"
            + " posting names such a thread as an experiment that is not ready.",
    test = "SqThreadTest#noCallAtAll")
@LinuxSource(file = "fs/aio.c", name = "aio_sq_thread")
final class SqThread {
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Turns without work before the clock is read. */
  private static final int SPINS = 1 << 10;

  /** How often it checks for room for events. The program makes room without a call. */
  private static final long ROOM_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Kioctx ctx;
  private final RingEntry rings;
  private final SqRing sq;
  private final boolean spins;
  private final Task task;
  private final Thread thread;
  private volatile boolean woken;
  private volatile boolean failed;
  private volatile boolean asleep; // or about to sleep: it has found the ring empty

  SqThread(Kioctx ctx, RingEntry rings, SqRing sq, UserProcess process, SqThreads threads) {
    this.ctx = ctx;
    this.rings = rings;
    this.sq = sq;
    this.spins = ctx.has(AioAbi.IOCTX_FLAG_SQPOLL);
    this.task = process.newKernelTask();
    this.thread = threads.newThread("aio-sq", this::run);
  }

  /**
   * Starts the thread.
   *
   * @throws OutOfMemoryError if the host cannot create a thread
   */
  void start() {
    thread.start();
  }

  /** Interrupts all current and future waits of a dead context's thread. From any thread. */
  void kill() {
    task.kill();
  }

  /** Whether the thread has exited after a kernel failure. From any context. */
  boolean hasFailed() {
    return failed;
  }

  /** Wakes the thread to check the ring. From any context. */
  void wake() {
    woken = true;
    LockSupport.unpark(thread);
  }

  /**
   * Whether the thread sleeps and was not woken: entries in the ring are then not submitted. From
   * any context.
   */
  boolean sleeps() {
    return !woken && asleep; // in this order: the thread clears them in the opposite order
  }

  /** Waits for the thread of a dead context to end. */
  void join() {
    wake();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // restored below: the context cannot be freed before its thread ends
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Serves the ring until the context is dead. If a file throws in a submission, the entry's event
   * has EIO. After any other throwable the thread exits, and later calls return EIO.
   */
  private void run() {
    try {
      task.enterKernelThread();
      serve();
    } catch (Throwable e) {
      failed = true;
      ctx.setFailed();
      Oops.report(
          "aio-sq", e, "its context takes no more entries, and io_ring_enter fails with EIO");
      task.abandonCall();
      ctx.waitQueue().wakeUp();
    }
  }

  private void serve() {
    int idleTurns = 0;
    long idleSince = 0;
    while (!ctx.isDead()) {
      boolean worked = rings.submitFromThread(task);
      if (spins) {
        worked |= ctx.polled() ? rings.pollFromThread() : rings.flushFromThread();
      }
      if (worked) {
        idleTurns = 0;
        continue;
      }
      if (!spins) {
        sleep();
      } else if (++idleTurns < SPINS) {
        Thread.onSpinWait();
      } else if (idleTurns == SPINS) {
        idleSince = System.nanoTime();
      } else if (rings.busy()) {
        Thread.onSpinWait();
      } else if (System.nanoTime() - idleSince < IDLE_NANOS) {
        LockSupport.parkNanos(1); // yields the cpu to the program (C: cond_resched)
      } else if (rings.holdsEvents()) {
        LockSupport.parkNanos(this, ROOM_NANOS);
      } else {
        sleep();
        idleTurns = 0;
      }
    }
  }

  /** Sleeps until woken, unless a last check finds an entry that can be taken. */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "A thread that goes to sleep sets NEED_WAKEUP in the SQ ring, so that the program knows"
              + " when a call is needed.",
      test = "SqThreadTest#anIdleThreadSleepsAndSaysSo")
  private void sleep() {
    sq.setNeedWakeup(true);
    // the flag before the check of the ring; pairs with the program, which writes the tail before
    // it reads the flag
    VarHandle.fullFence();
    while (!woken && rings.nothingToTake() && !ctx.isDead()) {
      asleep = true;
      // a waiter may have nothing left to wait for: the tail may have moved forth and back
      ctx.waitQueue().wakeUp();
      LockSupport.park(this);
      asleep = false;
    }
    woken = false;
    sq.setNeedWakeup(false);
  }
}
