// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * Maps the pages of a file to pages of memory: a hash table with open addressing. A lookup
 * allocates nothing, and holes take no space. Under the lock of its owner.
 */
@LinuxSource(file = "include/linux/fs.h", name = "address_space")
final class RamMapping {
  private static final int SMALLEST = 8; // a power of two, as every length of the table
  // odd, its bits well mixed: 2^64 by the golden ratio
  private static final long SPREAD = 0x9e37_79b9_7f4a_7c15L;

  private long[] indexes = new long[SMALLEST];
  private long[] pages = new long[SMALLEST]; // 0 if the slot is free
  private int size;

  /** Creates an empty table. */
  RamMapping() {}

  /** Returns the number of pages. */
  int size() {
    return size;
  }

  /**
   * Looks a page up.
   *
   * @param index page number in the file, not negative
   * @return its address, or 0 in a hole
   */
  long get(long index) {
    return pages[find(index)];
  }

  /**
   * Finds the first page at or after an index. Takes at most as many steps as the table has slots.
   *
   * @param index page number in the file, not negative
   * @param last where the search ends, not below index
   * @return page number in the file, or -1 if there is none
   */
  long nextPage(long index, long last) {
    if (last - index < pages.length) {
      for (long at = index; at <= last; at++) {
        if (get(at) != 0) {
          return at;
        }
      }
      return -1;
    }
    long first = -1;
    for (int at = 0; at < pages.length; at++) {
      long found = indexes[at];
      if (pages[at] != 0 && found >= index && found <= last && (first < 0 || found < first)) {
        first = found;
      }
    }
    return first;
  }

  /**
   * Finds the first hole at or after a page. Takes at most one step for each page in the table.
   *
   * @param index page number in the file, not negative
   * @return page number in the file
   */
  long nextHole(long index) {
    long at = index;
    while (get(at) != 0) { // bounded by the number of pages
      at++;
    }
    return at;
  }

  /**
   * Fills a hole.
   *
   * @param index page number in the file; it has no page yet
   * @param page its address
   */
  void put(long index, long page) {
    assert page != 0 && get(index) == 0 : index;
    if (size + 1 > pages.length / 2) { // half of the slots stay free, so that searches are short
      resize(pages.length * 2);
    }
    set(find(index), index, page);
    size++;
  }

  /**
   * Removes the pages of a range.
   *
   * @param first the first page of the range
   * @param last the last one, which may be far after the end of the file
   * @return their addresses, in no order
   */
  long[] removeRange(long first, long last) {
    boolean few = last - first < size;
    long[] removed = new long[few ? (int) (last - first) + 1 : size];
    int count = 0;
    if (few) {
      for (long index = first; index <= last; index++) {
        long page = remove(index);
        if (page != 0) {
          removed[count++] = page;
        }
      }
    } else {
      long[] inside = new long[size];
      int found = 0;
      // collected first, because a removal moves later entries
      for (int at = 0; at < pages.length; at++) {
        if (pages[at] != 0 && indexes[at] >= first && indexes[at] <= last) {
          inside[found++] = indexes[at];
        }
      }
      for (int i = 0; i < found; i++) {
        removed[count++] = remove(inside[i]);
      }
    }
    if (size < pages.length / 8 && pages.length > SMALLEST) {
      resize(Math.max(SMALLEST, Integer.highestOneBit(Math.max(1, size)) * 4));
    }
    return Arrays.copyOf(removed, count);
  }

  /** Removes one page. Returns its address, or 0 if there is none. */
  private long remove(long index) {
    int hole = find(index);
    long page = pages[hole];
    if (page == 0) {
      return 0;
    }
    pages[hole] = 0;
    size--;
    int mask = pages.length - 1;
    // ends: half of the slots are free
    for (int at = (hole + 1) & mask; pages[at] != 0; at = (at + 1) & mask) {
      int home = home(indexes[at]);
      if (((at - home) & mask) >= ((at - hole) & mask)) { // a search for it would stop at the hole
        set(hole, indexes[at], pages[at]);
        pages[at] = 0;
        hole = at;
      }
    }
    return page;
  }

  /** Returns the slot of an index, or the free slot where a search for it ends. */
  private int find(long index) {
    int mask = pages.length - 1;
    int at = home(index);
    while (pages[at] != 0 && indexes[at] != index) { // ends: half of the slots are free
      at = (at + 1) & mask;
    }
    return at;
  }

  private int home(long index) {
    return (int) ((index * SPREAD) >>> 32) & (pages.length - 1);
  }

  private void set(int at, long index, long page) {
    indexes[at] = index;
    pages[at] = page;
  }

  private void resize(int length) {
    long[] oldIndexes = indexes;
    long[] oldPages = pages;
    indexes = new long[length];
    pages = new long[length];
    for (int i = 0; i < oldPages.length; i++) {
      if (oldPages[i] != 0) {
        set(find(oldIndexes[i]), oldIndexes[i], oldPages[i]);
      }
    }
  }
}
