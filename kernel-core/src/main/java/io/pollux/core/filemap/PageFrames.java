// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.ReservedMemory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a cache's pages: reserved at the first use, and filled page by page. All methods
 * are called under the cache's lock.
 */
final class PageFrames {
  private final Page[] pages; // created as they are needed
  private int made;
  private @Nullable Page free;
  private @Nullable ReservedMemory memory;

  /** Creates the array for a number of pages, without their memory. */
  PageFrames(int limit) {
    pages = new Page[limit];
  }

  /** Returns the number of pages created so far. */
  int made() {
    return made;
  }

  /** Returns a page, in a mapping or free. */
  Page page(int i) {
    return pages[i];
  }

  /** Reserves the memory, unless it is reserved. Returns false if there is none. */
  boolean reserve() {
    if (memory == null) {
      memory = ReservedMemory.of((long) pages.length << HostMemory.PAGE_SHIFT);
    }
    return memory != null && memory.reach(HostMemory.PAGE_SIZE);
  }

  /** Allocates a free page or a new one; null if there is none. */
  @Nullable Page take() {
    Page page = free;
    if (page != null) {
      free = page.next;
      page.next = null;
      return page;
    }
    ReservedMemory range = memory;
    long offset = (long) made << HostMemory.PAGE_SHIFT;
    if (made < pages.length && range != null && range.reach(offset + HostMemory.PAGE_SIZE)) {
      page = new Page(range.start() + offset);
      pages[made++] = page;
    }
    return page;
  }

  /** Frees a page that is in no mapping and has no pins. */
  void free(Page page) {
    page.next = free;
    free = page;
  }

  /** Frees the memory, if no page is in a mapping or pinned. */
  void trim() {
    boolean used = memory == null;
    for (int i = 0; i < made && !used; i++) {
      used = pages[i].pins > 0 || pages[i].mapping != null;
    }
    if (!used && memory != null) {
      memory.close();
      Arrays.fill(pages, 0, made, null);
      made = 0;
      free = null;
      memory = null;
    }
  }
}
