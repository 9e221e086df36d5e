// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.StampedLock;

/**
 * Writes to files in place: to blocks that the file has and that were written before, inside its size. One for each
 * mounted filesystem, which extends it by what it has to do before a write.
 *
 * <p>A write that would need more (a hole, unwritten blocks, data inside the inode, a larger file) ends in front of the
 * first such byte and is as short as that; if that is its first byte, the answer is EOPNOTSUPP.
 *
 * <p>Locks, as XFS takes them: buffered writes hold the inode's iRwsem exclusively; direct ones hold it shared, if they
 * cover whole blocks of the filesystem. Those that do not hold it exclusively and wait until no direct I/O is in
 * flight. That wait ends with EINTR when the task is interrupted. A polled request waits for neither but answers EAGAIN
 * ({@link IomapDio#mayWait}). So a thread that has polled I/O in flight on a file and makes a call that waits for the
 * lock of the same file may wait until it is interrupted, as in Linux.
 */
@LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_write_iter")
public abstract class IomapOverwrite {
  private static final int SYNC_WORKERS = 4;
  private static final long DIO_NAP_NANOS = 20_000;

  private final IomapOps ops;
  private final BlockDevice bdev;
  private final int blockSize;
  private final WorkQueue dioDone; // C: s_dio_done_wq

  /**
   * For filesystems.
   *
   * @param ops the mapping
   * @param bdev the device that has the data
   * @param blockSize bytes of a block, a power of two, not less than the device's logical block size
   * @param process the kernel's own, for threads that make direct writes durable
   */
  protected IomapOverwrite(IomapOps ops, BlockDevice bdev, int blockSize, UserProcess process) {
    assert Integer.bitCount(blockSize) == 1 && blockSize >= bdev.queue().logicalBlockSize() : blockSize;
    this.ops = ops;
    this.bdev = bdev;
    this.blockSize = blockSize;
    dioDone = new WorkQueue(process, "dio/" + bdev.name(), SYNC_WORKERS);
  }

  /**
   * Called before data of a file changes, with the inode's lock held: refuses, or notes the time. From process context;
   * does not sleep. It may add flags to the request, such as IOCB_DSYNC for a file that is always written so.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/inode.c", name = {"file_remove_privs", "file_update_time"})
  protected abstract int fileModified(Task current, Inode inode, Kiocb iocb);

  /**
   * Writes at iocb.kiPos: the writeIter of a file. From process context.
   *
   * @param current the calling task
   * @param iocb the request
   * @param from where the data is
   * @return bytes, a negative errno, or -EIOCBQUEUED: -EOPNOTSUPP if the first byte can't be written in place,
   *     -EINVAL for a direct request that is not aligned to the device's logical block size, -EAGAIN if it would have
   *     to wait and must not
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
    return iocb.has(Kiocb.IOCB_DIRECT) ? direct(current, inode, iocb, from) : buffered(current, inode, iocb, from);
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
    StampedLock lock = inode.iRwsem;
    boolean nowait = !IomapDio.mayWait(iocb);
    long stamp = unaligned ? lockExclusive(current, lock, nowait) : lockShared(current, lock, nowait);
    if (stamp == 0) {
      return -Errno.EAGAIN;
    }
    try {
      int result = unaligned ? dioWait(current, inode, iocb) : 0;
      if (result == 0) {
        result = fileModified(current, inode, iocb);
      }
      return result != 0 ? result : IomapDio.write(current, inode, iocb, from, ops, dioDone);
    } finally {
      lock.unlock(stamp);
    }
  }

  /** Waits until no direct I/O is in flight. Answers 0 or a negative errno. */
  @LinuxSource(file = "fs/inode.c", name = "inode_dio_wait")
  private static int dioWait(Task current, Inode inode, Kiocb iocb) {
    if (inode.dioCount() == 0) {
      return 0;
    }
    if (!IomapDio.mayWait(iocb)) {
      return -Errno.EAGAIN;
    }
    current.aboutToSleep();
    while (inode.dioCount() != 0) { // ends: none begins while the lock is held, or the task is interrupted
      if (current.signalPending()) {
        return -Errno.EINTR;
      }
      LockSupport.parkNanos(DIO_NAP_NANOS);
    }
    return 0;
  }

  /**
   * Writes into pages. Unlike Linux of that time, which answers EOPNOTSUPP, a buffered write with IOCB_NOWAIT writes what
   * it can without waiting.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_buffered_aio_write")
  private long buffered(Task current, Inode inode, Kiocb iocb, IovIter from) {
    long room = inode.size() - iocb.kiPos;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    Mapping mapping = mapping(inode);
    StampedLock lock = inode.iRwsem;
    long stamp = lockExclusive(current, lock, iocb.has(Kiocb.IOCB_NOWAIT));
    if (stamp == 0) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      long bytes = inPlace(current, inode, iocb, from.count());
      if (bytes < 0) {
        return bytes;
      }
      int result = fileModified(current, inode, iocb);
      if (result != 0) {
        return result;
      }
      from.truncate(bytes);
      written = Filemap.write(current, iocb, from, mapping);
    } finally {
      lock.unlock(stamp);
    }
    return written > 0 && iocb.has(Kiocb.IOCB_DSYNC) ? writeSync(current, iocb, mapping, written) : written;
  }

  /** How many bytes from a position on can be written in place. Answers a negative errno instead of 0. */
  private long inPlace(Task current, Inode inode, Kiocb iocb, long count) {
    int flags = IomapOps.IOMAP_WRITE | (iocb.has(Kiocb.IOCB_NOWAIT) ? IomapOps.IOMAP_NOWAIT : 0);
    Iomap iomap = Iomap.SLAB.alloc(current);
    long done = 0;
    int result = -Errno.EOPNOTSUPP;
    while (done < count) { // each step moves on by a byte or more
      long pos = iocb.kiPos + done;
      int begun = ops.iomapBegin(current, inode, pos, count - done, flags, iomap);
      if (begun != 0) {
        result = begun;
        break;
      }
      if (iomap.type() != Iomap.Type.MAPPED) {
        break;
      }
      done += Math.min(count - done, iomap.offset() + iomap.length() - pos);
    }
    Slab.free(iomap);
    return done > 0 ? done : result;
  }

  /** Makes what was just written durable. Answers the bytes written, or a negative errno. */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  private long writeSync(Task current, Kiocb iocb, Mapping mapping, long bytes) {
    int result = mapping.fsyncRange(current, iocb.kiPos - bytes, iocb.kiPos - 1);
    if (result == 0) {
      result = bdev.flushAndWait(current);
    }
    return result != 0 ? result : bytes;
  }

  /**
   * Brings the data of a file to the disk and makes it durable: what fsync and fdatasync do. From process context.
   *
   * @param current the calling task
   * @param inode the file
   * @return 0, or a negative errno: also that of a write since the last call that nobody was told of yet
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_fsync")
  public final int fsync(Task current, Inode inode) {
    int result = mapping(inode).fsyncRange(current, 0, Long.MAX_VALUE);
    int flushed = bdev.flushAndWait(current);
    return result != 0 ? result : flushed;
  }

  /** Waits until every direct write has been made durable that is to be. From process context, when no file is open. */
  @LinuxSource(file = "fs/super.c", name = "generic_shutdown_super")
  public final void drain() {
    dioDone.flush();
  }

  private static Mapping mapping(Inode inode) {
    return Objects.requireNonNull(inode.mapping(), "a file that is written in place has pages");
  }

  /** Takes the lock shared. Answers 0 if that would sleep and must not. */
  private static long lockShared(Task current, StampedLock lock, boolean nowait) {
    long stamp = lock.tryReadLock();
    if (stamp == 0 && !nowait) {
      current.aboutToSleep();
      stamp = lock.readLock();
    }
    return stamp;
  }

  /** Takes the lock exclusively. Answers 0 if that would sleep and must not. */
  private static long lockExclusive(Task current, StampedLock lock, boolean nowait) {
    long stamp = lock.tryWriteLock();
    if (stamp == 0 && !nowait) {
      current.aboutToSleep();
      stamp = lock.writeLock();
    }
    return stamp;
  }
}
