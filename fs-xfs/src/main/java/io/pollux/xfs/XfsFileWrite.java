// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.IomapBuffered;
import io.pollux.iomap.IomapDio;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Writes regular files in place: to blocks that hold data already, inside the file's size.
 *
 * <p>A write stops before the first byte that is in a hole, in an unwritten block, or beyond the
 * end of the file. If that is the first byte, it fails with EOPNOTSUPP. It also does if the file
 * may share blocks (reflink), or if the write would have to remove the file's set-user-ID or
 * set-group-ID bit.
 *
 * <p>Locks: buffered writes take the inode's iRwsem exclusively. Direct writes of whole blocks take
 * it shared. Unaligned direct writes take it exclusively and wait until {@code dioCount} is 0,
 * polling meanwhile ({@link InodeDioWait#awaitNone}). An interrupt stops that wait with EINTR. So
 * the lock holder never waits for a task that waits for the lock, even if that task has polled I/O
 * in flight.
 */
final class XfsFileWrite {
  private XfsFileWrite() {}

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_write_iter")
  static long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    XfsInode ip = (XfsInode) iocb.file().inode();
    int result = Filemap.writeChecks(iocb, from); // no lock: the size does not change
    if (result != 0) {
      return result;
    }
    return iocb.has(Kiocb.IOCB_DIRECT)
        ? dioAioWrite(current, ip, iocb, from)
        : bufferedAioWrite(current, ip, iocb, from);
  }

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_dio_aio_write")
  private static long dioAioWrite(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    BlockDevice bdev = ip.mp().bdev();
    int sectorMask = bdev.queue().logicalBlockSize() - 1;
    if (((iocb.kiPos | from.count()) & sectorMask) != 0) {
      return -Errno.EINVAL;
    }
    long room = (ip.size() - iocb.kiPos) & ~(long) sectorMask;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    boolean unaligned = ((iocb.kiPos | from.count()) & (ip.mp().sb().blockSize - 1)) != 0;
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    RwSemaphore lock = ip.iRwsem;
    if (!(unaligned ? lock.downWrite(current, nowait) : lock.downRead(current, nowait))) {
      return -Errno.EAGAIN;
    }
    try {
      int result = 0;
      if (unaligned && ip.dioCount() != 0) {
        result = nowait ? -Errno.EAGAIN : InodeDioWait.awaitNone(current, ip, bdev, true);
      }
      if (result == 0) {
        result = writeChecks(current, ip, iocb);
      }
      return result != 0 ? result : IomapDio.rw(current, ip, iocb, from, XfsIomap.OPS, null);
    } finally {
      if (unaligned) {
        lock.upWrite();
      } else {
        lock.upRead();
      }
    }
  }

  /**
   * Writes into pages. With IOCB_NOWAIT it writes what it can without waiting; the Linux of the
   * posting returns EOPNOTSUPP.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_buffered_aio_write")
  private static long bufferedAioWrite(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    long room = ip.size() - iocb.kiPos;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    if (!ip.iRwsem.downWrite(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      written = writeChecks(current, ip, iocb);
      if (written == 0) {
        written = IomapBuffered.write(current, ip, iocb, from, XfsIomap.OPS);
      }
    } finally {
      ip.iRwsem.upWrite();
    }
    return IomapBuffered.writeSync(current, iocb, written);
  }

  /** Checks whether the file may change, and records the time. Returns 0 or a negative errno. */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_aio_write_checks")
  private static int writeChecks(Task current, XfsInode ip, Kiocb iocb) {
    XfsInodeBuf.Core core = ip.core();
    if (core.reflink() || ip.shouldRemoveSuid(current)) {
      return -Errno.EOPNOTSUPP;
    }
    if (core.sync()) {
      iocb.kiFlags |= Kiocb.IOCB_DSYNC;
    }
    ip.writeTime().update();
    return 0;
  }
}
