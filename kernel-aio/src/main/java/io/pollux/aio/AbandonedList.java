// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one context whose file threw after it took their memory, so that a device may
 * have them. They have no event and do not count as in flight. Their completion only marks them,
 * like that of a polled request. Teardown of the context polls for them, because the device writes
 * to fixed buffers, or holds a tag, until it completes them.
 */
final class AbandonedList {
  private static final long NAP_NANOS = 1_000_000;

  /** How long {@link #drain} waits for the next completion. */
  private static final long LOST_NANOS = 3_000_000_000L;

  private @Nullable AioKiocb first; // linked by next; under this object's lock, as all below
  private int count;
  private boolean overflown; // a request was not kept: the memory of the context stays pinned

  /** Adds a request. Takes over its reference on the file. From any context. */
  synchronized void add(AioKiocb req) {
    if (count == AioAbi.AIO_MAX_NR) {
      sweep();
    }
    if (count == AioAbi.AIO_MAX_NR) {
      overflown = true;
      return;
    }
    req.next = first;
    first = req;
    count++;
  }

  /** Removes the complete requests and puts their files. Returns how many are left. */
  private synchronized int sweep() {
    AioKiocb before = null;
    for (AioKiocb req = first; req != null; req = req.next) {
      if (!req.pollCompleted()) {
        before = req;
        continue;
      }
      if (before == null) {
        first = req.next;
      } else {
        before.next = req.next;
      }
      req.file().fput();
      count--;
    }
    return count;
  }

  /** Polls once for each polled request. Only in teardown: no request is added any more. */
  private void poll() {
    for (AioKiocb req = first; req != null; req = req.next) {
      if (req.has(Kiocb.IOCB_HIPRI) && !req.pollCompleted()) {
        try {
          req.file().op().iopoll(req, false);
        } catch (Throwable e) {
          Oops.report("the iopoll of a file", e, "it is tried again, and then given up");
        }
      }
    }
  }

  /**
   * Polls until all requests are complete. Called by teardown, after the last submission.
   *
   * @throws IllegalStateException if no request completes for three seconds. A device may still
   *     write to fixed buffers.
   */
  void drain() {
    long progress = System.nanoTime();
    int left = sweep();
    while (left > 0) { // ends: requests complete, or time is up
      poll();
      int now = sweep();
      if (now < left) {
        progress = System.nanoTime();
      } else if (System.nanoTime() - progress > LOST_NANOS) {
        throw new IllegalStateException(
            "an aio context ends before " + left + " requests whose files threw");
      } else {
        LockSupport.parkNanos(NAP_NANOS);
      }
      left = now;
    }
    if (overflown) {
      throw new IllegalStateException("an aio context ends before requests whose files threw");
    }
  }
}
