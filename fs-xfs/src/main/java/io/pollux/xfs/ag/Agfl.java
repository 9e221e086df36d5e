// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.trans.XfsTrans;

/**
 * The free list of a group in a transaction: a ring of blocks for the trees of free space and of
 * owners.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_agfl")
final class Agfl {
  private final XfsAgs ags;
  private final XfsTrans tp;
  private final long agno;
  private final int slots;

  Agfl(XfsAgs ags, XfsTrans tp, long agno) {
    this.ags = ags;
    this.tp = tp;
    this.agno = agno;
    slots = XfsAgs.agflSlots(tp.sb());
  }

  /** Takes a block. {@code forTree}: it becomes a block of a tree. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_get_freelist")
  long take(boolean forTree) throws ErrnoException {
    BufData agf = check();
    long count = agf.u32(XfsAgf.FLCOUNT);
    if (count == 0) {
      throw new ErrnoException(Errno.ENOSPC, "group " + agno + " has no free blocks for its trees");
    }
    int first = agf.i32(XfsAgf.FLFIRST);
    BufData list = ags.agfl(tp, agno).data();
    long agbno = list.u32(XfsAgfl.BNO + 4 * first);
    if (agbno >= tp.sb().agSize(agno) || !tp.sb().extentValid(tp.sb().fsb(agno, agbno), 1)) {
      throw list.corrupt("block " + agbno + " is outside the group");
    }
    BufEdit edit = ags.agf(tp, agno).edit();
    edit.put32(XfsAgf.FLFIRST, next(first));
    edit.put32(XfsAgf.FLCOUNT, (int) count - 1);
    if (forTree) {
      edit.put32(XfsAgf.BTREEBLKS, edit.i32(XfsAgf.BTREEBLKS) + 1);
    }
    return agbno;
  }

  /** Adds a block. {@code fromTree}: it was a block of a tree. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_put_freelist")
  void put(long agbno, boolean fromTree) throws ErrnoException {
    BufData agf = check();
    long count = agf.u32(XfsAgf.FLCOUNT);
    if (count == slots) {
      throw agf.corrupt("its free list is full");
    }
    int last = next(agf.i32(XfsAgf.FLLAST));
    ags.agfl(tp, agno).edit().put32(XfsAgfl.BNO + 4 * last, (int) agbno);
    BufEdit edit = ags.agf(tp, agno).edit();
    edit.put32(XfsAgf.FLLAST, last);
    edit.put32(XfsAgf.FLCOUNT, (int) count + 1);
    if (fromTree) {
      if (edit.u32(XfsAgf.BTREEBLKS) == 0) {
        throw agf.corrupt("more blocks leave its trees than they have");
      }
      edit.put32(XfsAgf.BTREEBLKS, edit.i32(XfsAgf.BTREEBLKS) - 1);
    }
  }

  private int next(int slot) {
    return slot + 1 < slots ? slot + 1 : 0;
  }

  /** The header, whose first and last slot agree with the length of the list. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agfl_needs_reset")
  private BufData check() throws ErrnoException {
    BufData agf = ags.agf(tp, agno).data();
    long between = agf.u32(XfsAgf.FLLAST) - agf.u32(XfsAgf.FLFIRST) + 1;
    if (Math.floorMod(between - agf.u32(XfsAgf.FLCOUNT), slots) != 0) {
      throw agf.corrupt("its free list has another length than it says");
    }
    return agf;
  }
}
