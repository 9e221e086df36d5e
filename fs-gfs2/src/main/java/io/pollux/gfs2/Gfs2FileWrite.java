// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapBuffered;
import io.pollux.iomap.IomapDio;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Writes regular files in place: to blocks that are allocated, inside the file's size. Direct
 * writes hold the inode's glock in the deferred state, buffered writes hold it in the exclusive
 * state. As with reads, a direct write holds the glock while it is submitted, not until it
 * completes.
 *
 * <p>A write stops before the first byte that is in a hole or beyond the end of the file. If that
 * is the first byte, it fails with EOPNOTSUPP. It also does if the file's data goes through the
 * journal, or if it would have to remove the file's set-user-ID or set-group-ID bit. A direct write
 * whose data is inside a block of metadata goes through the page cache.
 *
 * <p>In C writes to a file are serialized. Here direct writes, which allocate nothing, hold iRwsem
 * shared, parts of blocks too: the glock keeps out all tasks that would change the rest of the
 * block.
 */
final class Gfs2FileWrite {
  private Gfs2FileWrite() {}

  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_write_iter")
  static long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    Gfs2Inode ip = (Gfs2Inode) iocb.file().inode();
    int checked = Filemap.writeChecks(iocb, from); // no lock: the size does not change
    if (checked != 0) {
      return checked;
    }
    if (!iocb.has(Kiocb.IOCB_DIRECT)) {
      return bufferedWrite(current, ip, iocb, from);
    }
    long result = directWrite(current, ip, iocb, from);
    return result == -Errno.ENOTBLK ? fallBack(current, ip, iocb, from) : result;
  }

  /**
   * Writes through the page cache what direct I/O can't, then writes the range back and drops its
   * pages.
   */
  private static long fallBack(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
    iocb.kiFlags &= ~Kiocb.IOCB_DIRECT;
    long written = bufferedWrite(current, ip, iocb, from);
    if (written <= 0) {
      return written;
    }
    long end = iocb.kiPos;
    int result = ip.mapping().writeAndWaitRange(current, end - written, end - 1);
    ip.mapping().invalidateRange(end - written, end - 1);
    return result != 0 ? result : written;
  }

  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_direct_write")
  private static long directWrite(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
    BlockDevice bdev = ip.sdp().bdev();
    int sectorMask = bdev.queue().logicalBlockSize() - 1;
    if (((iocb.kiPos | from.count()) & sectorMask) != 0) {
      return -Errno.EINVAL;
    }
    long room = (ip.size() - iocb.kiPos) & ~(long) sectorMask;
    if (room <= 0) {
      return -Errno.EOPNOTSUPP;
    }
    from.truncate(room);
    if (!ip.iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return directWriteLocked(current, ip, iocb, from);
    } finally {
      ip.iRwsem.upRead();
    }
  }

  private static long directWriteLocked(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
    Gfs2Glock gl = ip.glock();
    long result = gl.hold(current, LmState.DEFERRED);
    if (result != 0) {
      return result;
    }
    try {
      result = fileModified(current, ip, iocb);
      return result != 0
          ? result
          : IomapDio.rw(current, ip, iocb, from, Gfs2Iomap.OPS, null); // iocb may be freed after it
    } finally {
      gl.letGo(current);
    }
  }

  @LinuxSource(file = "fs/gfs2/bmap.c", name = "gfs2_write_lock")
  private static long bufferedWrite(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
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
      written = writePagesLocked(current, ip, iocb, from);
    } finally {
      ip.iRwsem.upWrite();
    }
    return IomapBuffered.writeSync(current, iocb, written);
  }

  private static long writePagesLocked(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
    Gfs2Holder gh = Gfs2Holder.alloc(current, ip.glock(), LmState.EXCLUSIVE, 0);
    try {
      int result = ip.glock().nq(current, gh);
      if (result != 0) {
        return result;
      }
      try {
        return writePages(current, ip, iocb, from);
      } finally {
        ip.glock().dq(current, gh);
      }
    } finally {
      gh.uninit();
    }
  }

  private static long writePages(Task current, Gfs2Inode ip, Kiocb iocb, IovIter from) {
    int result = fileModified(current, ip, iocb);
    if (result != 0) {
      return result;
    }
    return ip.dinode().stuffed()
        ? Filemap.write(current, iocb, from, ip.mapping())
        : IomapBuffered.write(current, ip, iocb, from, Gfs2Iomap.OPS);
  }

  /** Checks whether the file may change, and records the time. Returns 0 or a negative errno. */
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_update_time")
  private static int fileModified(Task current, Gfs2Inode ip, Kiocb iocb) {
    if (ip.dinode().jdata() || ip.shouldRemoveSuid(current)) {
      return -Errno.EOPNOTSUPP;
    }
    if (ip.dinode().sync()) {
      iocb.kiFlags |= Kiocb.IOCB_DSYNC;
    }
    ip.writeTime().update();
    return 0;
  }
}
