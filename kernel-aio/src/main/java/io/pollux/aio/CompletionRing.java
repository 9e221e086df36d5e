// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/**
 * The old completion ring, mapped into the process. The kernel produces events; the kernel (in
 * io_getevents) and the program consume them. The kernel uses its own tail. The head is in shared
 * memory and may have any value.
 *
 * <p>A request takes a slot before its submission and keeps it until its event is consumed, so the
 * ring cannot overflow. The context's completionLock guards everything except {@link #read}, which
 * the readers' lock serializes.
 */
@LinuxSource(file = "fs/aio.c", name = "aio_ring")
final class CompletionRing {
  private final long ring;
  private final int slots;
  private volatile int tail; // written under completionLock; readers read it without
  private int available; // slots that no request holds
  private int completedEvents; // events put since consumed slots were last reclaimed

  CompletionRing(long ring, int slots) {
    this.ring = ring;
    this.slots = slots;
    this.available = slots == 0 ? 0 : slots - 1;
  }

  int slots() {
    return slots;
  }

  /** Returns the head, reduced to the range of the ring. */
  private int head() {
    // acquire: pairs with the consumer's release
    return Integer.remainderUnsigned(AioRing.head(ring), slots);
  }

  /** Takes a slot. Reclaims the slots of consumed events first, if no slot is free. */
  @Patch(7)
  @LinuxSource(
      file = "fs/aio.c",
      name = {"get_reqs_available", "user_refill_reqs_available"})
  boolean getReqsAvailable() {
    if (available == 0) {
      refill();
    }
    if (available == 0) {
      return false;
    }
    available--;
    return true;
  }

  /** Returns the slot of a request that has no event. */
  @LinuxSource(file = "fs/aio.c", name = "put_reqs_available")
  void putReqsAvailable() {
    available++;
    assert available < slots;
  }

  @LinuxSource(file = "fs/aio.c", name = "refill_reqs_available")
  private void refill() {
    int inRing = Integer.remainderUnsigned(tail - head() + slots, slots);
    int consumed = completedEvents - inRing;
    if (consumed > 0) {
      completedEvents -= consumed;
      available += consumed;
      assert available < slots : "more slots given back than there are";
    }
  }

  /** Puts an event. */
  @Patch(25)
  @LinuxSource(file = "fs/aio.c", name = "aio_ring_complete")
  void complete(AioKiocb req) {
    int at = tail;
    long event = AioRing.event(ring, at);
    aioFillEvent(event, req);
    completedEvents++;
    tail = at + 1 == slots ? 0 : at + 1;
    AioRing.tail(ring, tail); // release: pairs with the consumer's acquire
  }

  /** Fills an event in memory that the kernel may write to. */
  @Patch(12)
  @LinuxSource(file = "fs/aio.c", name = "aio_fill_event")
  static void aioFillEvent(long event, AioKiocb req) {
    IoEvent.data(event, req.userData);
    IoEvent.obj(event, req.userObj);
    IoEvent.res(event, req.res);
    IoEvent.res2(event, req.res2);
  }

  boolean isEmpty() {
    return head() == tail;
  }

  /**
   * Copies events to user memory and consumes them. Under the context's reader lock.
   *
   * @return number of events, or -EFAULT with none consumed
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_read_events_ring")
  int read(AddressSpace mm, long events, int max) {
    int head = head();
    int copied = 0;
    int end = tail;
    while (head != end && copied < max) { // bounded by the ring
      int piece = Math.min((head < end ? end : slots) - head, max - copied);
      if (mm.copyToUser(
              events + copied * IoEvent.SIZE, AioRing.event(ring, head), piece * IoEvent.SIZE)
          != 0) {
        return -Errno.EFAULT;
      }
      copied += piece;
      head += piece;
      if (head == slots) {
        head = 0;
      }
    }
    AioRing.head(ring, head); // release: pairs with the acquire in head()
    return copied;
  }

  /** Describes the indices, for a dump. With a user reference of the context. */
  @Override
  public String toString() {
    return slots == 0
        ? "no ring"
        : "ring: head "
            + head()
            + ", tail "
            + tail
            + " of "
            + slots
            + ", "
            + available
            + " slots free";
  }
}
