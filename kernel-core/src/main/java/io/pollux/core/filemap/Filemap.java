// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Reads and writes files through the page cache, page by page. */
@LinuxSource(file = "mm/filemap.c")
public final class Filemap {
  private static final int PAGE = HostMemory.PAGE_SIZE;

  private Filemap() {}

  /**
   * Reads at iocb.kiPos and advances it. With IOCB_NOWAIT reads only pages in the cache. From
   * process context.
   *
   * @param current the calling task
   * @param iocb the request
   * @param to destination
   * @param mapping the file's mapping
   * @return bytes, 0 at the end of the file, or a negative errno if nothing was read. The errno is
   *     -EFAULT, -ENOMEM, or the error of reading a page; -EAGAIN if the read must not block but
   *     would.
   */
  @LinuxSource(
      file = "mm/filemap.c",
      name = {"generic_file_read_iter", "generic_file_buffered_read"})
  public static long read(Task current, Kiocb iocb, IovIter to, Mapping mapping) {
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    long size = mapping.size();
    long start = iocb.kiPos;
    long pos = start;
    int error = 0;
    // each step advances by a byte, or brings in the page for the next step
    while (to.count() > 0 && pos < size) {
      long index = pos >> HostMemory.PAGE_SHIFT;
      Page page = mapping.cache().find(mapping, index);
      if (page == null) {
        error =
            nowait
                ? -Errno.EAGAIN
                : mapping.bringIn(current, index, pagesOf(pos, to.count()), true);
        if (error != 0) {
          break;
        }
        continue;
      }
      int offset = (int) (pos & (PAGE - 1));
      long bytes = Math.min(Math.min(PAGE - offset, to.count()), size - pos);
      long copied = to.copyTo(page.address + offset, bytes);
      mapping.cache().unpin(page);
      pos += copied;
      if (copied < bytes) {
        error = -Errno.EFAULT;
        break;
      }
    }
    iocb.kiPos = pos;
    return pos > start ? pos - start : error;
  }

  private static long pagesOf(long pos, long bytes) {
    return ((pos & (PAGE - 1)) + bytes + PAGE - 1) >> HostMemory.PAGE_SHIFT;
  }

  /**
   * Writes at iocb.kiPos, inside the file, and advances it. The data stays in the cache until
   * {@link Mapping#fsyncRange}. With IOCB_NOWAIT writes only to pages in the cache and to whole
   * pages. From process context.
   *
   * @param current the calling task
   * @param iocb the request
   * @param from source; must not extend beyond the end of the file
   * @param mapping the file's mapping
   * @return bytes, or a negative errno if nothing was written. The errno is -EFAULT, -ENOMEM, or
   *     the error of reading the rest of a page; -EAGAIN if the write must not block but would.
   */
  @LinuxSource(file = "mm/filemap.c", name = "generic_perform_write")
  public static long write(Task current, Kiocb iocb, IovIter from, Mapping mapping) {
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    long size = mapping.size();
    long start = iocb.kiPos;
    assert start + from.count() <= size : "a write beyond the end";
    long pos = start;
    int error = 0;
    // each step advances by a byte, or prepares the page for the next step
    while (from.count() > 0) {
      long index = pos >> HostMemory.PAGE_SHIFT;
      int offset = (int) (pos & (PAGE - 1));
      int valid = (int) Math.min(PAGE, size - pos + offset);
      int bytes = (int) Math.min(PAGE - offset, from.count());
      // a page of which only the part up to the end of the file is valid counts as whole
      boolean whole = bytes == valid;
      Page page = lockForWrite(mapping, index, whole);
      if (page == null) {
        error = nowait ? -Errno.EAGAIN : comeBack(current, mapping, index, whole);
        if (error != 0) {
          break;
        }
        continue;
      }
      int copied = fill(current, page, mapping, offset, bytes, from, nowait);
      pos += copied;
      if (copied < bytes) {
        error = -Errno.EFAULT;
        break;
      }
    }
    iocb.kiPos = pos;
    if (!nowait && mapping.cache().tooDirty()) {
      mapping.writeBack(current, 0, Long.MAX_VALUE); // an error is kept for fsync
    }
    return pos > start ? pos - start : error;
  }

  /**
   * Locks an uptodate page, or adds a locked page if all of it will be written. Returns null if
   * neither is possible now.
   */
  private static @Nullable Page lockForWrite(Mapping mapping, long index, boolean whole) {
    Page page = mapping.cache().tryLock(mapping, index);
    return page != null || !whole ? page : mapping.cache().addLocked(mapping, index);
  }

  /** Removes the reason for which {@link #lockForWrite} failed. Returns 0 or a negative errno. */
  private static int comeBack(Task current, Mapping mapping, long index, boolean whole) {
    return whole
        ? mapping.cache().waitFor(current, mapping, index)
        : mapping.bringIn(current, index, 1, false);
  }

  /** Copies into a locked page and unlocks it. Returns the bytes that are valid. */
  @LinuxSource(
      file = "fs/buffer.c",
      name = {"block_write_begin", "block_write_end"})
  private static int fill(
      Task current,
      Page page,
      Mapping mapping,
      int offset,
      int bytes,
      IovIter from,
      boolean nowait) {
    boolean uptodate = page.uptodate;
    int copied = (int) from.copyFrom(page.address + offset, bytes);
    if (!uptodate) {
      assert offset == 0;
      if (copied == bytes) {
        if (bytes < PAGE) {
          RawMemory.zero(page.address + bytes, PAGE - bytes); // beyond the end of the file
        }
      } else if (copied == 0 || nowait || !readBehind(current, page, mapping, copied)) {
        mapping.cache().unlock(page); // drops it
        return 0;
      }
    }
    if (copied == 0) {
      mapping.cache().unlock(page);
      return 0;
    }
    mapping.cache().unlockDirty(page);
    return copied;
  }

  /**
   * Reads the rest of a new page from the device, after user memory ended early. Returns false on
   * an error.
   */
  private static boolean readBehind(Task current, Page page, Mapping mapping, int copied) {
    byte[] kept = RawMemory.segment(page.address, copied).toArray(ValueLayout.JAVA_BYTE);
    if (mapping.readInto(current, page) != 0) {
      return false;
    }
    MemorySegment.copy(
        kept, 0, RawMemory.segment(page.address, copied), ValueLayout.JAVA_BYTE, 0, copied);
    return true;
  }
}
