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
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapDioBatch;
import io.pollux.iomap.IomapDioEnd;
import io.pollux.iomap.IomapOps;
import io.pollux.iomap.IomapWritebackOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.XfsExtentMap.Rec;
import io.pollux.xfs.format.XfsSb;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Maps a position of a regular file, for reads, writes, write-back, and reports.
 *
 * <p>A write to a hole gets unwritten blocks, which are converted when the data is on the device
 * ({@code XfsIomapWrite}). So no read shows what a block held before. A write to shared blocks
 * first gets its own copies ({@code XfsReflink}).
 */
@LinuxSource(
    file = "fs/xfs/xfs_iomap.c",
    name = {"xfs_iomap_ops", "xfs_dio_write_ops"})
final class XfsIomap implements IomapOps, IomapWritebackOps, IomapDioEnd {
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
    XfsExtentMap extents = ip.extentsIfRead();
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
    if ((flags & (IOMAP_WRITE | IOMAP_ZERO)) == 0) {
      return 0;
    }
    boolean allocates = iomap.type() == Iomap.Type.HOLE && (flags & IOMAP_WRITE) != 0;
    boolean unshares = iomap.type() == Iomap.Type.MAPPED && ip.core().reflink();
    if (allocates || unshares) {
      if ((flags & IOMAP_NOWAIT) != 0) {
        return -Errno.EAGAIN;
      }
      long extent = iomap.offset() + iomap.length() - pos;
      int result =
          allocates
              ? XfsIomapWrite.allocate(current, ip, pos, length, (flags & IOMAP_DIRECT) != 0)
              : XfsReflink.unshare(current, ip, pos, extent, length);
      if (result != 0) {
        return result;
      }
      mapAgain(ip, pos, iomap);
      if (unshares) { // what follows may be shared, in the same extent
        clip(iomap, XfsReflink.unsharedEnd(ip, pos, extent, length), ip);
      }
    }
    if (iomap.type() == Iomap.Type.UNWRITTEN) {
      ip.mp().dioBatch().expect();
    }
    if (ip.mp().trans().pending(ip.lastCommit())) {
      iomap.setFlags(iomap.flags() | Iomap.IOMAP_F_DIRTY);
    }
    return 0;
  }

  private static void mapAgain(XfsInode ip, long pos, Iomap iomap) {
    XfsExtentMap extents = ip.extentsIfRead();
    assert extents != null : "extents were dropped";
    map(ip, extents, pos, iomap);
  }

  private static void clip(Iomap iomap, long end, XfsInode ip) {
    if (end < iomap.offset() + iomap.length()) {
      boolean unwritten = iomap.type() == Iomap.Type.UNWRITTEN;
      long bytes = end - iomap.offset();
      iomap.setMapped(unwritten, iomap.offset(), bytes, iomap.addr(), ip.mp().bdev());
    }
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_map_blocks")
  public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return iomapBegin(current, inode, pos, length, 0, iomap);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_end_io")
  public int endIoend(
      Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
    XfsInode ip = (XfsInode) inode;
    return error != 0
        ? 0
        : XfsIomapWrite.finish(
            current, ip, pos, length, unwritten, Math.min(ip.size(), pos + length));
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_dio_write_end_io")
  public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
    if (error != 0 || bytes == 0) {
      return 0;
    }
    XfsInode ip = (XfsInode) iocb.file().inode();
    long end = iocb.kiPos + bytes;
    boolean unwritten = (flags & IOMAP_DIO_UNWRITTEN) != 0;
    if (!unwritten && end <= ip.size()) {
      return 0;
    }
    int result =
        XfsIomapWrite.finish(
            Objects.requireNonNull(current), ip, iocb.kiPos, bytes, unwritten, end);
    if (result == 0) {
      ip.growSize(end);
    }
    return result;
  }

  @Override
  public IomapDioBatch batch(Kiocb iocb) {
    return ((XfsInode) iocb.file().inode()).mp().dioBatch();
  }

  @Override
  public boolean sleeps(Kiocb iocb, long bytes, int error, int flags) {
    return error == 0
        && ((flags & IOMAP_DIO_UNWRITTEN) != 0 || iocb.kiPos + bytes > iocb.file().inode().size());
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
  static void map(XfsInode ip, XfsExtentMap extents, long pos, Iomap iomap) {
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
    if (extents instanceof XfsExtentTree tree && mapLeaf(ip, tree.leaf(block), pos, iomap)) {
      return;
    }
    int index = extents.find(block);
    if (index != XfsExtentMap.NONE) {
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

  /**
   * Maps a position from one leaf, so that the caller descends the tree once. Returns false if the
   * mapping needs another leaf.
   */
  private static boolean mapLeaf(XfsInode ip, XfsExtentNode.Leaf leaf, long pos, Iomap iomap) {
    XfsSb sb = ip.mp().sb();
    long block = pos >> sb.blockLog;
    int at = leaf.count() == 0 ? 0 : leaf.find(block);
    if (leaf.count() == 0 || Rec.off(leaf.first(at)) > block) {
      return false;
    }
    long startOff = Rec.off(leaf.first(at));
    long end = startOff + Rec.count(leaf.second(at));
    if (block < end) {
      boolean unwritten = Rec.isUnwritten(leaf.first(at));
      long start = sb.toPos(startOff);
      long addr = sb.fsbToByte(Rec.block(leaf.first(at), leaf.second(at)));
      iomap.setMapped(unwritten, start, sb.toPos(end) - start, addr, ip.mp().bdev());
      return true;
    }
    if (at + 1 == leaf.count()) {
      return false;
    }
    iomap.setHole(pos, sb.toPos(Rec.off(leaf.first(at + 1))) - pos);
    return true;
  }
}
