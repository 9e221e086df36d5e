// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/** Frees what buffered writes preallocated behind the end of a file. */
@LinuxSource(file = "fs/xfs/xfs_bmap_util.c", name = "xfs_free_eofblocks")
final class XfsEofblocks {
  private XfsEofblocks() {}

  /** Frees the blocks at a close, unless the file is busy: then the next close does it. */
  static void release(Task current, XfsInode ip) {
    if (!mayHave(ip) || !ip.iRwsem.downWriteTrylock()) {
      return;
    }
    try {
      free(current, ip);
    } catch (ErrnoException e) {
      // the blocks stay behind the end, out of sight, until the next close
    } finally {
      ip.iRwsem.upWrite();
    }
  }

  /** Frees the blocks. With iRwsem held exclusively, or at unmount. */
  static void free(Task current, XfsInode ip) throws ErrnoException {
    if (mayHave(ip) && ip.dioCount() == 0) {
      XfsSetattr.freeFrom(current, ip, ip.size());
    }
  }

  /** Whether blocks are known to be behind the end, and are not there on purpose. */
  @LinuxSource(file = "fs/xfs/xfs_bmap_util.c", name = "xfs_can_free_eofblocks")
  private static boolean mayHave(XfsInode ip) {
    XfsExtentMap extents = ip.extentsIfRead();
    XfsInodeBuf.Core core = ip.core();
    return extents != null
        && !ip.mp().readOnly()
        && !core.prealloc()
        && !core.append()
        && core.nlink() > 0
        && extents.lastOffset() > XfsIomapWrite.blocksTo(ip.mp().sb(), ip.size());
  }
}
