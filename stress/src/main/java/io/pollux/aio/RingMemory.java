// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.WindowSpace;
import io.pollux.uapi.Mman;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Memory of a program for the rings of many states. A place is used again after 65,536 others, when
 * its state is gone.
 */
final class RingMemory {
  /** Bytes of a ring with {@link #ENTRIES} entries of either kind, and more. */
  private static final int PLACE = 512;

  /** Entries of a ring. */
  static final int ENTRIES = 4;

  private static final int PLACES = 1 << 16;
  private static final WindowSpace SPACE = new WindowSpace();
  private static final long START =
      SPACE.mmap((long) PLACE * PLACES, Mman.PROT_READ | Mman.PROT_WRITE);
  private static final AtomicInteger NEXT = new AtomicInteger();

  private RingMemory() {}

  /** Returns pinned memory for a ring. */
  static MappedRange next() {
    long address = START + (long) (NEXT.getAndIncrement() & PLACES - 1) * PLACE;
    MappedRange range = MappedRange.map(SPACE, address, PLACE);
    if (range == null) {
      throw new AssertionError("no memory for a ring");
    }
    return range;
  }
}
