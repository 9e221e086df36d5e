// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

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
  private int head;

  /** Takes over a pinned range and resets the ring in it. */
  SqRing(MappedRange range, int entries) {
    this.range = range;
    this.ring = range.address();
    this.entries = entries;
    AioIocbRing.nrEvents(ring, entries);
    AioIocbRing.tail(ring, 0);
    AioIocbRing.head(ring, 0);
  }

  /** Answers the index of the next entry, or -1. A tail outside the ring means that there is none. */
  @LinuxSource(file = "fs/aio.c", name = "aio_peek_sqring")
  int peek() {
    int tail = AioIocbRing.tail(ring); // acquire: pairs with the program's release after it filled the entry
    return tail == head || Integer.compareUnsigned(tail, entries) >= 0 ? -1 : head;
  }

  /** The entry at the index that peek answered. The program may still write to it. */
  long iocb(int index) {
    return AioIocbRing.iocb(ring, index);
  }

  /** Gives the entry at the head back to the program. */
  @LinuxSource(file = "fs/aio.c", name = "aio_commit_sqring")
  void commit() {
    int next = head + 1;
    head = next == entries ? 0 : next;
    AioIocbRing.head(ring, head); // release: pairs with the program's acquire before it fills the entry anew
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    range.unmap();
  }
}
