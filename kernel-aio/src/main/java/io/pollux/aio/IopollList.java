// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The requests of a polled context: submitted requests, and the poller's working set. A request
 * leaves the list once its event is stored.
 *
 * <p>Any thread may submit; one thread at a time polls. The list of submitted requests has its own
 * lock, which is a leaf. The poller, which holds the context's poll lock, owns the working set. If
 * only the thread inside the context submits and polls, no lock is taken, and submitted requests
 * join the working set at once.
 */
@Patch(15)
@LinuxSource(
    file = "fs/aio.c",
    name = {"poll_submitted", "poll_completing"})
final class IopollList {
  private static final long SHORTEST_NAP_NANOS = 10_000;
  private static final long LONGEST_NAP_NANOS = 1_000_000;

  /** Consecutive passes without a pollable request after which teardown abandons the requests. */
  private static final int MAX_FAILURES = 1_000;

  private static final long FAILURE_NAP_NANOS = 1_000_000;

  /**
   * Maximum number of requests in {@link #describe}: a racing reader could follow links forever.
   */
  private static final int MAX_SHOWN = 1_024;

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
  private final boolean oneInside; // the thread inside submits and polls

  private final Object lock = new Object();
  private @Nullable AioKiocb submittedHead; // under the lock
  private @Nullable AioKiocb submittedTail; // under the lock
  private volatile boolean anySubmitted; // written under the lock
  private @Nullable AioKiocb completingHead;
  private @Nullable AioKiocb completingTail;
  // no request was complete when submitted by the thread inside, and none was polled since
  private boolean nothingDone;
  private long polledId; // the last request that AIO_POLL was for; only while trace points are on
  private boolean threw; // the submission thread's last poll threw
  // the last reap stopped for lack of room; the submission thread reads it too
  private volatile boolean full;

  IopollList(Kioctx ctx) {
    this.ctx = ctx;
    oneInside = ctx.oneInside();
  }

  /** Adds a chain of issued requests. */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why =
          "A request that was complete when it was submitted keeps its place in the list. The"
              + " posting puts it in front.",
      test = "SubmitDifferencesTest#aRequestThatWasCompleteWhenSubmittedWaitsItsTurn")
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_iocb_add_list")
  void submitted(AioKiocb head, AioKiocb tail, boolean anyDone) {
    assert tail.next == null;
    if (oneInside) {
      nothingDone = (nothingDone || completingHead == null) && !anyDone;
      append(head, tail);
      return;
    }
    order();
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

  /** Whether no request is in flight or waits for room. By the poller. */
  boolean isEmpty() {
    return !anySubmitted && completingHead == null;
  }

  /** Whether the last reap stopped for lack of room. From any thread. */
  boolean isFull() {
    return full;
  }

  /** The destination of events. */
  interface Sink {
    /** Stores an event. Returns false if there is no room. */
    boolean event(AioKiocb req);

    /** Publishes the stored events to the program. */
    void commit();
  }

  /**
   * Reaps and polls until there are enough events or no requests are left.
   *
   * @param current the task whose interruption stops the spinning, or null for the submission
   *     thread. Nothing interrupts that thread; if iopoll throws there, the call returns -EIO.
   * @param sink the destination of the events
   * @param min events to find before spinning stops; 0 makes one pass without spinning, even if
   *     events are available
   * @param max events to take
   * @param timeoutNanos limit of the polling, or WaitQueue.FOREVER
   * @return events, or a negative errno if an error came before the first event
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why = "A signal ends polling: EINTR if there is no event. The posting ignores signals.",
      test = "IopollByInterruptTest#aSignalEndsTheWait")
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why =
          "Polling goes on until there are min events. The posting may return after one event if"
              + " the processor is needed elsewhere (need_resched).",
      test = "SubmitDifferencesTest#pollingGoesOnUntilThereAreMinEvents")
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_check")
  int check(@Nullable Task current, Sink sink, int min, int max, long timeoutNanos) {
    int events = 0;
    boolean polled = false;
    long nap = SHORTEST_NAP_NANOS;
    long start = timeoutNanos == WaitQueue.FOREVER ? 0 : System.nanoTime();
    // ends: each turn polls, and min events come, or the timeout expires, or the task is
    // interrupted
    while (true) {
      takeOver();
      if (nothingDone) {
        nothingDone = false; // no request can be complete before the poll
      } else {
        events += reap(sink, max - events);
      }
      if (events >= max
          || full
          || (isEmpty() && !ctx.submissionsPending())
          || (events >= min && (polled || min > 0))) {
        return events;
      }
      if (current != null && (current.signalPending() || ctx.isDead())) {
        return events > 0 ? events : ctx.isDead() ? -Errno.EINVAL : -Errno.EINTR;
      }
      if (polled
          && timeoutNanos != WaitQueue.FOREVER
          && System.nanoTime() - start >= timeoutNanos) {
        return events;
      }
      int found = current == null ? pollByThread(min - events) : poll(current, min - events);
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
   * Pauses after a poll that found nothing. It spins if a request needs polling. Otherwise
   * interrupts complete all requests without waking the poller, so it sleeps. The posted series
   * spins here too. Returns the next nap, which grows in proportion to the time already waited.
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why = "The poller sleeps if interrupts complete all of its requests. The posting spins.",
      test = "IopollByInterruptTest#aPollerOfADeviceWithoutPolledQueuesSleeps")
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

  /** Moves the submitted requests to the working set. */
  private void takeOver() {
    if (!anySubmitted) {
      return;
    }
    order();
    synchronized (lock) {
      append(submittedHead, submittedTail);
      submittedHead = null;
      submittedTail = null;
      anySubmitted = false;
    }
  }

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_SUBMITTED, lock);
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

  /**
   * Polls each request that is not complete. Spins while fewer than the needed requests were found.
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_getevents")
  private int poll(@Nullable Task current, int needed) {
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
      if (Trace.on()) {
        tracePoll(req, found < needed);
      }
      int result = req.file().op().iopoll(current, req, found < needed);
      if (result < 0) {
        return result;
      }
      found += result;
    }
    return found;
  }

  private void tracePoll(AioKiocb req, boolean spin) {
    long id = req.traceId();
    if (id != 0 && id != polledId) {
      polledId = id;
      AioTrace.poll(ctx, req, spin);
    }
  }

  /**
   * Polls as {@link #poll}. An exception of iopoll does not end the thread: it is reported, and a
   * later turn polls again.
   */
  private int pollByThread(int needed) {
    try {
      int found = poll(null, needed); // throws before it changes anything
      threw = false;
      return found;
    } catch (Throwable e) {
      ctx.setFailed();
      if (!threw) { // the first of consecutive failures
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

  /** Removes completed requests in list order and stores their events, as far as there is room. */
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_reap")
  private int reap(Sink sink, int max) {
    full = false;
    int events = 0;
    int refs = 0;
    File file = null;
    AioKiocb head = completingHead;
    AioKiocb before = null; // the last incomplete request before req
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
      if (Trace.on()) {
        AioTrace.reap(ctx, req);
      }
      if (before == null) {
        head = following;
      } else {
        before.next = following;
      }
      File of = req.kiFilp;
      if (of != null) { // null if the entry named no file
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
   * Polls all requests of a dying context to completion and drops the events. A wait for a device
   * has no timeout, as in C; after {@link #HUNG_NANOS} a message names the device. (C retries a
   * failing iopoll forever.)
   *
   * @throws IllegalStateException if iopoll keeps failing for all remaining requests, or they may
   *     be lost. Their devices may still write to pinned memory.
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why =
          "The end of a context gives up if iopoll fails a thousand times for all requests left,"
              + " and keeps their memory pinned while a device may write to it. The posting polls"
              + " for ever.",
      test = "ContextEndTest#aFileThatCantBePolledIsGivenUp")
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
          throw new IllegalStateException(
              "requests whose files can't be polled, at the end of their context; " + Remains.KEPT);
        }
        LockSupport.parkNanos(FAILURE_NAP_NANOS);
      }
      long now = System.nanoTime();
      if (now - progress > LOST_NANOS && ctx.mayHaveLost()) {
        throw new IllegalStateException(
            "an aio context ends before " + ctx.requests() + " requests; " + Remains.KEPT);
      }
      long waited = now - since;
      if (waited > SPIN_NANOS) {
        LockSupport.parkNanos(FAILURE_NAP_NANOS);
      }
      if (!hung && waited > HUNG_NANOS) {
        hung = true;
        Oops.warn(
            "the end of an aio context polls for " + ctx.requests() + " requests for a long time");
      }
    }
  }

  /**
   * Describes the requests in the list, for a dump: first those that the poller has, then those
   * that it will take over. From any context; racy and bounded.
   */
  List<String> describe() {
    List<String> lines = new ArrayList<>();
    describe(completingHead, lines);
    describe(submittedHead, lines);
    return lines;
  }

  private static void describe(@Nullable AioKiocb head, List<String> lines) {
    for (AioKiocb req = head; req != null && lines.size() < MAX_SHOWN; req = req.next) {
      lines.add(req.toString());
    }
  }

  /**
   * Returns the files of the requests that {@link #drain} has abandoned, each with the request's
   * reference. After the drain.
   */
  List<File> files() {
    takeOver();
    List<File> files = new ArrayList<>();
    for (AioKiocb req = completingHead; req != null; req = req.next) {
      if (req.kiFilp != null) {
        files.add(req.kiFilp);
      }
    }
    return files;
  }

  /**
   * Polls for each incomplete request, even if iopoll fails for another. Returns false if all
   * iopolls fail.
   */
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
        String tried = "it is retried, and then abandoned";
        Oops.report("the iopoll of a file", e, tried + req.file().inode().sb().shutDown());
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
