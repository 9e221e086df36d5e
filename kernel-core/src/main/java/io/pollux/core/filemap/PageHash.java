// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** Finds the cached pages by mapping and index. All methods are called under the cache's lock. */
@LinuxSource(file = "include/linux/fs.h", name = "i_pages")
final class PageHash {
  private final @Nullable Page[] buckets;

  /** Creates an empty table for a number of pages. */
  PageHash(int limit) {
    buckets = new Page[Integer.highestOneBit(limit) << 1];
  }

  private int bucket(@Nullable Mapping mapping, long index) {
    return (System.identityHashCode(mapping) * 31 + Long.hashCode(index)) & (buckets.length - 1);
  }

  /** Returns the page, uptodate or being read; null if it is not cached. */
  @Nullable Page lookup(Mapping mapping, long index) {
    Page page = buckets[bucket(mapping, index)];
    while (page != null && (page.mapping != mapping || page.index != index)) {
      page = page.next;
    }
    return page;
  }

  void add(Page page) {
    int bucket = bucket(page.mapping, page.index);
    page.next = buckets[bucket];
    buckets[bucket] = page;
  }

  void remove(Page page) {
    int bucket = bucket(page.mapping, page.index);
    Page before = null;
    for (Page at = buckets[bucket]; at != page; at = at.next) {
      assert at != null : "the page is not in the table";
      before = at;
    }
    if (before == null) {
      buckets[bucket] = page.next;
    } else {
      before.next = page.next;
    }
    page.next = null;
  }
}
