// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/**
 * The submission ring as its consumer, the kernel, sees it. The kernel's own head is the one that counts;
 * what is in shared memory is there for the program to read. Belongs to who is inside io_ring_enter.
 */
@Patch(26)
@LinuxSource(file = "fs/aio.c", name = "aio_scqring_map")
final class SqRing {
  private final MappedRange range;
  private final long ring;
  private final int entries;
  private volatile int head; // written by the consumer, read by who waits for it too

  /** Takes over a pinned range and resets the ring in it. */
  SqRing(MappedRange range, int entries) {
    this.range = range;
    this.ring = range.address();
    this.entries = entries;
    AioIocbRing.nrEvents(ring, entries);
    AioIocbRing.sqFlags(ring, 0);
    AioIocbRing.tail(ring, 0);
    AioIocbRing.head(ring, 0);
  }

  /** Answers the index of the next entry, or -1. A tail outside the ring means that there is none. */
  @LinuxSource(file = "fs/aio.c", name = "aio_peek_sqring")
  int peek() {
    int tail = AioIocbRing.tail(ring); // acquire: pairs with the program's release after it filled the entry
    int head = this.head;
    return tail == head || Integer.compareUnsigned(tail, entries) >= 0 ? -1 : head;
  }

  /** Whether the consumer has taken everything. From any thread. */
  boolean isEmpty() {
    return peek() < 0;
  }

  /** Tells the program whether the consumer sleeps until io_ring_enter is called. */
  void setNeedWakeup(boolean sleeps) {
    AioIocbRing.sqFlags(ring, sleeps ? AioAbi.IORING_SQ_NEED_WAKEUP : 0);
  }

  /** The cpu that the program wants the submission thread on. */
  static int sqThreadCpu(long ring) {
    return AioIocbRing.sqThreadCpu(ring);
  }

  /** The entry at the index that peek answered. The program may still write to it. */
  long iocb(int index) {
    return AioIocbRing.iocb(ring, index);
  }

  /** Gives the entry at the head back to the program. */
  @LinuxSource(file = "fs/aio.c", name = "aio_commit_sqring")
  void commit() {
    int next = head + 1 == entries ? 0 : head + 1;
    head = next;
    AioIocbRing.head(ring, next); // release: pairs with the program's acquire before it fills the entry anew
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    range.unmap();
  }
}
