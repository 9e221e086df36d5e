// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.IomapBuffered;
import io.pollux.iomap.IomapDio;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Writes regular files: in place, into holes, and past the end.
 *
 * <p>Locks: buffered writes take the inode's iRwsem exclusively. Direct writes of whole blocks take
 * it shared. Exclusive, and alone, are direct writes of parts of blocks, those that start behind
 * the end of the file or extend it inside a page, and those that remove a set-user-ID or
 * set-group-ID bit. They wait until {@code dioCount} is 0, polling meanwhile ({@link
 * InodeDioWait#awaitNone}). An interrupt stops that wait with EINTR. One that zeroes the rest of a
 * block, or extends the file inside a page, also completes before it releases the lock. So the lock
 * holder never waits for a task that waits for the lock, even if that task has polled I/O in
 * flight.
 */
final class XfsFileWrite {
  private XfsFileWrite() {}

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_write_iter")
  static long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    XfsInode ip = (XfsInode) iocb.file().inode();
    return iocb.has(Kiocb.IOCB_DIRECT)
        ? dioAioWrite(current, ip, iocb, from)
        : bufferedAioWrite(current, ip, iocb, from);
  }

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_dio_aio_write")
  private static long dioAioWrite(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    if (!isAlone(current, ip, iocb, from)) {
      if (!ip.iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
        return -Errno.EAGAIN;
      }
      try {
        if (!isAlone(current, ip, iocb, from)) { // not truncated meanwhile
          return dio(current, ip, iocb, from);
        }
      } finally {
        ip.iRwsem.upRead();
      }
    }
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    if (!ip.iRwsem.downWrite(current, nowait)) {
      return -Errno.EAGAIN;
    }
    try {
      if (ip.dioCount() != 0) {
        int result = nowait ? -Errno.EAGAIN : awaitDirect(current, ip);
        if (result != 0) {
          return result;
        }
      }
      int result = prepareAlone(current, ip, iocb, from);
      return result != 0 ? result : dioAlone(current, ip, iocb, from, nowait);
    } finally {
      ip.iRwsem.upWrite();
    }
  }

  /**
   * Writes with iRwsem held exclusively. Two kinds of writes complete before this method returns.
   * If a write also zeroes the rest of a block, those zeroes must not overwrite data of a later
   * write. If it extends the file inside a page, no reader must find the zeroes of a cached page
   * below the new size.
   */
  private static long dioAlone(
      Task current, XfsInode ip, Kiocb iocb, IovIter from, boolean nowait) {
    boolean waits =
        zeroesRest(ip, iocb.kiPos, from.count()) || extendsPage(ip, iocb.kiPos + from.count());
    if (waits && nowait) {
      return -Errno.EAGAIN;
    }
    long result = dio(current, ip, iocb, from);
    if (waits && result == -Kiocb.EIOCBQUEUED) { // the request may be gone
      InodeDioWait.awaitNone(current, ip, ip.mp().bdev(), false);
    }
    return result;
  }

  /** Whether a direct write may zero the rest of its first or last block. */
  private static boolean zeroesRest(XfsInode ip, long pos, long bytes) {
    int mask = ip.mp().sb().blockSize - 1;
    long end = pos + bytes;
    return ((pos | end) & mask) != 0
        && (end >= ip.size() || !isWritten(ip, pos) || !isWritten(ip, end - 1));
  }

  /** Whether a write up to a position extends a file that ends inside a page. */
  private static boolean extendsPage(XfsInode ip, long end) {
    long size = ip.size();
    return end > size && (size & (HostMemory.PAGE_SIZE - 1)) != 0;
  }

  /** Whether the block of a position is known to hold data. */
  private static boolean isWritten(XfsInode ip, long pos) {
    XfsExtentMap extents = ip.extentsIfRead();
    if (extents == null) {
      return false;
    }
    long block = pos >> ip.mp().sb().blockLog;
    int at = extents.find(block);
    return at != XfsExtentMap.NONE && block < extents.endOff(at) && !extents.unwritten(at);
  }

  private static int awaitDirect(Task current, XfsInode ip) {
    return InodeDioWait.awaitNone(current, ip, ip.mp().bdev(), true);
  }

  /** Whether a direct write needs the lock exclusively. */
  private static boolean isAlone(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    return iocb.has(Kiocb.IOCB_APPEND)
        || ((iocb.kiPos | from.count()) & (ip.mp().sb().blockSize - 1)) != 0
        || iocb.kiPos > ip.size()
        || extendsPage(ip, iocb.kiPos + from.count())
        || Attr.removedPrivs(current, ip) != 0;
  }

  private static long dio(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    int sectorMask = ip.mp().bdev().queue().logicalBlockSize() - 1;
    if (((iocb.kiPos | from.count()) & sectorMask) != 0) {
      return -Errno.EINVAL;
    }
    if (iocb.kiPos >= ip.maxBytes()) {
      return -Errno.EFBIG;
    }
    from.truncate(ip.maxBytes() - iocb.kiPos);
    noteWrite(ip, iocb);
    return IomapDio.rw(current, ip, iocb, from, XfsIomap.OPS, XfsIomap.OPS);
  }

  /**
   * Writes into pages. With IOCB_NOWAIT it writes what it can without waiting; the Linux of the
   * posting returns EOPNOTSUPP.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_buffered_aio_write")
  private static long bufferedAioWrite(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    if (!ip.iRwsem.downWrite(current, nowait)) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      boolean grows = iocb.has(Kiocb.IOCB_APPEND) || iocb.kiPos > ip.size() - from.count();
      int result = 0;
      if (grows && ip.dioCount() != 0) { // a direct write may set the size too
        result = nowait ? -Errno.EAGAIN : awaitDirect(current, ip);
      }
      if (result == 0) {
        result = prepareAlone(current, ip, iocb, from);
      }
      if (result == 0) {
        noteWrite(ip, iocb);
      }
      written = result != 0 ? result : IomapBuffered.write(current, ip, iocb, from, XfsIomap.OPS);
    } finally {
      ip.iRwsem.upWrite();
    }
    return IomapBuffered.writeSync(current, iocb, written);
  }

  /**
   * Checks a write, moves an appending one to the end of the file, zeroes the gap between the end
   * and the write, and removes set-ID bits. With iRwsem held exclusively. Returns 0 or a negative
   * errno.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_file.c",
      name = {"xfs_file_aio_write_checks", "xfs_zero_eof"})
  private static int prepareAlone(Task current, XfsInode ip, Kiocb iocb, IovIter from) {
    int result = Filemap.writeChecks(iocb, from);
    if (result != 0 || iocb.kiPos >= ip.maxBytes()) {
      return result != 0 ? result : -Errno.EFBIG;
    }
    from.truncate(ip.maxBytes() - iocb.kiPos);
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    int privs = Attr.removedPrivs(current, ip);
    boolean gap = iocb.kiPos > ip.size();
    if (nowait && (privs != 0 || gap)) {
      return -Errno.EAGAIN;
    }
    if (privs != 0) {
      result = XfsSetattr.removePrivs(current, ip, privs);
    }
    return result == 0 && gap ? XfsSetattr.zeroGap(current, ip, ip.size(), iocb.kiPos) : result;
  }

  private static void noteWrite(XfsInode ip, Kiocb iocb) {
    if (ip.core().sync()) {
      iocb.kiFlags |= Kiocb.IOCB_DSYNC;
    }
    ip.writeTime().update();
  }
}
