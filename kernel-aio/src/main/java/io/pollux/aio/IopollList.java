// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The requests of a polled context: submitted ones, and those that the poller works on. A request leaves
 * when its event found room.
 *
 * <p>Anybody may submit, one may poll: the list of submitted requests has a lock of its own, a leaf; the
 * working set belongs to the poller, who owns the context's poll lock. Where who submits and who polls is always
 * the one inside the context, there is nobody to lock out, and what is submitted goes to the working set at once.
 */
@Patch(15)
@LinuxSource(file = "fs/aio.c", name = {"poll_submitted", "poll_completing"})
final class IopollList {
  private static final long SHORTEST_NAP_NANOS = 10_000;
  private static final long LONGEST_NAP_NANOS = 1_000_000;

  /** Consecutive passes without a pollable request after which teardown abandons the requests. */
  private static final int MAX_FAILURES = 1_000;

  private static final long FAILURE_NAP_NANOS = 1_000_000;

  /** How long teardown polls without pauses. */
  private static final long SPIN_NANOS = 1_000_000_000;

  /** How long teardown polls without a completion for requests that may be lost. */
  private static final long LOST_NANOS = 3_000_000_000L;

  /** How long teardown polls before it prints a message. */
  private static final long HUNG_NANOS = 10_000_000_000L;

  /** Discards events of a dead context. */
  private static final Sink NOWHERE =
      new Sink() {
        @Override
        public boolean event(AioKiocb req) {
          return true;
        }

        @Override
        public void commit() {}
      };

  private final Kioctx ctx;
  private final boolean oneInside; // submits and polls

  private final Object lock = new Object();
  private @Nullable AioKiocb submittedHead; // under the lock
  private @Nullable AioKiocb submittedTail; // under the lock
  private volatile boolean anySubmitted; // written under the lock
  private @Nullable AioKiocb completingHead;
  private @Nullable AioKiocb completingTail;
  private boolean nothingDone; // all were submitted by who is inside, and none was complete then; until somebody polls
  private boolean threw; // the submission thread's last poll
  private volatile boolean full; // the last reaping ended for want of room; read by the submission thread too

  IopollList(Kioctx ctx) {
    this.ctx = ctx;
    oneInside = ctx.oneInside();
  }

  /** Takes a chain of requests that were issued, and whether any of them is complete. */
  void submitted(AioKiocb head, AioKiocb tail, boolean anyDone) {
    assert tail.next == null;
    if (oneInside) {
      nothingDone = (nothingDone || completingHead == null) && !anyDone;
      append(head, tail);
      return;
    }
    synchronized (lock) {
      if (submittedTail == null) {
        submittedHead = head;
      } else {
        submittedTail.next = head;
      }
      submittedTail = tail;
      anySubmitted = true;
    }
  }

  /** Whether nothing is in flight or waits for room. By the poller. */
  boolean isEmpty() {
    return !anySubmitted && completingHead == null;
  }

  /** Whether the last reaping ended for want of room. From any thread. */
  boolean isFull() {
    return full;
  }

  /** Where events go. */
  interface Sink {
    /** Takes an event, or answers false for want of room. */
    boolean event(AioKiocb req);

    /** Shows the program what was taken. */
    void commit();
  }

  /**
   * Reaps and polls until there are enough events, or nothing is left to wait for.
   *
   * @param current the task whose interruption ends the spinning, or null for the submission thread: nothing interrupts it, and
   *     an iopoll that throws fails with EIO
   * @param sink where the events go
   * @param min events to find before spinning stops; 0 makes one pass without spinning, even if events are available
   * @param max events to take
   * @param timeoutNanos how long to go on, or WaitQueue.FOREVER
   * @return events, or a negative errno if the first thing that happened was an error
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_check")
  int check(@Nullable Task current, Sink sink, int min, int max, long timeoutNanos) {
    int events = 0;
    boolean polled = false;
    long nap = SHORTEST_NAP_NANOS;
    long start = timeoutNanos == WaitQueue.FOREVER ? 0 : System.nanoTime();
    while (true) { // ends: each turn polls, and min events come, or time is up, or the task is interrupted
      takeOver();
      if (nothingDone) {
        nothingDone = false; // there is nothing to be looked at before the poll
      } else {
        events += reap(sink, max - events);
      }
      if (events >= max || full || (isEmpty() && !ctx.submissionsPending()) || (events >= min && (polled || min > 0))) {
        return events;
      }
      if (current != null && (current.signalPending() || ctx.isDead())) {
        return events > 0 ? events : ctx.isDead() ? -Errno.EINVAL : -Errno.EINTR;
      }
      if (polled && timeoutNanos != WaitQueue.FOREVER && System.nanoTime() - start >= timeoutNanos) {
        return events;
      }
      int found = current == null ? pollByThread(min - events) : poll(min - events);
      if (found < 0) {
        return events > 0 ? events : found;
      }
      if (found == 0 && polled) {
        nap = pause(nap);
      }
      polled = true;
    }
  }

  /**
   * Pauses after a poll that found nothing. It spins if a request needs polling. Otherwise interrupts complete all requests
   * without waking the poller, so it sleeps. The posted series spins here too. Returns the next nap, which grows in proportion to
   * the time already waited.
   */
  private long pause(long nap) {
    for (AioKiocb req = completingHead; req != null; req = req.next) {
      if (!req.pollCompleted() && req.file().op().needsPolling(req)) {
        Thread.onSpinWait();
        return SHORTEST_NAP_NANOS;
      }
    }
    LockSupport.parkNanos(this, nap); // a signal cuts it short
    return Math.min(2 * nap, LONGEST_NAP_NANOS);
  }

  /** Makes what was submitted part of the working set. */
  private void takeOver() {
    if (!anySubmitted) {
      return;
    }
    synchronized (lock) {
      append(submittedHead, submittedTail);
      submittedHead = null;
      submittedTail = null;
      anySubmitted = false;
    }
  }

  private void append(@Nullable AioKiocb head, @Nullable AioKiocb tail) {
    if (completingTail == null) {
      completingHead = head;
    } else {
      completingTail.next = head;
    }
    completingTail = tail;
  }

  /** Polls each request that is not complete, spinning while fewer than needed were found. */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_getevents")
  private int poll(int needed) {
    int found = 0;
    boolean polled = false;
    for (AioKiocb req = completingHead; req != null; req = req.next) {
      if (req.pollCompleted()) {
        if (polled && found >= needed) {
          break;
        }
        continue;
      }
      polled = true;
      int result = iopoll(req, found < needed);
      if (result < 0) {
        return result;
      }
      found += result;
    }
    return found;
  }

  /** Polls as {@link #poll}. An iopoll that throws must not end the thread: it is reported and tried again. */
  private int pollByThread(int needed) {
    try {
      int found = poll(needed); // throws before it changes anything
      threw = false;
      return found;
    } catch (Throwable e) {
      ctx.setFailed();
      if (!threw) { // the first of a row
        threw = true;
        Oops.report("the iopoll of a file", e, "it is tried again");
      }
      LockSupport.parkNanos(FAILURE_NAP_NANOS);
      return -Errno.EIO;
    }
  }

  private static int iopoll(Kiocb req, boolean spin) {
    return req.file().op().iopoll(req, spin);
  }

  /** Takes the completed requests out and makes events of them, in order, as far as there is room. */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_reap")
  private int reap(Sink sink, int max) {
    full = false;
    int events = 0;
    int refs = 0;
    File file = null;
    AioKiocb head = completingHead;
    AioKiocb before = null; // the last one that stays, of those that were looked at
    AioKiocb req = head;
    while (req != null && events < max) {
      AioKiocb following = req.next;
      if (!req.pollCompleted()) {
        before = req;
        req = following;
        continue;
      }
      if (!sink.event(req)) {
        full = true; // it stays on the list and comes out at a later call
        break;
      }
      if (before == null) {
        head = following;
      } else {
        before.next = following;
      }
      File of = req.kiFilp;
      if (of != null) { // an entry that named no file has none
        if (of != file) {
          if (file != null) {
            file.fputMany(refs);
          }
          file = of;
          refs = 0;
        }
        refs++;
      }
      req.free();
      events++;
      req = following;
    }
    completingHead = head;
    if (req == null) {
      completingTail = before;
    }
    if (events > 0) {
      sink.commit();
      if (file != null) {
        file.fputMany(refs);
      }
      ctx.iocbPutMany(events);
    }
    return events;
  }

  /**
   * Polls all requests of a dying context to completion and drops the events. A wait for a device has no timeout, as in C; after
   * {@link #HUNG_NANOS} a message names the device. (C retries a failing iopoll forever.)
   *
   * @throws IllegalStateException if iopoll keeps failing for all remaining requests, or they may be lost. Their devices may still
   *     write to pinned memory.
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_reap_events")
  void drain() {
    int failures = 0;
    long since = System.nanoTime();
    long progress = since;
    boolean hung = false;
    while (!isEmpty()) { // until the devices complete all requests, or all iopolls fail
      takeOver();
      nothingDone = false;
      if (reap(NOWHERE, Integer.MAX_VALUE) > 0) {
        failures = 0;
        progress = System.nanoTime();
      } else if (pollEach()) {
        failures = 0;
      } else {
        if (++failures > MAX_FAILURES) {
          throw new IllegalStateException("requests whose files can't be polled, at the end of their context");
        }
        LockSupport.parkNanos(FAILURE_NAP_NANOS);
      }
      long now = System.nanoTime();
      if (now - progress > LOST_NANOS && ctx.mayHaveLost()) {
        throw new IllegalStateException("an aio context ends before " + ctx.requests() + " requests");
      }
      long waited = now - since;
      if (waited > SPIN_NANOS) {
        LockSupport.parkNanos(FAILURE_NAP_NANOS);
      }
      if (!hung && waited > HUNG_NANOS) {
        hung = true;
        Oops.warn("the end of an aio context polls for " + ctx.requests() + " requests for a long time");
      }
    }
  }

  /** Polls for each incomplete request, even if iopoll fails for another. Returns false if all iopolls fail. */
  private boolean pollEach() {
    int failed = 0;
    int pending = 0;
    int found = 0;
    for (AioKiocb req = completingHead; req != null; req = req.next) {
      if (req.pollCompleted()) {
        continue;
      }
      pending++;
      int result;
      try {
        result = iopoll(req, found == 0);
      } catch (Throwable e) {
        Oops.report("the iopoll of a file", e, "it is tried again, and then given up");
        result = -Errno.EIO;
      }
      if (result < 0) {
        failed++;
      } else {
        found += result;
      }
    }
    return pending == 0 || failed < pending;
  }
}
