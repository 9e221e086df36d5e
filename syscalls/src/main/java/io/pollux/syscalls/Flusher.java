// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Writes a kernel's changes back at intervals. All kernels share a timer. Each has a work queue of
 * its own, so that a slow disk delays only its own kernel.
 */
@Differs(
    kind = Differs.Kind.SIMPLER,
    why =
        "Every 30 s each writable filesystem is written back as a whole. Linux checks every 5 s for"
            + " files that have been dirty for 30 s.",
    test = "FlusherTest#dirtyPagesReachTheDiskWithoutASync")
@LinuxSource(
    file = "fs/fs-writeback.c",
    name = {"wb_workfn", "wb_check_old_data_flush"})
final class Flusher implements AutoCloseable {
  @LinuxSource(file = "mm/page-writeback.c", name = "dirty_expire_interval")
  static final Duration INTERVAL = Duration.ofSeconds(30);

  private static final ScheduledThreadPoolExecutor TIMER = timer();

  private final WorkQueue queue;
  private final WorkQueue.Work work;
  private final ScheduledFuture<?> ticks;
  private boolean pending; // under the monitor, as the next one
  private boolean closed;

  /**
   * Starts periodic write-back.
   *
   * @param process the kernel's own process
   * @param interval the time between two flushes
   * @param flush writes back
   */
  Flusher(UserProcess process, Duration interval, Consumer<Task> flush) {
    queue = new WorkQueue(process, "flush", 1);
    work =
        task -> {
          synchronized (this) {
            pending = false;
          }
          flush.accept(task);
        };
    long nanos = interval.toNanos();
    ticks = TIMER.scheduleWithFixedDelay(this::tick, nanos, nanos, TimeUnit.NANOSECONDS);
  }

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("flush-timer").factory());
    timer.setRemoveOnCancelPolicy(true); // a closed kernel is garbage
    return timer;
  }

  private synchronized void tick() {
    if (!closed && !pending) {
      pending = true;
      queue.queue(work);
    }
  }

  /** Stops, and waits for a flush in progress. */
  @Override
  public void close() {
    ticks.cancel(false);
    synchronized (this) {
      closed = true;
    }
    queue.flush();
  }
}
