// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.Debug;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.ReservedMemory;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a filesystem in memory. One range of host addresses has the maximum size of the
 * filesystem; memory backs it as far as pages are allocated.
 *
 * <p>All methods may be called from any context. The lock is a leaf.
 */
final class RamPages {
  private final int limit; // in pages

  // Under the lock of this object.
  private final BitSet inUse = new BitSet();
  private @Nullable ReservedMemory memory; // null before the first page
  private int firstFree; // no page below is free
  private int used;

  /**
   * Creates an empty store.
   *
   * @param bytes maximum size, a positive multiple of the page size
   */
  RamPages(long bytes) {
    limit = Math.toIntExact(bytes >> HostMemory.PAGE_SHIFT);
    assert limit > 0 : bytes;
  }

  /**
   * Allocates a zeroed page.
   *
   * @return its address, or 0 (ENOSPC) if none is left
   */
  synchronized long allocate() {
    lockdep();
    if (used == limit) {
      return 0;
    }
    ReservedMemory range =
        memory != null ? memory : ReservedMemory.of((long) limit << HostMemory.PAGE_SHIFT);
    memory = range;
    int page = inUse.nextClearBit(firstFree);
    if (range == null || !range.reach((page + 1L) << HostMemory.PAGE_SHIFT)) {
      return 0;
    }
    inUse.set(page);
    firstFree = page + 1;
    used++;
    return range.start() + ((long) page << HostMemory.PAGE_SHIFT);
  }

  /**
   * Frees pages and returns their memory to the host.
   *
   * @param pages addresses from {@link #allocate}, in any order; sorted afterwards
   * @param count number of addresses
   */
  synchronized void free(long[] pages, int count) {
    lockdep();
    Arrays.sort(pages, 0, count);
    int start = 0;
    for (int i = 1; i <= count; i++) { // consecutive pages are freed by one call
      if (i == count || pages[i] != pages[i - 1] + HostMemory.PAGE_SIZE) {
        freeRun(Objects.requireNonNull(memory).start(), pages[start], i - start);
        start = i;
      }
    }
  }

  private void freeRun(long base, long address, int count) {
    // so that the next owner finds zeroes
    HostMemory.discard(address, (long) count << HostMemory.PAGE_SHIFT);
    int first = (int) ((address - base) >> HostMemory.PAGE_SHIFT);
    assert inUse.nextClearBit(first) >= first + count : "a page was given back twice";
    inUse.clear(first, first + count);
    firstFree = Math.min(firstFree, first);
    used -= count;
  }

  /** Returns the number of allocated pages. */
  synchronized int used() {
    lockdep();
    return used;
  }

  /** Returns the maximum number of pages. */
  int limit() {
    return limit;
  }

  /** Frees all pages, at unmount. None may be in use. */
  synchronized void close() {
    lockdep();
    if (memory != null) {
      memory.close();
      memory = null;
    }
    inUse.clear();
    firstFree = 0;
    used = 0;
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.RAM_PAGES, this);
    }
  }
}
