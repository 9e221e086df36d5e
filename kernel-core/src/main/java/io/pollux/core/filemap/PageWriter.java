// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Copies data, or zeroes, into the pages of a file and marks them dirty.
 *
 * <p>A page that is not cached is read first, unless nothing on the device belongs in it: all of
 * its bytes inside the file are written, or are {@link #fresh}. It is read, changed and marked
 * dirty under one hold of its lock, so no other task sees it half changed.
 *
 * <p>One task uses a writer, from {@link #get} until it frees it by {@link Slab#free}.
 */
@LinuxSource(
    file = "fs/iomap.c",
    name = {"iomap_write_begin", "iomap_write_end"})
public final class PageWriter extends Slab.Item {
  private static final Slab<PageWriter> SLAB = new Slab<>(PageWriter::new);
  private static final int PAGE = HostMemory.PAGE_SIZE;

  private @Nullable Task current;
  private @Nullable Mapping mapping;
  private @Nullable IovIter from;
  private boolean nowait;
  private long freshStart;
  private long freshEnd;

  private PageWriter() {}

  /**
   * Allocates a writer. From process context.
   *
   * @param current the calling task
   * @param mapping the mapping of the file
   * @param from the data; null writes zeroes
   * @param nowait whether only cached pages and whole pages are written
   * @return a writer without a fresh range
   */
  public static PageWriter get(
      Task current, Mapping mapping, @Nullable IovIter from, boolean nowait) {
    PageWriter writer = SLAB.alloc(current);
    writer.current = current;
    writer.mapping = mapping;
    writer.from = from;
    writer.nowait = nowait;
    writer.fresh(0, 0);
    return writer;
  }

  /**
   * Sets the range whose blocks are new and hold no data of the file, in place of the previous one.
   * A page that is not cached gets zeroes there.
   *
   * @param start first byte, not negative
   * @param end byte after the last; an empty range if not after start
   */
  public void fresh(long start, long end) {
    freshStart = start;
    freshEnd = end;
  }

  /**
   * Writes a range. Data beyond the end of the file extends it, page by page ({@link
   * PageIo#writeSize}); zeroes do not. From process context.
   *
   * @param pos first byte, not negative
   * @param length bytes, at least 1, at most the data left; pos + length does not overflow
   * @return bytes, or a negative errno if nothing was written: -EFAULT, -ENOMEM, the error of
   *     reading a page, or -EAGAIN if the write must not block but would
   */
  public long write(long pos, long length) {
    long end = pos + length;
    long at = pos;
    int result = 0;
    while (at < end && result >= 0) { // each step advances by a byte, or fails
      int bytes = (int) Math.min(PAGE - (at & (PAGE - 1)), end - at);
      result = writePage(at, bytes);
      if (result >= 0) {
        at += result;
        result = result < bytes ? -Errno.EFAULT : 0;
      }
    }
    return at > pos ? at - pos : result;
  }

  /** Writes a part of one page. Returns the bytes copied, or a negative errno. */
  private int writePage(long pos, int bytes) {
    PageCache cache = mapping().cache();
    long index = pos >> HostMemory.PAGE_SHIFT;
    while (true) { // ends: each turn waits until a lock was released or a page is free
      Page page = cache.tryLock(mapping(), index);
      if (page == null) {
        page = cache.addLocked(mapping(), index);
      }
      if (page != null) {
        return fill(page, (int) (pos & (PAGE - 1)), bytes);
      }
      int result = nowait ? -Errno.EAGAIN : cache.waitFor(current(), mapping(), index);
      if (result != 0) {
        return result;
      }
    }
  }

  /** Copies into a locked page and unlocks it. Returns the bytes copied, or a negative errno. */
  private int fill(Page page, int offset, int bytes) {
    boolean valid = page.uptodate;
    boolean filled = false;
    int copied = 0;
    try {
      if (!valid) {
        int result = prepare(page, offset, bytes);
        if (result < 0) {
          return result;
        }
        valid = result > 0;
      }
      copied = copy(page.address + offset, bytes);
      if (!valid && copied < bytes && copied > 0 && !readBehind(page, offset + copied)) {
        copied = 0;
      }
      if (copied > 0) {
        extend((page.index << HostMemory.PAGE_SHIFT) + offset + copied);
        filled = true;
      }
      return copied;
    } finally {
      if (filled) {
        mapping().cache().unlockDirty(page);
      } else {
        mapping().cache().unlock(page); // drops it, unless it was valid
      }
    }
  }

  /**
   * Fills the part of a new page that will not be written. Returns 1 if all of the page is valid
   * now, 0 if all but the part to be written is, or a negative errno.
   */
  @LinuxSource(file = "fs/iomap.c", name = "__iomap_write_begin")
  private int prepare(Page page, int offset, int bytes) {
    long start = page.index << HostMemory.PAGE_SHIFT;
    if (hasData(start, offset) || hasData(start + offset + bytes, PAGE - offset - bytes)) {
      if (nowait) {
        return -Errno.EAGAIN;
      }
      int result = read(page);
      return result == 0 ? 1 : result;
    }
    RawMemory.zero(page.address, offset);
    RawMemory.zero(page.address + offset + bytes, PAGE - offset - bytes);
    return 0;
  }

  /** Whether the device has data of the file in a part of a page. */
  private boolean hasData(long start, int bytes) {
    long end = Math.min(start + bytes, mapping().size());
    return start < end && (start < freshStart || end > freshEnd);
  }

  /** Reads a page that this task has locked. Returns 0 or a negative errno. */
  private int read(Page page) {
    int result = mapping().readInto(current(), page);
    if (result == 0) {
      long start = page.index << HostMemory.PAGE_SHIFT;
      long from = Math.max(freshStart - start, 0);
      long to = Math.min(freshEnd - start, PAGE);
      if (from < to) { // the device may hold another file's old data there
        RawMemory.zero(page.address + from, to - from);
      }
    }
    return result;
  }

  private int copy(long to, int bytes) {
    IovIter source = from;
    if (source != null) {
      return (int) source.copyFrom(to, bytes);
    }
    RawMemory.zero(to, bytes);
    return bytes;
  }

  /**
   * Fills a new page from a byte on, after user memory ended there. Returns false if the device
   * fails or may not be read now.
   */
  private boolean readBehind(Page page, int at) {
    long start = page.index << HostMemory.PAGE_SHIFT;
    if (!hasData(start + at, PAGE - at)) {
      RawMemory.zero(page.address + at, PAGE - at);
      return true;
    }
    if (nowait) {
      return false;
    }
    byte[] kept = RawMemory.segment(page.address, at).toArray(ValueLayout.JAVA_BYTE);
    if (read(page) != 0) {
      return false;
    }
    MemorySegment.copy(kept, 0, RawMemory.segment(page.address, at), ValueLayout.JAVA_BYTE, 0, at);
    return true;
  }

  @LinuxSource(file = "fs/buffer.c", name = "__generic_write_end")
  private void extend(long end) {
    if (from != null && end > mapping().size()) {
      mapping().writeSize(end); // with the page locked, so that write-back sees both or neither
    }
  }

  private Task current() {
    Task task = current;
    assert task != null : "a writer that was freed";
    return task;
  }

  private Mapping mapping() {
    Mapping file = mapping;
    assert file != null : "a writer that was freed";
    return file;
  }
}
