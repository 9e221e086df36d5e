// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * Maps a position of a regular file. No block is allocated: a write to a hole or to an unwritten
 * block is EOPNOTSUPP.
 */
@LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_iomap_ops")
final class XfsIomap implements IomapOps {
  static final XfsIomap OPS = new XfsIomap();

  private XfsIomap() {}

  @Override
  @LinuxSource(
      file = "fs/xfs/xfs_iomap.c",
      name = {"xfs_file_iomap_begin", "xfs_bmbt_to_iomap"})
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    XfsInode ip = (XfsInode) inode;
    if (Debug.ON && (flags & (IOMAP_DIRECT | IOMAP_WRITE | IOMAP_REPORT)) != 0) { // else write-back
      LockOrder.mustHold(LockClass.I_RWSEM, ip.iRwsem, "iomapBegin");
    }
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
    if (Trace.on()) {
      traceFound(current, ip, pos, length, iomap);
    }
    boolean write = (flags & IOMAP_WRITE) != 0;
    return write && iomap.type() != Iomap.Type.MAPPED ? -Errno.EOPNOTSUPP : 0;
  }

  @LinuxSource(file = "fs/xfs/xfs_trace.h", name = "trace_xfs_iomap_found")
  private static void traceFound(Task current, XfsInode ip, long pos, long length, Iomap iomap) {
    int blockLog = ip.mp().sb().blockLog;
    boolean hole = iomap.type() == Iomap.Type.HOLE;
    Trace.event(
        TracePoint.XFS_IOMAP_FOUND,
        current,
        Trace.idOf(current),
        ip,
        ip.sb().dev(),
        ip.ino(),
        ip.size(),
        pos,
        length,
        iomap.offset() >> blockLog,
        hole ? -1 : iomap.addr() >> blockLog,
        iomap.length() >> blockLog);
  }

  /** Maps a position by the extents of a fork. */
  static void map(XfsInode ip, XfsExtents extents, long pos, Iomap iomap) {
    if (extents.inFirst(pos)) { // no search
      iomap.setMapped(
          extents.firstUnwritten(),
          extents.firstPos(),
          extents.firstBytes(),
          extents.firstAddr(),
          ip.mp().bdev());
      return;
    }
    XfsSb sb = ip.mp().sb();
    long block = pos >> sb.blockLog;
    int index = extents.find(block);
    if (index != XfsExtents.NONE) {
      long startOff = extents.startOff(index);
      long endOff = startOff + extents.blockCount(index);
      if (block < endOff) {
        long start = sb.toPos(startOff);
        long addr = sb.fsbToByte(extents.startBlock(index, startOff));
        iomap.setMapped(
            extents.unwritten(index), start, sb.toPos(endOff) - start, addr, ip.mp().bdev());
        return;
      }
    }
    long next =
        index + 1 < extents.count() ? sb.toPos(extents.startOff(index + 1)) : Long.MAX_VALUE;
    iomap.setHole(pos, next - pos);
  }
}
