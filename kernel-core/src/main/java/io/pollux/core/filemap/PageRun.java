// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Pages that follow each other in a file, locked by whoever has the run. */
final class PageRun {
  private final @Nullable Page[] pages;
  private final long[] addresses;
  private int count;

  PageRun(int most) {
    pages = new Page[most];
    addresses = new long[most];
  }

  void add(Page page) {
    pages[count] = page;
    addresses[count] = page.address;
    count++;
  }

  void clear() {
    count = 0;
  }

  boolean full() {
    return count == pages.length;
  }

  int count() {
    return count;
  }

  long[] addresses() {
    return addresses;
  }

  Page page(int i) {
    return Objects.requireNonNull(pages[i]);
  }

  /** The number of the first page in the file. */
  long index() {
    return page(0).index;
  }
}
