// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/** Tells what is behind a position of a regular file, and the same to who writes: blocks are not allocated. */
@LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_iomap_ops")
final class XfsIomap implements IomapOps {
  static final XfsIomap OPS = new XfsIomap();

  private XfsIomap() {}

  @Override
  @LinuxSource(file = "fs/xfs/xfs_iomap.c", name = {"xfs_file_iomap_begin", "xfs_bmbt_to_iomap"})
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    XfsInode ip = (XfsInode) inode;
    if ((flags & IOMAP_WRITE) != 0 && ip.mp().readOnly()) {
      return -Errno.EROFS;
    }
    XfsExtents extents = ip.extentsIfRead();
    if (extents == null) {
      if ((flags & IOMAP_NOWAIT) != 0) {
        return -Errno.EAGAIN; // reading them sleeps
      }
      try {
        extents = ip.extents(current);
      } catch (ErrnoException e) {
        return -e.errno();
      }
    }
    map(ip, extents, pos, iomap);
    return 0;
  }

  private static void map(XfsInode ip, XfsExtents extents, long pos, Iomap iomap) {
    int blockLog = ip.mp().sb().blockLog;
    long block = pos >> blockLog;
    if (extents.inFirst(block)) { // without looking for it
      setMapped(ip, extents.firstOff(), extents.firstEnd(), extents.firstBlock(), extents.firstUnwritten(), iomap);
      return;
    }
    int index = extents.find(block);
    if (index != XfsExtents.NONE) {
      long start = extents.startOff(index);
      long end = start + extents.blockCount(index);
      if (block < end) {
        setMapped(ip, start, end, extents.startBlock(index, start), extents.unwritten(index), iomap);
        return;
      }
    }
    long next = index + 1 < extents.count() ? toByte(extents.startOff(index + 1), blockLog) : Long.MAX_VALUE;
    iomap.setHole(pos, next - pos);
  }

  private static void setMapped(
      XfsInode ip, long startOff, long endOff, long startBlock, boolean unwritten, Iomap iomap) {
    XfsSb sb = ip.mp().sb();
    long start = startOff << sb.blockLog;
    iomap.setMapped(unwritten, start, toByte(endOff, sb.blockLog) - start, sb.fsbToByte(startBlock), ip.mp().bdev());
  }

  /** Blocks in bytes, or the last position there is if that is less: a file can't reach beyond it. */
  private static long toByte(long blocks, int blockLog) {
    return blocks >> (63 - blockLog) != 0 ? Long.MAX_VALUE : blocks << blockLog;
  }
}
