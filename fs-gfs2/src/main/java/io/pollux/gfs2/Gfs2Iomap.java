// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Maps a position of a regular file. A write gets the same mapping, since no block is allocated.
 * The caller holds the file's glock.
 */
@LinuxSource(file = "fs/gfs2/bmap.c", name = "gfs2_iomap_ops")
final class Gfs2Iomap implements IomapOps {
  static final Gfs2Iomap OPS = new Gfs2Iomap();

  private Gfs2Iomap() {}

  /**
   * {@inheritDoc} Also returns -ENOTBLK for direct I/O that has to go through the page cache
   * instead.
   */
  @Override
  @LinuxSource(
      file = "fs/gfs2/bmap.c",
      name = {"gfs2_iomap_begin", "gfs2_iomap_get", "gfs2_stuffed_iomap"})
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    Gfs2Inode ip = (Gfs2Inode) inode;
    if (!Trace.on()) {
      return map(current, ip, pos, flags, iomap);
    }
    Gfs2Trace.iomapStart(current, ip, pos, length, flags);
    int result = map(current, ip, pos, flags, iomap);
    Gfs2Trace.iomapEnd(current, ip, iomap, result);
    return result;
  }

  private static int map(Task current, Gfs2Inode ip, long pos, int flags, Iomap iomap) {
    if (Debug.ON && (flags & (IOMAP_DIRECT | IOMAP_WRITE | IOMAP_REPORT)) != 0) { // else write-back
      LockOrder.mustHold(LockClass.GFS2_INODE_GLOCK, ip.glock(), "iomapBegin");
    }
    boolean write = (flags & IOMAP_WRITE) != 0;
    if (write && ip.sdp().readOnly()) {
      return -Errno.EROFS;
    }
    Gfs2ExtentCache cache = ip.extentCache();
    if (cache == null) {
      if ((flags & IOMAP_REPORT) != 0) {
        if (pos >= ip.size()) {
          return -Errno.ENOENT;
        }
        long addr = (ip.ino() << ip.sdp().sb().blockLog) + Gfs2Sb.DINODE_BYTES;
        // only reported: the block with the data is not in memory
        iomap.setInline(0, ip.size(), addr);
        return 0;
      }
      return -Errno.ENOTBLK; // its data is inside a block of metadata
    }
    int blockLog = cache.blockLog;
    long fileBlock = pos >> blockLog;
    Gfs2Extents extents = cache.find(fileBlock);
    if (extents == null) {
      try {
        extents = Gfs2Bmap.map(current, ip, fileBlock);
      } catch (ErrnoException e) {
        return -e.errno();
      }
    }
    int run = extents.find(fileBlock);
    long start = extents.startOff(run) << blockLog;
    long bytes = toByte(extents.endOff(run), blockLog) - start;
    long block = extents.startBlock(run);
    if (block == Gfs2Extents.HOLE) {
      if (write && (flags & IOMAP_DIRECT) != 0) {
        return -Errno.ENOTBLK; // a block would have to be allocated
      }
      if ((flags & IOMAP_REPORT) != 0 && pos >= ip.size()) {
        return -Errno.ENOENT; // as in Linux, whatever follows
      }
      if (write) {
        return -Errno.EOPNOTSUPP; // blocks can't be allocated yet
      }
      iomap.setHole(start, bytes);
    } else {
      iomap.setMapped(false, start, bytes, block << blockLog, ip.sdp().bdev());
      iomap.setFlags(Iomap.IOMAP_F_MERGED);
    }
    return 0;
  }

  /** Converts blocks to bytes, at most to Long.MAX_VALUE, the last position of a file. */
  private static long toByte(long blocks, int blockLog) {
    return blocks >> (63 - blockLog) != 0 ? Long.MAX_VALUE : blocks << blockLog;
  }
}
