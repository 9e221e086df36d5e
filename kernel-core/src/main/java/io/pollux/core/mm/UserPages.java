// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The pages of one mmap call: the references that get_user_pages takes and put_page drops, in one
 * count. Pinned pages outlive the mapping.
 */
public final class UserPages {
  private final AddressSpace owner;
  private final long start;
  private final long end;
  private final AtomicLong pins = new AtomicLong(); // pages times references
  private volatile boolean unmapped; // written under the owner's lock

  UserPages(AddressSpace owner, long start, long end) {
    this.owner = owner;
    this.start = start;
    this.end = end;
  }

  long start() {
    return start;
  }

  long end() {
    return end;
  }

  long pins() {
    return pins.get();
  }

  void get(long address, long bytes) {
    pins.getAndAdd(pagesOf(address, bytes));
  }

  /**
   * Drops the references that {@link AddressSpace#pin} took on a range. From any context.
   *
   * @param address first byte, as pinned
   * @param bytes length, as pinned
   */
  public void unpin(long address, long bytes) {
    long left = pins.addAndGet(-pagesOf(address, bytes));
    assert left >= 0 : "unpinned more often than pinned";
    if (left == 0) {
      owner.lastUnpin(this);
    }
  }

  boolean unmapped() {
    return unmapped;
  }

  void setUnmapped() {
    unmapped = true;
  }

  /** Returns the number of pages that a range touches. */
  private long pagesOf(long address, long bytes) {
    assert address >= start && bytes > 0 && bytes <= end - address : "outside its mapping";
    return ((address + bytes - 1) >> HostMemory.PAGE_SHIFT)
        - (address >> HostMemory.PAGE_SHIFT)
        + 1;
  }
}
