// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

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
   * Checks a write before it begins, and moves an appending one to the end of the file. From
   * process context, with the file's lock held if it can grow.
   *
   * @param iocb the request
   * @param from the data; cut where the largest offset is
   * @return 0, or -EFBIG if no byte fits
   */
  @LinuxSource(file = "mm/filemap.c", name = "generic_write_checks")
  public static int writeChecks(Kiocb iocb, IovIter from) {
    if (iocb.has(Kiocb.IOCB_APPEND)) {
      iocb.kiPos = iocb.file().inode().size();
    }
    if (iocb.kiPos == Long.MAX_VALUE) {
      return -Errno.EFBIG;
    }
    from.truncate(Long.MAX_VALUE - iocb.kiPos);
    return 0;
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
    if (from.count() == 0) {
      return 0;
    }
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    assert iocb.kiPos + from.count() <= mapping.size() : "a write beyond the end";
    PageWriter writer = PageWriter.get(current, mapping, from, nowait);
    long written = writer.write(iocb.kiPos, from.count());
    Slab.free(writer);
    if (written > 0) {
      iocb.kiPos += written;
    }
    if (!nowait) {
      balanceDirtyPages(current, mapping);
    }
    return written;
  }

  /**
   * Writes a file's dirty pages back if half of the cache is dirty. A writer calls it after each
   * write that may block. An error is kept for fsync. From process context, without a page's lock.
   *
   * @param current the calling task
   * @param mapping the file's mapping
   */
  @LinuxSource(file = "mm/page-writeback.c", name = "balance_dirty_pages_ratelimited")
  public static void balanceDirtyPages(Task current, Mapping mapping) {
    if (mapping.cache().tooDirty()) {
      mapping.writeBack(current, 0, Long.MAX_VALUE);
    }
  }
}
