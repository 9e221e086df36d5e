// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapFiemap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * Reports the extents of a regular file, or of its extended attributes. An extent that other files
 * share in part is reported in parts.
 *
 * <p>Extended attributes inside the inode are not reported, as in Linux. If their extents fill a
 * tree, the call fails with EOPNOTSUPP.
 */
final class XfsFiemap {
  private XfsFiemap() {}

  /**
   * Reports extents. From process context.
   *
   * @param current the calling task
   * @param ip the file
   * @param fieinfo the request
   * @param start first byte, not negative
   * @param length bytes; start + length does not overflow
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_fiemap")
  static int fiemap(Task current, XfsInode ip, FiemapExtentInfo fieinfo, long start, long length) {
    int blockSize = 1 << ip.mp().sb().blockLog;
    ip.iRwsem.downRead(current);
    try {
      boolean xattr = fieinfo.takeFlag(Fiemap.FIEMAP_FLAG_XATTR);
      IomapOps ops = xattr ? XfsFiemap::xattrBegin : new Shared(ip.mp());
      long most = Long.MAX_VALUE; // the extents are a finite list in memory
      return IomapFiemap.fiemap(current, ip, fieinfo, start, length, ops, blockSize, most);
    } finally {
      ip.iRwsem.upRead();
    }
  }

  @LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_xattr_iomap_begin")
  private static int xattrBegin(
      Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    XfsInode ip = (XfsInode) inode;
    if (ip.core().anextents() == 0) {
      return -Errno.ENOENT;
    }
    try {
      XfsIomap.map(ip, ip.attrExtents(current), pos, iomap);
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  /** Splits extents where the sharing of blocks begins or stops. */
  private static final class Shared implements IomapOps {
    private final XfsRefcount refcount;

    Shared(XfsMount mp) {
      refcount = new XfsRefcount(mp);
    }

    @Override
    public int iomapBegin(
        Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
      XfsInode ip = (XfsInode) inode;
      int result = XfsIomap.OPS.iomapBegin(current, ip, pos, length, flags, iomap);
      if (result == 0 && ip.core().reflink() && iomap.type() == Iomap.Type.MAPPED) {
        try {
          trim(current, ip, pos, length, iomap);
        } catch (ErrnoException e) {
          return -e.errno();
        }
      }
      return result;
    }

    @LinuxSource(file = "fs/xfs/xfs_reflink.c", name = "xfs_reflink_trim_around_shared")
    private void trim(Task current, XfsInode ip, long pos, long length, Iomap iomap)
        throws ErrnoException {
      XfsSb sb = ip.mp().sb();
      int log = sb.blockLog;
      long extentStart = iomap.offset() >> log;
      long first = pos >> log;
      long behind =
          Math.min((iomap.offset() + iomap.length() - 1) >> log, (pos + length - 1) >> log) + 1;
      long block = (iomap.addr() >> log) + (first - extentStart);
      long agbno = block % sb.agBlocks;
      refcount.findShared(current, block / sb.agBlocks, agbno, agbno + (behind - first));
      boolean shared = refcount.sharedStart() == agbno;
      if (refcount.sharedStart() != XfsRefcount.NONE) {
        behind = first + (shared ? refcount.sharedEnd() : refcount.sharedStart()) - agbno;
      }
      iomap.setMapped(false, first << log, (behind - first) << log, block << log, ip.mp().bdev());
      iomap.setFlags(shared ? Iomap.IOMAP_F_SHARED : 0);
    }
  }
}
