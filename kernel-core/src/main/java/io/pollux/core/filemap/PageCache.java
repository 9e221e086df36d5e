// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.ReservedMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The pages that the files of one device share: finding them, locking them, and giving those that nobody used for a
 * while to somebody else. See the package for the rules.
 *
 * <p>Memory is taken when the first page is needed. Which page is given away is decided by a clock: its hand passes
 * over pages that were used since it came by, and over dirty ones while there are clean ones.
 */
@LinuxSource(file = "mm/filemap.c")
public final class PageCache {
  /** Most pages that are read or written at a time: 256 KiB. */
  public static final int MAX_RUN = 64;

  /** What a device's cache holds at most, in bytes. */
  public static final int DEFAULT_BYTES = 16 << 20;

  /** How long somebody naps who needs a page while every single one is in use. */
  private static final long NAP_NANOS = 20_000;

  private final int limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final WaitQueue unlocked = new WaitQueue();

  // Under the lock:
  private final Page[] pages; // made one by one, as they are needed
  private final @Nullable Page[] buckets; // of the hash over mapping and index
  private int made;
  private @Nullable Page free;
  private int hand;
  private @Nullable ReservedMemory memory;
  private int nrPages; // in a mapping
  private int nrDirty;

  /**
   * Makes an empty cache.
   *
   * @param bytes what it may hold at most, at least one page
   */
  public PageCache(int bytes) {
    limit = bytes >> HostMemory.PAGE_SHIFT;
    assert limit > 0 : bytes;
    pages = new Page[limit];
    buckets = new Page[Integer.highestOneBit(limit) << 1];
  }

  /**
   * Pages that hold something, for the books.
   *
   * @return how many
   */
  public int nrPages() {
    lock.lock();
    try {
      return nrPages;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Pages that have to be written, for the books.
   *
   * @return how many
   */
  public int nrDirty() {
    lock.lock();
    try {
      return nrDirty;
    } finally {
      lock.unlock();
    }
  }

  /** Whether writers have to help with writing back. */
  @LinuxSource(file = "mm/page-writeback.c", name = "balance_dirty_pages")
  boolean tooDirty() {
    return nrDirty() > limit / 2;
  }

  /** Gives the memory back if no page holds anything or is in use. The cache can be used again. */
  public void trim() {
    lock.lock();
    try {
      boolean used = nrPages > 0;
      for (int i = 0; i < made && !used; i++) {
        used = pages[i].pins > 0;
      }
      if (used || memory == null) {
        return;
      }
      memory.close();
      Arrays.fill(pages, 0, made, null);
      made = 0;
      free = null;
      hand = 0;
      memory = null;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets everything and gives the memory back. Nothing may be using the cache; what is dirty is lost. */
  public void drop() {
    lock.lock();
    try {
      for (int i = 0; i < made; i++) {
        Page page = pages[i];
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

  // Finding. What follows is called without the lock, unless it says otherwise.

  /** An uptodate page, pinned; null if it is not here. To be given back with {@link #unpin}. Any context. */
  @LinuxSource(file = "mm/filemap.c", name = "find_get_page")
  @Nullable Page find(Mapping mapping, long index) {
    lock.lock();
    try {
      Page page = lookup(mapping, index);
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

  /** Gives a page back that {@link #find} answered. */
  @LinuxSource(file = "include/linux/mm.h", name = "put_page")
  void unpin(Page page) {
    lock.lock();
    try {
      assert page.pins > 0;
      page.pins--;
      if (page.pins == 0 && page.mapping == null) {
        page.next = free;
        free = page;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether a page is in the cache, uptodate or on its way. Any context. */
  boolean has(Mapping mapping, long index) {
    lock.lock();
    try {
      return lookup(mapping, index) != null;
    } finally {
      lock.unlock();
    }
  }

  /** Under the lock. */
  private @Nullable Page lookup(Mapping mapping, long index) {
    Page page = buckets[bucket(mapping, index)];
    while (page != null && (page.mapping != mapping || page.index != index)) {
      page = page.next;
    }
    return page;
  }

  private int bucket(Mapping mapping, long index) {
    return (System.identityHashCode(mapping) * 31 + Long.hashCode(index)) & (buckets.length - 1);
  }

  // Pages in and out of mappings. Under the lock.

  /** Makes a free page a mapping's, locked and not uptodate. */
  @LinuxSource(file = "mm/filemap.c", name = "add_to_page_cache_locked")
  private void attach(Page page, Mapping mapping, long index) {
    page.mapping = mapping;
    page.index = index;
    page.uptodate = false;
    page.stale = false;
    page.referenced = true;
    page.locked = true;
    int bucket = bucket(mapping, index);
    page.next = buckets[bucket];
    buckets[bucket] = page;
    nrPages++;
    mapping.pageAdded();
  }

  /** Takes a clean page out of its mapping. It is the caller's then, unless it is pinned. */
  @LinuxSource(file = "mm/filemap.c", name = "delete_from_page_cache")
  private void detach(Page page) {
    Mapping mapping = page.mapping;
    assert mapping != null && !page.dirty;
    int bucket = bucket(mapping, page.index);
    Page before = null;
    for (Page at = buckets[bucket]; at != page; at = at.next) {
      assert at != null : "a page that is not where it belongs";
      before = at;
    }
    if (before == null) {
      buckets[bucket] = page.next;
    } else {
      before.next = page.next;
    }
    page.next = null;
    page.mapping = null;
    page.uptodate = false;
    nrPages--;
    mapping.pageRemoved();
  }

  /** Takes a clean page out of its mapping for good. */
  private void release(Page page) {
    detach(page);
    if (page.pins == 0) {
      page.next = free;
      free = page;
    } // else the last unpin does it
  }

  private void clean(Page page) {
    Mapping mapping = page.mapping;
    assert mapping != null && page.dirty;
    page.dirty = false;
    nrDirty--;
    mapping.pageCleaned();
  }

  /** A page that is nobody's, or null if there is neither a free nor a clean one. */
  @LinuxSource(file = "mm/vmscan.c", name = "shrink_inactive_list")
  private @Nullable Page takePage() {
    Page page = free;
    if (page != null) {
      free = page.next;
      page.next = null;
      return page;
    }
    ReservedMemory range = memory;
    long offset = (long) made << HostMemory.PAGE_SHIFT;
    if (made < limit && range != null && range.reach(offset + HostMemory.PAGE_SIZE)) {
      page = new Page(range.start() + offset);
      pages[made++] = page;
      return page;
    }
    for (int i = 0; i < 2 * made; i++) { // the second round finds pages that the first unmarked
      page = pages[hand];
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

  /** Takes the memory, if that was not done yet. Under the lock. */
  private boolean haveMemory() {
    if (memory == null) {
      memory = ReservedMemory.of((long) limit << HostMemory.PAGE_SHIFT);
    }
    return memory != null && memory.reach(HostMemory.PAGE_SIZE);
  }

  // Locks of pages.

  /** Locks an uptodate page; null if it is not here or locked by another. */
  @LinuxSource(file = "include/linux/pagemap.h", name = "trylock_page")
  @Nullable Page tryLock(Mapping mapping, long index) {
    lock.lock();
    try {
      Page page = lookup(mapping, index);
      if (page == null || page.locked) {
        return null;
      }
      assert page.uptodate;
      page.locked = true;
      return page;
    } finally {
      lock.unlock();
    }
  }

  /** Adds a page, locked and not uptodate; null if it is here already or there is no room. */
  @Nullable Page addLocked(Mapping mapping, long index) {
    lock.lock();
    try {
      if (!haveMemory() || lookup(mapping, index) != null) {
        return null;
      }
      Page page = takePage();
      if (page != null) {
        attach(page, mapping, index);
      }
      return page;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Does what somebody can do who could not lock or add a page: waits for its lock, or makes room. From process
   * context. Answers 0 or -ENOMEM.
   */
  int waitFor(Task current, Mapping mapping, long index) {
    Page page;
    lock.lock();
    try {
      if (!haveMemory()) {
        return -Errno.ENOMEM;
      }
      page = lookup(mapping, index);
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

  /** Writes some dirty pages back, so that there are clean ones. From process context. */
  @LinuxSource(file = "mm/vmscan.c", name = "pageout")
  private void makeRoom(Task current) {
    Mapping dirty = null;
    long index = 0;
    lock.lock();
    try {
      for (int i = 0; i < made && dirty == null; i++) {
        Page page = pages[(hand + i) % made];
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
      LockSupport.parkNanos(NAP_NANOS); // all pages are locked or pinned, none of which lasts
    }
  }

  /** Ends the filling of a page by a writer, who made it uptodate and dirty. */
  @LinuxSource(file = "mm/filemap.c", name = "pagecache_write_end")
  void unlockDirty(Page page) {
    lock.lock();
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
      page.locked = false;
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /** Lets go of a page's lock: of an uptodate one with nothing changed; one that never became uptodate is dropped. */
  void unlock(Page page) {
    lock.lock();
    try {
      assert page.locked;
      page.locked = false;
      if (!page.uptodate) {
        release(page);
      }
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  // Runs.

  /**
   * Adds pages from index on, as many as the run has room for, up to the first that is here already or finds no
   * place. They are locked and not uptodate. Answers false if the first of them is here already.
   */
  boolean addRun(Mapping mapping, long index, PageRun run) {
    lock.lock();
    try {
      while (!run.full()) {
        long next = index + run.count();
        if (lookup(mapping, next) != null) {
          return run.count() > 0;
        }
        Page page = haveMemory() ? takePage() : null;
        if (page == null) {
          return true;
        }
        attach(page, mapping, next);
        run.add(page);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the reading of a run: the first pages of it, as many as were read, are uptodate, the others are dropped. */
  @LinuxSource(file = "mm/filemap.c", name = "page_endio")
  void endRead(PageRun run, int read) {
    lock.lock();
    try {
      for (int i = 0; i < run.count(); i++) {
        Page page = run.page(i);
        page.locked = false;
        if (i < read && !page.stale) {
          page.uptodate = true;
        } else {
          release(page);
        }
      }
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /** Finds a mapping's dirty pages in a range. */
  void findDirty(Mapping mapping, long first, long last, DirtyPages found) {
    lock.lock();
    try {
      int left = Math.min(mapping.nrDirty(), made);
      found.clear(left);
      for (int i = 0; i < made && left > 0; i++) {
        Page page = pages[i];
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
   * Locks dirty pages that follow each other, for writing them back. From process context: waits for the lock of the
   * first. The run stays empty if that is not dirty any more.
   */
  void lockDirtyRun(Task current, Mapping mapping, long index, long last, PageRun run) {
    while (true) { // ends: each turn waits until a lock was let go
      Page busy;
      lock.lock();
      try {
        Page page = lookup(mapping, index);
        if (page == null || !page.dirty) {
          return;
        }
        if (!page.locked) {
          while (page != null && page.dirty && !page.locked && !run.full() && page.index <= last) {
            page.locked = true;
            run.add(page);
            page = lookup(mapping, page.index + 1);
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

  /** Ends the writing of a run: its pages are clean, even if they could not be written. */
  @LinuxSource(file = "mm/filemap.c", name = "end_page_writeback")
  void endWrite(PageRun run) {
    lock.lock();
    try {
      for (int i = 0; i < run.count(); i++) {
        Page page = run.page(i);
        clean(page);
        page.locked = false;
      }
    } finally {
      lock.unlock();
    }
    unlocked.wakeUp();
  }

  /**
   * Drops the clean pages of a range, and what is being read there as soon as it has been read. Any context. Answers
   * whether a page stays because it is dirty or somebody has it locked.
   */
  @LinuxSource(file = "mm/truncate.c", name = "invalidate_inode_pages2_range")
  boolean invalidate(Mapping mapping, long first, long last) {
    return drop(mapping, first, last, false) != null;
  }

  /** Drops the pages of a range, dirty or not. From process context: waits for the locks of those that are uptodate. */
  @LinuxSource(file = "mm/truncate.c", name = "truncate_inode_pages_range")
  void truncate(Task current, Mapping mapping, long first, long last) {
    Page busy = drop(mapping, first, last, true);
    while (busy != null) { // ends: each turn waits until a lock was let go
      waitOnPage(current, busy);
      busy = drop(mapping, first, last, true);
    }
  }

  /** Drops what can be dropped of a range. Answers a page that stays, or null. */
  private @Nullable Page drop(Mapping mapping, long first, long last, boolean dirtyToo) {
    Page stays = null;
    lock.lock();
    try {
      boolean few = last - first < made; // else it is quicker to look at all pages
      int steps = few ? (int) (last - first) + 1 : made;
      for (int i = 0; i < steps; i++) {
        Page page = few ? lookup(mapping, first + i) : pages[i];
        if (page == null || !page.in(mapping, first, last)) {
          continue;
        }
        if (page.locked && !page.uptodate) {
          page.stale = true;
        } else if (page.locked || (page.dirty && !dirtyToo)) {
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

  /** Whether a range has a page, uptodate or on its way. Any context. */
  boolean hasAny(Mapping mapping, long first, long last) {
    lock.lock();
    try {
      boolean few = last - first < made;
      int steps = few ? (int) (last - first) + 1 : made;
      for (int i = 0; i < steps; i++) {
        Page page = few ? lookup(mapping, first + i) : pages[i];
        if (page != null && page.in(mapping, first, last)) {
          return true;
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }
}
