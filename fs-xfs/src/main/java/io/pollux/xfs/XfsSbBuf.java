// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransMount;

/**
 * The changes of the superblock: the counters, which are stored at freeze and unmount, and the
 * version's bit for extended attributes. After a crash, the counters are summed from the groups.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_sb.c",
    name = {"xfs_log_sb", "xfs_sync_sb"})
final class XfsSbBuf {
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_SB_VERSION_ATTRBIT")
  private static final int VERSION_ATTR = 0x10;

  private final XfsSb sb;
  private final BufOps ops;

  XfsSbBuf(XfsSb sb) {
    this.sb = sb;
    ops =
        new XfsBufOps("xfs_sb", sb, XfsDsb.CRC, XfsDsb.LSN, XfsLogType.SB_BUF, (same, data) -> {});
  }

  private TransBuf read(XfsTrans tp) throws ErrnoException {
    return tp.read(0, sb.sectSize, ops, () -> "superblock");
  }

  /** Sets the version's bit for extended attributes, in a transaction that adds some. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_bmap.c",
      name = {"xfs_bmap_add_attrfork", "xfs_add_attr"})
  void addAttributes(XfsTrans tp) throws ErrnoException {
    TransBuf buf = read(tp);
    int version = buf.data().u16(XfsDsb.VERSIONNUM);
    if ((version & VERSION_ATTR) == 0) {
      buf.edit().put16(XfsDsb.VERSIONNUM, version | VERSION_ATTR);
    }
  }

  /**
   * Stores the counters. From process context.
   *
   * @param current the calling task
   * @param counters the counters
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_mount.c", name = "xfs_log_sbcount")
  int storeCounters(Task current, XfsTransMount counters) {
    try (XfsTrans tp = counters.begin(current, 0)) {
      TransBuf buf = read(tp);
      if (buf.data().i64(XfsDsb.ICOUNT) != counters.icount()
          || buf.data().i64(XfsDsb.IFREE) != counters.ifree()
          || buf.data().i64(XfsDsb.FDBLOCKS) != counters.fdblocks()) {
        BufEdit edit = buf.edit();
        edit.put64(XfsDsb.ICOUNT, counters.icount());
        edit.put64(XfsDsb.IFREE, counters.ifree());
        edit.put64(XfsDsb.FDBLOCKS, counters.fdblocks());
        tp.commit();
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }
}
