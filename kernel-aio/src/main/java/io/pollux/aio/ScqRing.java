// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * The SQ and CQ rings of a context, and the events that found no room in the CQ ring. {@link
 * RingEntry} takes entries and waits for events.
 *
 * <p>On a polled context the holder of RingEntry's pollLock posts events, or without a submission
 * thread the owner of the {@code enter} flag. On other contexts events are posted under
 * completionLock.
 */
@Patch(26)
@LinuxSource(file = "fs/aio.c", name = "aio_scqring_map")
final class ScqRing implements IopollList.Sink {
  private final SqRing sq;
  private final CqRing cq;
  private final Object completionLock; // the context's
  private int cqTail; // polled contexts: the position of the next event, before commit

  // Events that found no room, on contexts that are not polled. Under completionLock.
  private @Nullable AioKiocb overflowHead;
  private @Nullable AioKiocb overflowTail;
  private volatile boolean overflowUntold;
  private volatile int kept; // number of kept events; written under the lock

  ScqRing(SqRing sq, CqRing cq, Object completionLock) {
    this.sq = sq;
    this.cq = cq;
    this.completionLock = completionLock;
  }

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_COMPLETION, completionLock);
    }
  }

  SqRing sq() {
    return sq;
  }

  CqRing cq() {
    return cq;
  }

  /** Returns the number of kept events. From any context. */
  int kept() {
    return kept;
  }

  /** Whether io_ring_enter must first call {@link #flushOverflow}. From any context. */
  boolean mustFlush() {
    return overflowUntold || kept != 0;
  }

  // Events of polled requests: by the holder of pollLock.

  /** Starts a pass of the poller. */
  void startEvents() {
    cqTail = cq.tail();
  }

  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "A polled event that finds the CQ ring full stays in the list, and the call returns 0."
              + " The posting returns EAGAIN.",
      test = "IoRingEnterTest#aPolledEventThatFindsTheRingFullStaysAndComesLater")
  @Override
  public boolean event(AioKiocb req) {
    int behind = cq.put(cqTail, req);
    if (behind < 0) {
      return false;
    }
    cqTail = behind;
    return true;
  }

  @Override
  public void commit() {
    cq.commit(cqTail);
  }

  // Events of other requests: from any context, under completionLock.

  /** Posts an event, or keeps it if there is no room. Returns whether the request can be freed. */
  @Differs(
      patch = 26,
      kind = Differs.Kind.FIXES,
      why =
          "An event from elsewhere that finds the CQ ring full is kept, and the next call returns"
              + " EOVERFLOW once. The posting drops it.",
      test = "IoRingEnterTest#anEventFromElsewhereThatFindsTheRingFullIsKeptAndTold")
  boolean complete(AioKiocb req) {
    assert Thread.holdsLock(completionLock);
    if (overflowHead != null) {
      moveOverflow();
    }
    if (overflowHead == null && put(req)) {
      return true;
    }
    req.next = null; // later events queue behind earlier ones
    if (overflowTail == null) {
      overflowHead = req;
    } else {
      overflowTail.next = req;
    }
    overflowTail = req;
    overflowUntold = true;
    int before = kept; // written under the lock only
    kept = before + 1;
    return false;
  }

  private boolean put(AioKiocb req) {
    int behind = cq.put(cq.tail(), req);
    if (behind < 0) {
      return false;
    }
    cq.commit(behind);
    return true;
  }

  /**
   * Moves kept events to the ring, as far as there is room. Returns whether the overflow was not
   * yet reported.
   */
  boolean flushOverflow() {
    order();
    synchronized (completionLock) {
      moveOverflow();
      boolean untold = overflowUntold;
      overflowUntold = false;
      return untold;
    }
  }

  /** Moves kept events to the ring, as far as there is room. Returns whether one was moved. */
  boolean moveKept() {
    order();
    synchronized (completionLock) {
      return moveOverflow();
    }
  }

  private boolean moveOverflow() {
    AioKiocb first = overflowHead;
    AioKiocb req = first;
    int left = kept;
    while (req != null && put(req)) {
      AioKiocb following = req.next;
      req.free();
      req = following;
      left--;
    }
    if (req == first) {
      return false;
    }
    overflowHead = req;
    if (req == null) {
      overflowTail = null;
    }
    kept = left;
    return true;
  }

  // Teardown.

  /** Drops kept events and unmaps the rings. No request is in flight. */
  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    order();
    synchronized (completionLock) {
      AioKiocb req = overflowHead;
      while (req != null) {
        AioKiocb following = req.next;
        req.free();
        req = following;
      }
      overflowHead = null;
      overflowTail = null;
      kept = 0;
    }
    Teardown teardown = new Teardown();
    teardown.step(sq::unmap);
    teardown.step(cq::unmap);
    teardown.end();
  }
}
