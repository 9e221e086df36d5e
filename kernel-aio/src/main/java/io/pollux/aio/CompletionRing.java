// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/**
 * The old completion ring, which is mapped into the process: the kernel produces, and both the kernel (in
 * io_getevents) and the program itself may consume. The kernel's own tail is the one that counts; the head is
 * in shared memory and may be anything.
 *
 * <p>A request takes a slot before it is submitted and keeps it until its event was consumed, so the ring
 * can't overflow. Everything here is under the context's completionLock but {@link #read}, which only one
 * thread does at a time.
 */
@LinuxSource(file = "fs/aio.c", name = "aio_ring")
final class CompletionRing {
  private final long ring;
  private final int slots;
  private volatile int tail; // written under completionLock, read by readers too
  private int available; // slots that no request holds
  private int completedEvents; // events put since slots were last given back for consumed ones

  CompletionRing(long ring, int slots) {
    this.ring = ring;
    this.slots = slots;
    this.available = slots == 0 ? 0 : slots - 1;
  }

  int slots() {
    return slots;
  }

  /** The program's or the kernel's head, brought into range. */
  private int head() {
    return Integer.remainderUnsigned(AioRing.head(ring), slots); // acquire: pairs with the consumer's release
  }

  /** Takes a slot. Slots of events that were consumed meanwhile count again. */
  @Patch(7)
  @LinuxSource(file = "fs/aio.c", name = {"get_reqs_available", "user_refill_reqs_available"})
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

  /** Gives the slot of a request back that has no event. */
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
    AioRing.tail(ring, tail); // release: pairs with the acquire of who consumes
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
   * @return how many, or -EFAULT with none consumed
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_read_events_ring")
  int read(AddressSpace mm, long events, int max) {
    int head = head();
    int copied = 0;
    int end = tail;
    while (head != end && copied < max) { // bounded by the ring
      int piece = Math.min((head < end ? end : slots) - head, max - copied);
      if (mm.copyToUser(events + copied * IoEvent.SIZE, AioRing.event(ring, head), piece * IoEvent.SIZE) != 0) {
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
}
