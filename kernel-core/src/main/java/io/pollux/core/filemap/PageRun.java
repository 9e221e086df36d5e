// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive pages of a file, locked by the owner of the run. The owner frees it by {@link
 * Slab#free}.
 */
final class PageRun extends Slab.Item {
  private static final Slab<PageRun> SLAB = new Slab<>(PageRun::new);

  private final @Nullable Page[] pages = new Page[PageCache.MAX_RUN];
  private final long[] addresses = new long[PageCache.MAX_RUN];
  private int most;
  private int count;

  private PageRun() {}

  /**
   * Allocates an empty run for a number of pages, at most {@link PageCache#MAX_RUN}. From process
   * context.
   */
  static PageRun get(Task current, int most) {
    assert most > 0 && most <= PageCache.MAX_RUN : most;
    PageRun run = SLAB.alloc(current);
    run.most = most;
    run.count = 0;
    return run;
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
    return count == most;
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

  /** Returns the number of the first page in the file. */
  long index() {
    return page(0).index;
  }
}
