// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;
import java.util.function.Supplier;

/** Reads blocks of directories. A block may be in several pieces on disk. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = {"xfs_da_read_buf", "xfs_dabuf_map"})
final class XfsDaBuf {
  private XfsDaBuf() {}

  /**
   * Reads a directory block. From process context.
   *
   * @param current the calling task
   * @param dp the directory
   * @param dablk the block
   * @param type its verifier; always the same for a dablk
   * @param ownerAt offset of the owner in the block
   * @return the block, whose owner is the directory
   * @throws ErrnoException EUCLEAN if it is missing or damaged, or the device's error
   */
  static BufData read(Task current, XfsInode dp, long dablk, BufOps type, int ownerAt) throws ErrnoException {
    Supplier<String> what = () -> dp.what() + ", directory block " + dablk;
    XfsDaGeometry geo = dp.mp().dirGeo();
    XfsExtents extents = dp.extents(current);
    int first = mapped(extents, dablk, what);
    BufData block;
    if (extents.endOff(first) - dablk >= geo.fsbCount) {
      block = dp.mp().bufs().readData(current, position(dp, extents, first, dablk), geo.blkSize, type, what);
    } else {
      Buf buf = dp.mp().bufs().readPieces(current, pieces(dp, extents, dablk, what), type, what);
      block = buf.data();
      buf.release();
    }
    XfsVerify.checkOwner(block, ownerAt, dp.ino());
    return block;
  }

  /** The extent that covers a block of the directory. */
  private static int mapped(XfsExtents extents, long off, Supplier<String> what) throws ErrnoException {
    int index = extents.find(off);
    if (index == XfsExtents.NONE || off >= extents.endOff(index) || extents.unwritten(index)) {
      throw XfsError.corrupt(what.get() + ": is missing");
    }
    return index;
  }

  private static long position(XfsInode dp, XfsExtents extents, int index, long off) {
    return dp.mp().sb().fsbToByte(extents.startBlock(index) + off - extents.startOff(index));
  }

  /** Positions and lengths of the pieces of a directory block, alternating. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_buf_map_from_irec")
  private static long[] pieces(XfsInode dp, XfsExtents extents, long dablk, Supplier<String> what)
      throws ErrnoException {
    int blockLog = dp.mp().sb().blockLog;
    long end = dablk + dp.mp().dirGeo().fsbCount;
    long[] pieces = new long[2 * dp.mp().dirGeo().fsbCount];
    int count = 0;
    long off = dablk;
    while (off < end) { // each step advances by at least one block
      int index = mapped(extents, off, what);
      long run = Math.min(end, extents.endOff(index)) - off;
      pieces[count++] = position(dp, extents, index, off);
      pieces[count++] = run << blockLog;
      off += run;
    }
    return Arrays.copyOf(pieces, count);
  }
}
