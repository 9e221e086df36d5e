// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.Objects;

/**
 * Writes to files in place: to blocks that have been written before, inside the file's size. Each
 * mounted filesystem has one, a subclass with its own checks before a write and its own locks.
 *
 * <p>A write stops before the first byte that is in a hole, in an unwritten block, inline, or
 * beyond the end of the file. If that is the first byte, it fails with EOPNOTSUPP. A direct write
 * whose mapping returns ENOTBLK is retried through the page cache.
 *
 * <p>Locks are taken as in XFS. Buffered writes take the inode's iRwsem exclusively. Direct writes
 * of whole blocks take it shared. Unaligned direct writes take it exclusively and wait until {@code
 * dioCount} is 0, polling meanwhile ({@link InodeDioWait#awaitNone}). An interrupt stops that wait
 * with EINTR. So the lock holder never waits for a task that waits for the lock, even if that task
 * has polled I/O in flight.
 */
@LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_write_iter")
public abstract class IomapOverwrite {
  private static final int SYNC_WORKERS = 4;

  private final IomapOps ops;
  private final BlockDevice bdev;
  private final int blockSize;
  private final WorkQueue dioDone; // C: s_dio_done_wq

  /**
   * Makes the writer of one mount, for filesystems.
   *
   * @param ops the mapping
   * @param bdev the data device
   * @param blockSize unit of direct writes under a shared lock; a power of two, at least the
   *     device's logical block size
   * @param process the kernel's process, for workers that make direct writes durable
   */
  protected IomapOverwrite(IomapOps ops, BlockDevice bdev, int blockSize, UserProcess process) {
    assert Integer.bitCount(blockSize) == 1 && blockSize >= bdev.queue().logicalBlockSize()
        : blockSize;
    this.ops = ops;
    this.bdev = bdev;
    this.blockSize = blockSize;
    dioDone = new WorkQueue(process, "dio/" + bdev.name(), SYNC_WORKERS);
  }

  /**
   * Called before data of a file changes, with the inode's lock held: refuses the write or records
   * its time. From process context; does not sleep. It may add flags to the request, such as
   * IOCB_DSYNC for a file with the sync attribute.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @return 0 or a negative errno
   */
  @LinuxSource(
      file = "fs/inode.c",
      name = {"file_remove_privs", "file_update_time"})
  protected abstract int fileModified(Task current, Inode inode, Kiocb iocb);

  /**
   * Writes at iocb.kiPos: the writeIter of a file. From process context.
   *
   * @param current the calling task
   * @param iocb the request
   * @param from the data
   * @return bytes, -EIOCBQUEUED, or a negative errno. -EOPNOTSUPP: the first byte can't be written
   *     in place. -EINVAL: a direct request is not aligned to the device's logical block size.
   *     -EAGAIN: it would block with IOCB_NOWAIT
   */
  @LinuxSource(file = "mm/filemap.c", name = "generic_write_checks")
  public final long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    Inode inode = iocb.file().inode();
    if (iocb.has(Kiocb.IOCB_APPEND)) {
      iocb.kiPos = inode.size();
    }
    if (iocb.kiPos == Long.MAX_VALUE) {
      return -Errno.EFBIG;
    }
    if (!iocb.has(Kiocb.IOCB_DIRECT)) {
      return buffered(current, inode, iocb, from);
    }
    long result = direct(current, inode, iocb, from);
    return result == -Errno.ENOTBLK ? fallBack(current, inode, iocb, from) : result;
  }

  /**
   * Writes through the page cache what direct I/O can't, then writes the range back and drops its
   * pages.
   */
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_write_iter")
  private long fallBack(Task current, Inode inode, Kiocb iocb, IovIter from) {
    iocb.kiFlags &= ~Kiocb.IOCB_DIRECT;
    long written = buffered(current, inode, iocb, from);
    if (written <= 0) {
      return written;
    }
    long end = iocb.kiPos;
    int result = mapping(inode).writeAndWaitRange(current, end - written, end - 1);
    mapping(inode).invalidateRange(end - written, end - 1);
    return result != 0 ? result : written;
  }

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_dio_aio_write")
  private long direct(Task current, Inode inode, Kiocb iocb, IovIter from) {
    int sectorMask = bdev.queue().logicalBlockSize() - 1;
    if (((iocb.kiPos | from.count()) & sectorMask) != 0) {
      return -Errno.EINVAL;
    }
    long room = (inode.size() - iocb.kiPos) & ~(long) sectorMask;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    boolean unaligned = ((iocb.kiPos | from.count()) & (blockSize - 1)) != 0;
    RwSemaphore lock = inode.iRwsem;
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    if (!(unaligned ? lock.downWrite(current, nowait) : lock.downRead(current, nowait))) {
      return -Errno.EAGAIN;
    }
    try {
      int result = unaligned ? dioWait(current, inode, iocb) : 0;
      return result != 0 ? result : writeDirect(current, inode, iocb, from);
    } finally {
      if (unaligned) {
        lock.upWrite();
      } else {
        lock.upRead();
      }
    }
  }

  /**
   * Writes past the page cache. A filesystem with its own locks overrides this and takes them
   * around the call. From process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request; not to be touched after -EIOCBQUEUED
   * @param from the data, aligned and inside the file
   * @return bytes, -EIOCBQUEUED, or a negative errno
   */
  protected long writeDirect(Task current, Inode inode, Kiocb iocb, IovIter from) {
    int result = fileModified(current, inode, iocb);
    return result != 0 ? result : IomapDio.write(current, inode, iocb, from, ops, dioDone);
  }

  /** Waits until no direct I/O is in flight. Returns 0 or a negative errno. */
  private int dioWait(Task current, Inode inode, Kiocb iocb) {
    boolean wouldWait = inode.dioCount() != 0 && iocb.has(Kiocb.IOCB_NOWAIT);
    return wouldWait ? -Errno.EAGAIN : InodeDioWait.awaitNone(current, inode, bdev, true);
  }

  /**
   * Writes into pages. With IOCB_NOWAIT it writes what it can without waiting; the Linux of the
   * posting returns EOPNOTSUPP.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_buffered_aio_write")
  private long buffered(Task current, Inode inode, Kiocb iocb, IovIter from) {
    long room = inode.size() - iocb.kiPos;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    Mapping mapping = mapping(inode);
    if (!inode.iRwsem.downWrite(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      written = writePages(current, inode, iocb, from);
    } finally {
      inode.iRwsem.upWrite();
    }
    return written > 0 && iocb.has(Kiocb.IOCB_DSYNC)
        ? writeSync(current, iocb, mapping, written)
        : written;
  }

  /**
   * Writes into pages. A filesystem with its own locks overrides this and takes them around the
   * call. From process context, with the inode's lock held exclusively.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @param from the data, inside the file
   * @return bytes or a negative errno
   */
  protected long writePages(Task current, Inode inode, Kiocb iocb, IovIter from) {
    long bytes = inPlace(current, inode, iocb, from.count());
    if (bytes < 0) {
      return bytes;
    }
    int result = fileModified(current, inode, iocb);
    if (result != 0) {
      return result;
    }
    from.truncate(bytes);
    return Filemap.write(current, iocb, from, mapping(inode));
  }

  /**
   * Counts the bytes from iocb.kiPos that can be written in place through the page cache. From
   * process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @param count bytes wanted, at least 1, inside the file
   * @return bytes, at least 1, or a negative errno
   */
  protected long inPlace(Task current, Inode inode, Kiocb iocb, long count) {
    int flags = IomapOps.IOMAP_WRITE | (iocb.has(Kiocb.IOCB_NOWAIT) ? IomapOps.IOMAP_NOWAIT : 0);
    Iomap iomap = Iomap.SLAB.alloc(current);
    long done = 0;
    int result = -Errno.EOPNOTSUPP;
    while (done < count) { // each step advances by at least one byte
      long pos = iocb.kiPos + done;
      int begun = ops.iomapBegin(current, inode, pos, count - done, flags, iomap);
      if (begun != 0) {
        result = begun;
        break;
      }
      iomap.checkCovers(pos);
      if (iomap.type() != Iomap.Type.MAPPED) {
        break;
      }
      done += Math.min(count - done, iomap.offset() + iomap.length() - pos);
    }
    Slab.free(iomap);
    return done > 0 ? done : result;
  }

  /**
   * Returns whether a write by this process has to remove the set-user-ID or set-group-ID bit of a
   * file.
   *
   * @param current the calling task
   * @param inode the file
   * @return true if the file has such a bit and the process is not privileged
   */
  @LinuxSource(file = "fs/inode.c", name = "should_remove_suid")
  protected static boolean losesPrivileges(Task current, Inode inode) {
    int mode = inode.mode();
    // without group execute, S_ISGID is not set-group-ID
    boolean setGroup = (mode & (StatMode.S_ISGID | 0010)) == (StatMode.S_ISGID | 0010);
    return ((mode & StatMode.S_ISUID) != 0 || setGroup) && !current.process().capable();
  }

  /** Makes the bytes just written durable. Returns their number, or a negative errno. */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  private long writeSync(Task current, Kiocb iocb, Mapping mapping, long bytes) {
    int result = mapping.fsyncRange(current, iocb.file(), iocb.kiPos - bytes, iocb.kiPos - 1);
    if (result == 0) {
      result = bdev.flushAndWait(current);
    }
    return result != 0 ? result : bytes;
  }

  /**
   * Writes the data of a file back and makes it durable, for fsync and fdatasync. From process
   * context.
   *
   * @param current the calling task
   * @param file the open file
   * @return 0 or a negative errno; an earlier write-back error that this open file has not reported
   *     counts
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_fsync")
  public final int fsync(Task current, File file) {
    int result = mapping(file.inode()).fsyncRange(current, file, 0, Long.MAX_VALUE);
    int flushed = bdev.flushAndWait(current);
    return result != 0 ? result : flushed;
  }

  /**
   * Waits until every queued O_DSYNC direct write is durable. From process context, when no file is
   * open.
   */
  @LinuxSource(file = "fs/super.c", name = "generic_shutdown_super")
  public final void drain() {
    dioDone.flush();
  }

  private static Mapping mapping(Inode inode) {
    return Objects.requireNonNull(Mapping.of(inode), "a file that is written in place has pages");
  }
}
