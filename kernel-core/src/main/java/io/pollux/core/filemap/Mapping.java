// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Errseq;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.InodeMapping;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The cached pages of one file: struct address_space. ({@link io.pollux.core.mm.AddressSpace} is
 * the memory of a process.)
 */
@LinuxSource(file = "include/linux/fs.h", name = "address_space")
public final class Mapping extends InodeMapping {
  /** Pages of the first window of a sequential read: 128 KiB. */
  @LinuxSource(file = "include/linux/mm.h", name = "VM_MAX_READAHEAD")
  private static final int READAHEAD = 32;

  @LinuxSource(file = "include/linux/pagemap.h", name = "AS_EIO")
  private static final int AS_EIO = 1;

  @LinuxSource(file = "include/linux/pagemap.h", name = "AS_ENOSPC")
  private static final int AS_ENOSPC = 1 << 1;

  private static final VarHandle FLAGS;

  static {
    try {
      FLAGS = MethodHandles.lookup().findVarHandle(Mapping.class, "flags", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final PageCache cache;
  private final PageIo io;

  // Written under the cache's lock; also read without it.
  private final AtomicInteger nrPages = new AtomicInteger();
  private final AtomicInteger nrDirty = new AtomicInteger();

  private final Errseq wbErr = new Errseq();

  /**
   * AS_*: errors not yet returned by a call without an open file. A field of this object, because
   * direct I/O reads it.
   */
  private volatile int flags; // written through FLAGS

  /**
   * Creates a mapping without pages.
   *
   * @param cache the cache of its pages
   * @param io reads and writes the pages
   */
  public Mapping(PageCache cache, PageIo io) {
    this.cache = cache;
    this.io = io;
  }

  /**
   * Returns i_mapping, or null if the file is never cached.
   *
   * @param inode the file
   */
  @LinuxSource(file = "include/linux/fs.h", name = "i_mapping")
  public static @Nullable Mapping of(Inode inode) {
    return (Mapping) inode.mapping();
  }

  PageCache cache() {
    return cache;
  }

  long size() {
    return io.size();
  }

  void writeSize(long end) {
    io.writeSize(end);
  }

  void pageAdded() {
    nrPages.getAndIncrement();
  }

  void pageRemoved() {
    nrPages.getAndDecrement();
  }

  void pageDirtied() {
    nrDirty.getAndIncrement();
  }

  void pageCleaned() {
    nrDirty.getAndDecrement();
  }

  /**
   * Whether no page is cached. Direct I/O checks this first. From any context; one volatile read.
   */
  @LinuxSource(file = "include/linux/fs.h", name = "nrpages")
  public boolean isEmpty() {
    return nrPages.get() == 0;
  }

  /**
   * Whether direct I/O may skip the mapping: no page is cached and no write-back error is pending.
   * From any context; two volatile reads.
   */
  public boolean isQuiet() {
    return nrPages.get() == 0 && flags == 0;
  }

  /** Returns the number of dirty pages. From any context; one volatile read. */
  public int nrDirty() {
    return nrDirty.get();
  }

  /**
   * Whether any page of a range is cached. For direct I/O that must not block. From any context.
   *
   * @param start first byte
   * @param end last byte
   */
  @LinuxSource(file = "mm/filemap.c", name = "filemap_range_has_page")
  public boolean rangeHasPage(long start, long end) {
    return !isEmpty()
        && cache.hasAny(this, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT);
  }

  /**
   * Writes back dirty pages of a range and waits. Pages dirtied meanwhile may stay dirty. Also
   * returns an earlier write-back error, unless this method or {@link #fsyncRange} has returned it.
   * Every open file still reports the error. From process context.
   *
   * @param current the calling task
   * @param start first byte
   * @param end last byte
   * @return 0, or the first error; all pages are tried
   */
  @LinuxSource(file = "mm/filemap.c", name = "filemap_write_and_wait_range")
  public int writeAndWaitRange(Task current, long start, long end) {
    int result = writeBack(current, start, end);
    int earlier = checkErrors();
    return result != 0 ? result : earlier;
  }

  /**
   * Writes back dirty pages of a range and waits. Keeps every error for the calls that return it.
   * From process context.
   *
   * @param current the calling task
   * @param start first byte
   * @param end last byte
   * @return 0, or the first error of these pages; all pages are tried
   */
  @LinuxSource(
      file = "mm/filemap.c",
      name = {"__filemap_fdatawrite_range", "filemap_fdatawait_keep_errors"})
  public int writeBack(Task current, long start, long end) {
    return nrDirty.get() == 0
        ? 0
        : writePagesBack(current, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT);
  }

  /**
   * Returns a write-back error that neither this method nor {@link #writeAndWaitRange} has
   * returned. From any context.
   *
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "mm/filemap.c", name = "filemap_check_errors")
  public int checkErrors() {
    int kept = flags == 0 ? 0 : (int) FLAGS.getAndSet(this, 0);
    return (kept & AS_EIO) != 0 ? -Errno.EIO : (kept & AS_ENOSPC) != 0 ? -Errno.ENOSPC : 0;
  }

  @LinuxSource(
      file = "include/linux/pagemap.h",
      name = {"mapping_set_error", "filemap_set_wb_err"})
  private void setError(int status) {
    wbErr.set(status);
    FLAGS.getAndBitwiseOr(this, status == -Errno.ENOSPC ? AS_ENOSPC : AS_EIO);
  }

  @Override
  public Errseq wbErr() {
    return wbErr;
  }

  /**
   * Returns a write-back error that no open file has reported, and marks it reported. Called when a
   * device is shut down or its filesystem unmounted. From any context.
   *
   * @return 0 or a negative errno
   */
  public int takeUnseenError() {
    int since = wbErr.sample();
    int now = wbErr.advance(since);
    return now == since ? 0 : Errseq.errorOf(now);
  }

  /** Writes back as {@link #writeBack}; the arguments are page numbers. */
  @LinuxSource(file = "mm/page-writeback.c", name = "write_cache_pages")
  int writePagesBack(Task current, long first, long last) {
    int result = 0;
    PageRun run = PageRun.get(current, PageCache.MAX_RUN);
    DirtyPages dirty = DirtyPages.get(current);
    cache.findDirty(this, first, last, dirty);
    long done = -1;
    for (int i = 0; i < dirty.count(); i++) {
      long index = dirty.index(i);
      if (index <= done) {
        continue; // part of an earlier run
      }
      run.clear();
      cache.lockDirtyRun(current, this, index, last, run);
      if (run.count() == 0) {
        continue; // another task has written it
      }
      done = index + run.count() - 1;
      int status = -Errno.EIO;
      try {
        status = io.writePages(current, index, run.addresses(), run.count());
      } finally {
        if (status != 0) {
          setError(status);
          result = result == 0 ? status : result;
        }
        cache.endWrite(run);
      }
    }
    Slab.free(dirty);
    Slab.free(run);
    return result;
  }

  /**
   * Writes back dirty pages of a range for an open file. Returns a write-back error that this file
   * has not reported, even for data written through another file. From process context.
   *
   * @param current the calling task
   * @param file an open file with this mapping
   * @param start first byte
   * @param end last byte
   * @return 0, or an error since the file was opened or last reported one
   */
  @LinuxSource(file = "mm/filemap.c", name = "file_write_and_wait_range")
  public int fsyncRange(Task current, File file, long start, long end) {
    int result = writeBack(current, start, end);
    int since = file.checkAndAdvanceWbErr();
    return result != 0 ? result : since;
  }

  @Override
  @LinuxSource(file = "mm/filemap.c", name = "file_check_and_advance_wb_err")
  public void clearErrors() {
    if (flags != 0) {
      FLAGS.setVolatile(this, 0);
    }
  }

  /**
   * Drops the clean pages of a range, before a direct write or after another change of the device.
   * Dirty pages stay. From any context.
   *
   * @param start first byte
   * @param end last byte
   */
  @LinuxSource(file = "mm/truncate.c", name = "invalidate_inode_pages2_range")
  public void invalidateRange(long start, long end) {
    if (!isEmpty()) {
      cache.invalidate(this, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT);
    }
  }

  /**
   * Drops the pages of a range that direct I/O has written. A page that a task dirtied meanwhile
   * stays. Part of one of the writes is lost, so fsync reports EIO. From any context.
   *
   * @param start first byte
   * @param end last byte
   */
  @LinuxSource(file = "fs/direct-io.c", name = "dio_warn_stale_pagecache")
  public void invalidateWritten(long start, long end) {
    if (isEmpty()) {
      return;
    }
    invalidateRange(start, end);
    if (cache.hasDirty(this, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT)) {
      wbErr.set(-Errno.EIO);
    }
  }

  /**
   * Drops the pages of a range, also dirty ones, before the range is zeroed or discarded on the
   * device. A page that is only partly in the range is zeroed there, and stays if it is dirty. From
   * process context.
   *
   * @param current the calling task
   * @param start first byte
   * @param end last byte, not before start
   */
  @LinuxSource(file = "mm/truncate.c", name = "truncate_inode_pages_range")
  public void truncateRange(Task current, long start, long end) {
    if (isEmpty()) {
      return;
    }
    long first = firstWhole(start);
    long last = lastWhole(end);
    int from = (int) (start & (HostMemory.PAGE_SIZE - 1));
    int to = (int) ((end + 1) & (HostMemory.PAGE_SIZE - 1)); // 0 also for the largest offset
    if (first > last + 1) { // inside one page
      zeroPart(current, first - 1, from, to, false);
    } else {
      if (from != 0) {
        zeroPart(current, first - 1, from, HostMemory.PAGE_SIZE, false);
      }
      if (to != 0) {
        zeroPart(current, last + 1, 0, to, false);
      }
      if (first <= last) {
        cache.truncate(current, this, first, last);
      }
    }
    invalidateRange(start, end); // clean pages partly in the range
  }

  /**
   * Drops the pages of a range again, after it was zeroed or discarded on the device: a task may
   * have read them meanwhile. From any context.
   *
   * @param start first byte
   * @param end last byte, not before start
   * @return 0, or -EBUSY if a task writes there: a page in the range mixes its data with older data
   */
  @LinuxSource(file = "mm/truncate.c", name = "invalidate_inode_pages2_range")
  public int invalidateTruncated(long start, long end) {
    if (isEmpty()) {
      return 0;
    }
    invalidateRange(start, end);
    long first = firstWhole(start);
    long last = lastWhole(end);
    return first <= last && cache.invalidate(this, first, last) ? -Errno.EBUSY : 0;
  }

  /**
   * Writes zeroes to the dirty pages of a range, over blocks that read as zeroes. The pages stay
   * dirty. From process context.
   *
   * @param current the calling task
   * @param start first byte
   * @param end last byte, not before start
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_zero")
  public void zeroCached(Task current, long start, long end) {
    if (nrDirty.get() == 0) {
      return;
    }
    DirtyPages dirty = DirtyPages.get(current);
    cache.findDirty(this, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT, dirty);
    for (int i = 0; i < dirty.count(); i++) {
      long page = dirty.index(i) << HostMemory.PAGE_SHIFT;
      int from = (int) Math.max(start - page, 0);
      int to = (int) Math.min(end - page, HostMemory.PAGE_SIZE - 1) + 1;
      // dirty again, even if it was written back meanwhile: its blocks may hold data now
      zeroPart(current, dirty.index(i), from, to, true);
    }
    Slab.free(dirty);
  }

  /**
   * Finds the first byte at or after a position that is in a dirty page, or that is in none. From
   * process context.
   *
   * @param current the calling task
   * @param start first byte
   * @param end last byte, not before start
   * @param dirty whether the byte is in a dirty page
   * @return a position, or -1 if the range has no such byte
   */
  @LinuxSource(file = "fs/iomap.c", name = "page_cache_seek_hole_data")
  public long seekDirty(Task current, long start, long end, boolean dirty) {
    if (nrDirty.get() == 0) {
      return dirty ? -1 : start;
    }
    DirtyPages found = DirtyPages.get(current);
    cache.findDirty(this, start >> HostMemory.PAGE_SHIFT, end >> HostMemory.PAGE_SHIFT, found);
    long index = start >> HostMemory.PAGE_SHIFT;
    for (int i = 0; !dirty && i < found.count() && found.index(i) == index; i++) {
      index++;
    }
    if (dirty) {
      index = found.count() == 0 ? -1 : found.index(0);
    }
    Slab.free(found);
    boolean none = index < 0 || index > end >> HostMemory.PAGE_SHIFT;
    return none ? -1 : Math.max(index << HostMemory.PAGE_SHIFT, start);
  }

  private static long firstWhole(long start) {
    boolean inside = (start & (HostMemory.PAGE_SIZE - 1)) != 0;
    // not added to the position, which may be the largest
    return (start >> HostMemory.PAGE_SHIFT) + (inside ? 1 : 0);
  }

  private static long lastWhole(long end) {
    return ((end + 1) >>> HostMemory.PAGE_SHIFT) - 1; // end + 1 is unsigned
  }

  private void zeroPart(Task current, long index, int from, int to, boolean dirties) {
    while (cache.has(this, index)) { // ends: each turn waits until a lock was released
      Page page = cache.tryLock(this, index);
      if (page == null) {
        cache.waitFor(current, this, index);
        continue;
      }
      RawMemory.zero(page.address + from, to - from);
      if (page.dirty || dirties) {
        cache.unlockDirty(page);
      } else {
        cache.unlock(page);
      }
      return;
    }
  }

  /** Drops all clean pages. From any context. */
  @LinuxSource(file = "mm/truncate.c", name = "invalidate_inode_pages2")
  public void invalidateAll() {
    invalidateRange(0, Long.MAX_VALUE);
  }

  /**
   * Reads a page into the cache, with readahead if the access looks sequential. From process
   * context.
   *
   * @param current the calling task
   * @param index the page, inside the file
   * @param wanted pages that the reader asks for, at least 1
   * @param readahead whether more pages may be read
   * @return 0 if the caller should look the page up again, or the errno of the page itself
   */
  @LinuxSource(
      file = "mm/readahead.c",
      name = {"ondemand_readahead", "force_page_cache_readahead"})
  int bringIn(Task current, long index, long wanted, boolean readahead) {
    long left = ((io.size() - 1) >> HostMemory.PAGE_SHIFT) - index + 1;
    long count = Math.min(wanted, PageCache.MAX_RUN);
    if (readahead && (index == 0 || cache.has(this, index - 1))) {
      count = Math.max(count, window(index)); // from the start, or the page before is cached
    }
    PageRun run = PageRun.get(current, (int) Math.max(1, Math.min(count, left)));
    if (!cache.addRun(this, index, run) || run.count() == 0) {
      Slab.free(run);
      // another task reads it, or there is no free page yet
      return cache.waitFor(current, this, index);
    }
    int read = 0;
    int status = -Errno.EIO;
    try {
      status = io.readPages(current, index, run.addresses(), run.count());
      read = run.count();
      if (status != 0 && read > 1) { // the error may be of a page that was only read ahead
        status = io.readPages(current, index, run.addresses(), 1);
        read = 1;
      }
    } finally {
      cache.endRead(run, status == 0 ? read : 0);
      Slab.free(run);
    }
    return status;
  }

  /** Returns the pages to read ahead: twice as many as are cached before the page, with limits. */
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A window is read while its reader waits, and grows to 1 MiB. Linux keeps to 128 KiB and"
              + " reads the next window while the reader uses this one.",
      test = "FilemapTest#theWindowOfASequentialReadDoubles")
  @LinuxSource(file = "mm/readahead.c", name = "get_next_ra_size")
  private int window(long index) {
    int pages = READAHEAD;
    while (pages < PageCache.MAX_RUN && index >= pages && cache.has(this, index - pages)) {
      pages *= 2;
    }
    return pages;
  }

  /**
   * Reads into a page whose lock the caller holds. From process context. Returns 0 or a negative
   * errno.
   */
  int readInto(Task current, Page page) {
    PageRun run = PageRun.get(current, 1);
    run.add(page);
    try {
      return io.readPages(current, page.index, run.addresses(), 1);
    } finally {
      Slab.free(run);
    }
  }
}
