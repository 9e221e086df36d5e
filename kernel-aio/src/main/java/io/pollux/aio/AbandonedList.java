// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import java.lang.ref.WeakReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one context whose file threw after it took their memory, so that a device may
 * have them. They get no event and do not count as in flight. A completion only marks such a
 * request. Teardown of the context polls for them, because a device may write to their memory, or
 * hold a tag, until it completes them.
 *
 * <p>A request stays in the list, and keeps its file, until it is complete or unreachable. A
 * device, a queue or a file that can complete a request refers to it. The list has only weak
 * references to requests, and none to the context.
 */
final class AbandonedList {
  private static final long NAP_NANOS = 1_000_000;

  /** How long {@link #drain} waits for the next request to complete or become unreachable. */
  private static final long LOST_NANOS = 3_000_000_000L;

  /** How long it waits before it first runs the collector. */
  private static final long COLLECT_NANOS = 20_000_000;

  /** Number of requests at which {@link #add} calls {@link #sweep}. */
  private static final int SWEEP_AT = 64;

  private @Nullable Left first; // under this object's lock, as all below
  private int count;
  private int sweepAt = SWEEP_AT;

  /** A request, and its reference on the file. */
  private static final class Left extends WeakReference<AioKiocb> {
    private final File file;
    private @Nullable Left next;

    Left(AioKiocb req, File file) {
      super(req);
      this.file = file;
    }

    boolean over() {
      AioKiocb req = get();
      return req == null || req.pollCompleted();
    }
  }

  /** Adds a request. Takes over its reference on the file. From any context. */
  void add(AioKiocb req, File file) {
    Left added = new Left(req, file);
    boolean many;
    synchronized (this) {
      added.next = first;
      first = added;
      many = ++count >= sweepAt;
    }
    if (many || req.pollCompleted()) { // after it was added: pairs with the completion's sweep
      sweep();
    }
  }

  /** Removes complete and unreachable requests, and puts their files. From any context. */
  void sweep() {
    put(take(false));
  }

  /** Removes all requests, and puts their files. From any context. */
  void putAll() {
    put(take(true));
  }

  /** Removes complete and unreachable requests, or all. Returns them as a list. */
  private synchronized @Nullable Left take(boolean all) {
    Left taken = null;
    Left before = null;
    Left each = first;
    while (each != null) {
      Left following = each.next;
      if (all || each.over()) {
        if (before == null) {
          first = following;
        } else {
          before.next = following;
        }
        each.next = taken;
        taken = each;
        count--;
      } else {
        before = each;
      }
      each = following;
    }
    sweepAt = Math.max(SWEEP_AT, 2 * count);
    return taken;
  }

  /** Puts files. Without the lock, because the last put calls the file. */
  private static void put(@Nullable Left taken) {
    for (Left each = taken; each != null; each = each.next) {
      each.file.fput();
    }
  }

  private synchronized int size() {
    return count;
  }

  private synchronized @Nullable Left first() {
    return first;
  }

  /** Polls once for each polled request. Only in teardown: no request is added or removed. */
  private void poll() {
    for (Left each = first(); each != null; each = each.next) {
      AioKiocb req = each.get();
      if (req != null && req.has(Kiocb.IOCB_HIPRI) && !req.pollCompleted()) {
        try {
          each.file.op().iopoll(req, false);
        } catch (Throwable e) {
          Oops.report("the iopoll of a file", e, "it is retried, and then abandoned");
        }
      }
    }
  }

  /**
   * Polls until all requests are complete or unreachable. Called by teardown, after the last
   * submission. If polling finds nothing it runs the collector, which finds requests that no device
   * has.
   *
   * @throws IllegalStateException if no request completes or becomes unreachable for three seconds.
   *     A device may still write to their memory.
   */
  void drain() {
    long progress = System.nanoTime();
    long collect = COLLECT_NANOS;
    sweep();
    int left = size();
    while (left > 0) { // terminates: the list empties, or the timeout expires
      poll();
      sweep();
      int now = size();
      long idle = System.nanoTime() - progress;
      if (now < left) {
        progress = System.nanoTime();
      } else if (idle > LOST_NANOS) {
        throw new IllegalStateException(
            "an aio context ends before " + left + " requests whose files threw; " + Remains.KEPT);
      } else if (idle > collect) {
        collect *= 8;
        System.gc();
      } else {
        LockSupport.parkNanos(NAP_NANOS);
      }
      left = now;
    }
  }
}
