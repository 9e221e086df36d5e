// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.filemap.PageWriter;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes through the page cache: data, and zeroes. The pages stay dirty until write-back ({@link
 * IomapPages}).
 *
 * <p>The caller holds the inode's lock exclusively. Blocks larger than a page can't be allocated
 * through the cache, since a page would hold only a part of one: such a write is EOPNOTSUPP unless
 * its blocks have been written.
 */
public final class IomapBuffered extends Slab.Item {
  private static final Slab<IomapBuffered> SLAB = new Slab<>(IomapBuffered::new);

  private final Iomap iomap = new Iomap();
  private final IomapActor writes = this::writeActor; // bound once
  private final IomapActor zeroes = this::zeroActor;
  private @Nullable PageWriter writer;
  private long cleared; // end of the range whose dirty pages hold zeroes
  private boolean again; // the extent must be mapped again

  private IomapBuffered() {}

  /**
   * Writes at iocb.kiPos and advances it; extends the file if necessary. With IOCB_NOWAIT writes
   * only to pages in the cache and to whole pages. From process context. Makes nothing durable: for
   * IOCB_DSYNC the caller calls {@link #writeSync} after it has released its locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @param from the data; kiPos + its count does not overflow
   * @param ops the filesystem's mapping, called with IOMAP_WRITE
   * @return bytes, or a negative errno if nothing was written
   */
  @LinuxSource(
      file = "fs/iomap.c",
      name = {"iomap_file_buffered_write", "iomap_write_actor"})
  public static long write(Task current, Inode inode, Kiocb iocb, IovIter from, IomapOps ops) {
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    int flags = IomapOps.IOMAP_WRITE | (nowait ? IomapOps.IOMAP_NOWAIT : 0);
    Mapping mapping = mapping(inode);
    PageWriter writer = PageWriter.get(current, mapping, from, nowait);
    long written = walk(current, inode, iocb.kiPos, from.count(), flags, ops, writer, false);
    Slab.free(writer);
    if (written > 0) {
      iocb.kiPos += written;
    }
    if (!nowait) {
      Filemap.balanceDirtyPages(current, mapping);
    }
    return written;
  }

  /**
   * Makes a durable write durable, by the file's fsync. From process context, without the inode's
   * lock.
   *
   * @param current the calling task
   * @param iocb the request
   * @param written the result of the write
   * @return written, or the error of the fsync
   */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  public static long writeSync(Task current, Kiocb iocb, long written) {
    return written > 0 && iocb.has(Kiocb.IOCB_DSYNC)
        ? IomapDioCompletion.genericWriteSync(current, iocb, written)
        : written;
  }

  /**
   * Writes zeroes to a range. Holes and unwritten extents stay as they are. The file's size does
   * not change; a file that grows has its new size already. From process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte, not negative
   * @param length bytes, not negative; pos + length does not overflow
   * @param ops the filesystem's mapping, called with IOMAP_ZERO
   * @return 0 or a negative errno
   */
  @LinuxSource(
      file = "fs/iomap.c",
      name = {"iomap_zero_range", "iomap_zero_range_actor"})
  public static int zeroRange(Task current, Inode inode, long pos, long length, IomapOps ops) {
    if (length == 0) {
      return 0;
    }
    PageWriter writer = PageWriter.get(current, mapping(inode), null, false);
    long done = walk(current, inode, pos, length, IomapOps.IOMAP_ZERO, ops, writer, true);
    Slab.free(writer);
    return done < 0 ? (int) done : done < length ? -Errno.EIO : 0;
  }

  /**
   * Writes zeroes from a position to the end of its block, before the file is cut there. From
   * process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos the new size, not negative
   * @param ops the filesystem's mapping, called with IOMAP_ZERO
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_truncate_page")
  public static int truncatePage(Task current, Inode inode, long pos, IomapOps ops) {
    long rest = Math.min(-pos & (inode.sb().blockSize() - 1), Long.MAX_VALUE - pos);
    return zeroRange(current, inode, pos, rest, ops);
  }

  /** Walks a range. Returns bytes, or a negative errno if there are none. */
  private static long walk(
      Task current,
      Inode inode,
      long pos,
      long length,
      int flags,
      IomapOps ops,
      PageWriter writer,
      boolean zero) {
    IomapBuffered walk = SLAB.alloc(current);
    walk.writer = writer;
    walk.cleared = pos;
    IomapActor actor = zero ? walk.zeroes : walk.writes;
    long done = 0;
    long step = 0;
    while (done < length) { // at least every second step advances by a byte
      step =
          IomapApply.apply(
              current, inode, pos + done, length - done, flags, ops, walk.iomap, actor);
      if (step <= 0) {
        break;
      }
      if (!walk.again) {
        done += step;
      }
      walk.again = false;
    }
    walk.writer = null;
    Slab.free(walk);
    return done > 0 ? done : step;
  }

  private long writeActor(Task current, Inode inode, long pos, long length, Iomap extent) {
    boolean fresh = extent.type() != Iomap.Type.MAPPED || isNew(extent);
    if (fresh && inode.sb().blockSize() > HostMemory.PAGE_SIZE) {
      return -Errno.EOPNOTSUPP;
    }
    return switch (extent.type()) {
      case HOLE ->
          throw new IllegalStateException("iomapBegin allocated nothing for a write: " + extent);
      case INLINE -> -Errno.EOPNOTSUPP;
      case DELALLOC, UNWRITTEN, MAPPED -> writePages(pos, length, extent);
    };
  }

  private long zeroActor(Task current, Inode inode, long pos, long length, Iomap extent) {
    return switch (extent.type()) {
      case HOLE, UNWRITTEN -> zeroCached(current, inode, pos, length);
      case INLINE -> -Errno.EOPNOTSUPP;
      case DELALLOC, MAPPED -> writePages(pos, length, extent);
    };
  }

  /**
   * Clears dirty pages over blocks that read as zeroes; other pages hold zeroes there. Write-back
   * takes no inode lock, so it may have written and cleaned pages since the extent was mapped. The
   * extent is therefore mapped again: if it still reads as zeroes, no page of it was written.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Zeroing a range clears its dirty pages over unwritten extents too. Linux 4.20 skips"
              + " such extents, and XFS writes their pages back first.",
      test = "IomapBufferedTest#zeroRangeClearsDirtyPagesOverAnUnwrittenExtent")
  private long zeroCached(Task current, Inode inode, long pos, long length) {
    if (pos + length > cleared && pos >= cleared) {
      mapping(inode).zeroCached(current, pos, pos + length - 1);
      cleared = pos + length;
      again = true;
    }
    return Math.min(length, cleared - pos);
  }

  /**
   * Writes into the pages of an extent. Write-back takes no inode lock, so it may have converted a
   * reserved or unwritten extent since it was mapped. A page of such an extent is therefore read,
   * and thus mapped again under its own lock. Only new blocks hold nothing for sure.
   */
  private long writePages(long pos, long length, Iomap extent) {
    PageWriter pages = writer;
    assert pages != null : "a walk that was freed";
    if (isNew(extent)) {
      pages.fresh(extent.offset(), extent.offset() + extent.length());
    } else {
      pages.fresh(0, 0);
    }
    return pages.write(pos, length);
  }

  private static boolean isNew(Iomap extent) {
    return (extent.flags() & Iomap.IOMAP_F_NEW) != 0;
  }

  private static Mapping mapping(Inode inode) {
    return Objects.requireNonNull(Mapping.of(inode), "a file that is written has pages");
  }
}
