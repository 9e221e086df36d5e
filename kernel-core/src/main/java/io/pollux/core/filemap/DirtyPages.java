// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import java.util.Arrays;

/**
 * The numbers of a file's pages that a task is about to write back. The caller frees it by {@link
 * Slab#free}.
 */
final class DirtyPages extends Slab.Item {
  private static final Slab<DirtyPages> SLAB = new Slab<>(DirtyPages::new);

  private long[] indexes = new long[PageCache.MAX_RUN]; // grows, up to the pages of a cache
  private int count;

  private DirtyPages() {}

  /** Allocates an empty list. From process context. */
  static DirtyPages get(Task current) {
    DirtyPages pages = SLAB.alloc(current);
    pages.count = 0;
    return pages;
  }

  /** Empties the list and makes room for a number of pages. */
  void clear(int room) {
    count = 0;
    if (indexes.length < room) {
      indexes = new long[Integer.highestOneBit(room) << 1];
    }
  }

  void add(long index) {
    indexes[count++] = index;
  }

  void sort() {
    Arrays.sort(indexes, 0, count);
  }

  int count() {
    return count;
  }

  long index(int i) {
    assert i < count : i;
    return indexes[i];
  }
}
