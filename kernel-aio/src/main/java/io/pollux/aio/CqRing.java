// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The completion ring from the side of its producer, the kernel. The kernel uses its own tail. On a
 * polled context the thread inside io_ring_enter owns the ring; on others the holder of
 * completionLock does.
 */
@Patch(26)
@LinuxSource(file = "fs/aio.c", name = "aio_scqring_map")
final class CqRing {
  private static final VarHandle TAIL;

  static {
    try {
      TAIL = MethodHandles.lookup().findVarHandle(CqRing.class, "tail", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final MappedRange range;
  private final long ring;
  private final int entries;

  @SuppressWarnings("unused") // through TAIL
  private int tail; // written by the producer, read by waiters too

  /** Takes ownership of a pinned range and resets the ring in it. */
  CqRing(MappedRange range, int entries) {
    this.range = range;
    this.ring = range.address();
    this.entries = entries;
    AioIoEventRing.nrEvents(ring, entries);
    AioIoEventRing.head(ring, 0);
    AioIoEventRing.tail(ring, 0);
  }

  /** Returns the address of the ring. */
  long address() {
    return ring;
  }

  private int next(int index) {
    return index + 1 == entries ? 0 : index + 1;
  }

  /**
   * Writes an event, if there is room for it.
   *
   * @param at the producer's position, which starts at {@link #tail()}
   * @return the next position, for {@link #commit}; -1 if the ring is full or the program's head is
   *     outside the ring
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_peek_cqring")
  int put(int at, AioKiocb req) {
    int behind = next(at);
    // acquire: pairs with the program's release after it read the event
    int head = AioIoEventRing.head(ring);
    if (behind == head || Integer.compareUnsigned(head, entries) >= 0) {
      return -1;
    }
    CompletionRing.aioFillEvent(AioIoEventRing.event(ring, at), req);
    return behind;
  }

  /** Publishes all events before a position. */
  @LinuxSource(file = "fs/aio.c", name = "aio_commit_cqring")
  void commit(int behind) {
    TAIL.setRelease(this, behind); // waiters are woken after a full barrier
    // release: pairs with the program's acquire before it reads the events
    AioIoEventRing.tail(ring, behind);
  }

  int tail() {
    return (int) TAIL.getAcquire(this);
  }

  boolean isEmpty() {
    return AioIoEventRing.head(ring) == tail();
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    range.unmap();
  }

  /** Describes the indices, for a dump. With a user reference of the context. */
  @Override
  public String toString() {
    return "CQ ring: head " + AioIoEventRing.head(ring) + ", tail " + tail() + " of " + entries;
  }
}
