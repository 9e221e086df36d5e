// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.Debug;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The pages that the files of one device share: lookup, locks and reuse. The package describes the
 * rules.
 *
 * <p>Memory is reserved when the first page is needed. A clock chooses the page to reuse: its hand
 * skips pages in use, dirty pages, and pages used since it last passed.
 */
@LinuxSource(file = "mm/filemap.c")
public final class PageCache {
  /** Maximum number of pages that are read or written at a time: 1 MiB. */
  public static final int MAX_RUN = 256;

  /** Maximum size of a device's cache, in bytes. */
  public static final int DEFAULT_BYTES = 16 << 20;

  /** How long a task that needs a page sleeps while all pages are in use. */
  private static final long NAP_NANOS = 20_000;

  private final int limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final WaitQueue unlocked = new WaitQueue();

  // Under the lock.
  private final PageFrames frames;
  private final PageHash hash;
  private int hand;
  private int nrPages; // in a mapping
  private int nrDirty;

  /**
   * Creates an empty cache.
   *
   * @param bytes maximum size, at least one page
   */
  public PageCache(int bytes) {
    limit = bytes >> HostMemory.PAGE_SHIFT;
    assert limit > 0 : bytes;
    frames = new PageFrames(limit);
    hash = new PageHash(limit);
  }

  /** Returns the number of pages in mappings. */
  public int nrPages() {
    lock();
    try {
      return nrPages;
    } finally {
      lock.unlock();
    }
  }

  /** Returns the number of dirty pages. */
  public int nrDirty() {
    lock();
    try {
      return nrDirty;
    } finally {
      lock.unlock();
    }
  }

  /** Whether writers must write back. */
  @LinuxSource(file = "mm/page-writeback.c", name = "balance_dirty_pages")
  boolean tooDirty() {
    return nrDirty() > limit / 2;
  }

  /** Frees the memory if no page is in a mapping or in use. The cache can be used again. */
  public void trim() {
    lock();
    try {
      frames.trim();
      if (frames.made() == 0) {
        hand = 0;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Drops all pages, including dirty ones, and frees the memory. The cache must not be in use. */
  public void drop() {
    lock();
    try {
      for (int i = 0; i < frames.made(); i++) {
        Page page = frames.page(i);
        assert page.pins == 0 && !page.locked : "a page that is in use";
        if (page.dirty) {
          clean(page);
        }
        if (page.mapping != null) {
          release(page);
        }
      }
    } finally {
      lock.unlock();
    }
    trim();
  }

  // Lookup. Called without the lock, unless stated otherwise, as all that follows.

  /**
   * Finds and pins an uptodate page; null if there is none. The caller unpins it by {@link #unpin}.
   * From any context.
   */
  @LinuxSource(file = "mm/filemap.c", name = "find_get_page")
  @Nullable Page find(Mapping mapping, long index) {
    lock();
    try {
      Page page = hash.lookup(mapping, index);
      if (page == null || !page.uptodate) {
        return null;
      }
      page.pins++;
      page.referenced = true;
      return page;
    } finally {
      lock.unlock();
    }
  }

  /** Unpins a page from {@link #find}. */
  @LinuxSource(file = "include/linux/mm.h", name = "put_page")
  void unpin(Page page) {
    lock();
    try {
      assert page.pins > 0;
      page.pins--;
      if (page.pins == 0 && page.mapping == null) {
        frames.free(page);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether a page is in the cache, uptodate or being read. From any context. */
  boolean has(Mapping mapping, long index) {
    lock();
    try {
      return hash.lookup(mapping, index) != null;
    } finally {
      lock.unlock();
    }
  }

  private void lock() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.PAGE_CACHE, lock);
    }
    lock.lock();
  }

  // Adding and removing pages. Under the lock.

  /** Adds a free page to a mapping, locked and not uptodate. */
  @LinuxSource(file = "mm/filemap.c", name = "add_to_page_cache_locked")
  private void attach(Page page, Mapping mapping, long index) {
    page.mapping = mapping;
    page.index = index;
    page.uptodate = false;
    page.stale = false;
    page.referenced = true;
    page.locked = true;
    hash.add(page);
    nrPages++;
    mapping.pageAdded();
  }

  /** Removes a clean page from its mapping. The caller owns it then, unless it is pinned. */
  @LinuxSource(file = "mm/filemap.c", name = "delete_from_page_cache")
  private void detach(Page page) {
    Mapping mapping = page.mapping;
    assert mapping != null && !page.dirty;
    hash.remove(page);
    page.mapping = null;
    page.uptodate = false;
    nrPages--;
    mapping.pageRemoved();
  }

  /** Removes a clean page from its mapping and frees it. */
  private void release(Page page) {
    detach(page);
    if (page.pins == 0) {
      frames.free(page);
    } // else the last unpin does it
  }

  private void clean(Page page) {
    Mapping mapping = page.mapping;
    assert mapping != null && page.dirty;
    page.dirty = false;
    nrDirty--;
    mapping.pageCleaned();
  }

  /** Takes a free page, or reuses a clean one. Returns null if there is neither. */
  @LinuxSource(file = "mm/vmscan.c", name = "shrink_inactive_list")
  private @Nullable Page takePage() {
    Page page = frames.take();
    if (page != null) {
      return page;
    }
    int made = frames.made();
    for (int i = 0; i < 2 * made; i++) { // the second round finds pages that the first unmarked
      page = frames.page(hand);
      hand = hand + 1 >= made ? 0 : hand + 1;
      if (page.pins > 0 || page.locked || page.dirty) {
        continue;
      }
      if (page.referenced) {
        page.referenced = false;
        continue;
      }
      detach(page);
      return page;
    }
    return null;
  }

  // Page locks. A run counts as one lock: its later pages are only tried.

  private static void lockTaken(Object pageOrRun) {
    if (Debug.ON) {
      LockOrder.tried(LockClass.PAGE, pageOrRun);
    }
  }

  private static void lockDropped(Object pageOrRun) {
    if (Debug.ON) {
      LockOrder.release(LockClass.PAGE, pageOrRun);
    }
  }

  /** Locks an uptodate page; null if it is not cached or another task holds the lock. */
  @LinuxSource(file = "include/linux/pagemap.h", name = "trylock_page")
  @Nullable Page tryLock(Mapping mapping, long index) {
    lock();
    try {
      Page page = hash.lookup(mapping, index);
      if (page == null || page.locked) {
        return null;
      }
      assert page.uptodate;
      page.locked = true;
      lockTaken(page);
      return page;
    } finally {
      lock.unlock();
    }
  }

  /** Adds a locked page that is not uptodate; null if the page is cached or no page is free. */
  @Nullable Page addLocked(Mapping mapping, long index) {
    lock();
    try {
      if (!frames.reserve() || hash.lookup(mapping, index) != null) {
        return null;
      }
      Page page = takePage();
      if (page != null) {
        attach(page, mapping, index);
        lockTaken(page);
      }
      return page;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until a page may be locked or added: waits for its lock, or frees pages. From process
   * context. Returns 0 or -ENOMEM.
   */
  int waitFor(Task current, Mapping mapping, long index) {
    if (Debug.ON) {
      LockOrder.mayWaitFor(LockClass.PAGE, mapping);
    }
    Page page;
    lock();
    try {
      if (!frames.reserve()) {
        return -Errno.ENOMEM;
      }
      page = hash.lookup(mapping, index);
    } finally {
      lock.unlock();
    }
    if (page == null) {
      makeRoom(current);
    } else {
      waitOnPage(current, page);
    }
    return 0;
  }

  @LinuxSource(file = "mm/filemap.c", name = "wait_on_page_locked")
  private void waitOnPage(Task current, Page page) {
    if (page.locked) {
      current.aboutToSleep();
      unlocked.waitUninterruptibly(page);
    }
  }

  /** Writes back some dirty pages to make pages clean. From process context. */
  @LinuxSource(file = "mm/vmscan.c", name = "pageout")
  private void makeRoom(Task current) {
    Mapping dirty = null;
    long index = 0;
    lock();
    try {
      for (int i = 0; i < frames.made() && dirty == null; i++) {
        Page page = frames.page((hand + i) % frames.made());
        if (page.dirty && !page.locked) {
          dirty = page.mapping;
          index = page.index;
        }
      }
    } finally {
      lock.unlock();
    }
    if (dirty != null) {
      dirty.writePagesBack(current, index, index + MAX_RUN - 1);
    } else {
      current.aboutToSleep();
      LockSupport.parkNanos(NAP_NANOS); // all pages are locked or pinned, but only for a short time
    }
  }

  /** Unlocks a page that a writer has filled, uptodate and dirty. */
  @LinuxSource(file = "mm/filemap.c", name = "pagecache_write_end")
  void unlockDirty(Page page) {
    lock();
    try {
      Mapping mapping = page.mapping;
      assert page.locked && mapping != null;
      page.uptodate = true;
      page.referenced = true;
      if (!page.dirty) {
        page.dirty = true;
        nrDirty++;
        mapping.pageDirtied();
      }
      if (page.stale) { // part of one of the two writes is lost
        mapping.wbErr().set(-Errno.EIO);
        page.stale = false;
      }
      page.locked = false;
      lockDropped(page);
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /** Unlocks a page. Drops it if it is not uptodate, or clean and stale. */
  void unlock(Page page) {
    lock();
    try {
      assert page.locked;
      page.locked = false;
      lockDropped(page);
      dropIfStale(page);
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  private void dropIfStale(Page page) {
    if (!page.uptodate || (page.stale && !page.dirty)) {
      release(page);
    }
    page.stale = false;
  }

  // Runs.

  /**
   * Adds consecutive pages from an index, locked and not uptodate. Stops if the run is full, or at
   * a page that is cached, or if no page is free. Returns false if the first page is cached
   * already.
   */
  boolean addRun(Mapping mapping, long index, PageRun run) {
    lock();
    try {
      while (!run.full()) {
        long next = index + run.count();
        if (hash.lookup(mapping, next) != null) {
          return run.count() > 0;
        }
        Page page = frames.reserve() ? takePage() : null;
        if (page == null) {
          return true;
        }
        attach(page, mapping, next);
        if (run.count() == 0) {
          lockTaken(run);
        }
        run.add(page);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Completes the read of a run: the given number of pages becomes uptodate, the others are
   * dropped.
   */
  @LinuxSource(file = "mm/filemap.c", name = "page_endio")
  void endRead(PageRun run, int read) {
    lockDropped(run);
    lock();
    try {
      for (int i = 0; i < run.count(); i++) {
        Page page = run.page(i);
        page.locked = false;
        page.uptodate = i < read;
        dropIfStale(page);
      }
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /** Finds a mapping's dirty pages in a range. */
  void findDirty(Mapping mapping, long first, long last, DirtyPages found) {
    lock();
    try {
      int left = Math.min(mapping.nrDirty(), frames.made());
      found.clear(left);
      for (int i = 0; i < frames.made() && left > 0; i++) {
        Page page = frames.page(i);
        if (page.dirty && page.mapping == mapping) {
          left--;
          if (page.index >= first && page.index <= last) {
            found.add(page.index);
          }
        }
      }
    } finally {
      lock.unlock();
    }
    found.sort();
  }

  /**
   * Locks consecutive dirty pages for write-back. From process context: waits for the lock of the
   * first. The run stays empty if the first page is no longer dirty.
   */
  void lockDirtyRun(Task current, Mapping mapping, long index, long last, PageRun run) {
    if (Debug.ON) {
      LockOrder.mayWaitFor(LockClass.PAGE, run);
    }
    while (true) { // ends: each turn waits until a lock was released
      Page busy;
      lock();
      try {
        Page page = hash.lookup(mapping, index);
        if (page == null || !page.dirty) {
          return;
        }
        if (!page.locked) {
          lockTaken(run);
          while (page != null && page.dirty && !page.locked && !run.full() && page.index <= last) {
            page.locked = true;
            run.add(page);
            page = hash.lookup(mapping, page.index + 1);
          }
          return;
        }
        busy = page;
      } finally {
        lock.unlock();
      }
      waitOnPage(current, busy);
    }
  }

  /** Completes the write-back of a run: its pages become clean, even if the write failed. */
  @LinuxSource(file = "mm/filemap.c", name = "end_page_writeback")
  void endWrite(PageRun run) {
    lockDropped(run);
    lock();
    try {
      for (int i = 0; i < run.count(); i++) {
        Page page = run.page(i);
        clean(page);
        page.locked = false;
        dropIfStale(page);
      }
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /**
   * Drops the clean pages of a range. Locked pages are dropped when they are unlocked and clean.
   * From any context. Returns whether an uptodate page stays because it is dirty or locked.
   */
  @LinuxSource(file = "mm/truncate.c", name = "invalidate_inode_pages2_range")
  boolean invalidate(Mapping mapping, long first, long last) {
    return drop(mapping, first, last, false) != null;
  }

  /**
   * Drops the pages of a range, also dirty ones. From process context: waits for the locks of
   * uptodate pages.
   */
  @LinuxSource(file = "mm/truncate.c", name = "truncate_inode_pages_range")
  void truncate(Task current, Mapping mapping, long first, long last) {
    Page busy = drop(mapping, first, last, true);
    while (busy != null) { // ends: each turn waits until a lock was released
      waitOnPage(current, busy);
      busy = drop(mapping, first, last, true);
    }
  }

  /** Drops the pages of a range that can be dropped. Returns a page that stays, or null. */
  private @Nullable Page drop(Mapping mapping, long first, long last, boolean dirtyToo) {
    Page stays = null;
    lock();
    try {
      boolean few = last - first < frames.made(); // else a scan of all pages is faster
      int steps = few ? (int) (last - first) + 1 : frames.made();
      for (int i = 0; i < steps; i++) {
        Page page = few ? hash.lookup(mapping, first + i) : frames.page(i);
        if (page == null || !page.in(mapping, first, last)) {
          continue;
        }
        page.stale |= page.locked && (!page.uptodate || !dirtyToo);
        if (page.locked && !page.uptodate) {
          continue;
        }
        if (page.locked || (page.dirty && !dirtyToo)) {
          stays = page;
        } else {
          if (page.dirty) {
            clean(page);
          }
          release(page);
        }
      }
    } finally {
      lock.unlock();
    }
    return stays;
  }

  /** Whether any page of a range is cached, uptodate or being read. From any context. */
  boolean hasAny(Mapping mapping, long first, long last) {
    return has(mapping, first, last, false);
  }

  /** Whether a page of a range is dirty, and not locked. From any context. */
  boolean hasDirty(Mapping mapping, long first, long last) {
    return has(mapping, first, last, true);
  }

  private boolean has(Mapping mapping, long first, long last, boolean dirty) {
    lock();
    try {
      boolean few = last - first < frames.made();
      int steps = few ? (int) (last - first) + 1 : frames.made();
      for (int i = 0; i < steps; i++) {
        Page page = few ? hash.lookup(mapping, first + i) : frames.page(i);
        if (page != null
            && page.in(mapping, first, last)
            && (!dirty || (page.dirty && !page.locked))) {
          return true;
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }
}
