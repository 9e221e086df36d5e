// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.Arrays;
import java.util.function.Supplier;

/** Reads blocks of directories. A block may be in several pieces on disk. */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_da_btree.c",
    name = {"xfs_da_read_buf", "xfs_dabuf_map"})
final class XfsDaBuf {
  private static final long IN_PIECES = -1;

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
  static BufData read(Task current, XfsInode dp, long dablk, BufOps type, int ownerAt)
      throws ErrnoException {
    Supplier<String> what = () -> dp.what() + ", directory block " + dablk;
    XfsMount mp = dp.mp();
    XfsExtentMap extents = dp.extents(current);
    long position = inOnePiece(mp, extents, dablk, what);
    BufData block;
    if (position != IN_PIECES) {
      block = mp.bufs().readData(current, position, mp.dirGeo().blkSize, type, what);
    } else {
      Buf buf = mp.bufs().readPieces(current, pieces(mp, extents, dablk, what), type, what);
      block = buf.data();
      buf.release();
    }
    XfsVerify.checkOwner(block, ownerAt, dp.ino());
    return block;
  }

  /** Where a block is on the device, if one extent has all of it, or IN_PIECES. */
  private static long inOnePiece(
      XfsMount mp, XfsExtentMap extents, long dablk, Supplier<String> what) throws ErrnoException {
    XfsSb sb = mp.sb();
    long inFirst = (dablk << sb.blockLog) - extents.firstPos();
    if (inFirst >= 0
        && extents.firstBytes() - inFirst >= mp.dirGeo().blkSize
        && !extents.firstUnwritten()) {
      return extents.firstAddr() + inFirst; // without looking for it
    }
    int index = mapped(extents, dablk, what);
    long start = extents.startOff(index);
    boolean one = start + extents.blockCount(index) - dablk >= mp.dirGeo().fsbCount;
    return one ? sb.fsbToByte(extents.startBlock(index, start) + dablk - start) : IN_PIECES;
  }

  /** The extent that has a block of the directory. */
  private static int mapped(XfsExtentMap extents, long off, Supplier<String> what)
      throws ErrnoException {
    int index = extents.find(off);
    if (index == XfsExtentMap.NONE || off >= extents.endOff(index) || extents.unwritten(index)) {
      throw XfsError.corrupt(what.get() + ": is missing");
    }
    return index;
  }

  /** Positions and lengths of the pieces of a directory block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_buf_map_from_irec")
  private static long[] pieces(XfsMount mp, XfsExtentMap extents, long dablk, Supplier<String> what)
      throws ErrnoException {
    XfsSb sb = mp.sb();
    long end = dablk + mp.dirGeo().fsbCount;
    long[] pieces = new long[2 * mp.dirGeo().fsbCount];
    int count = 0;
    long off = dablk;
    while (off < end) { // each step advances by at least one block
      int index = mapped(extents, off, what);
      long run = Math.min(end, extents.endOff(index)) - off;
      pieces[count++] = sb.fsbToByte(extents.startBlock(index) + off - extents.startOff(index));
      pieces[count++] = run << sb.blockLog;
      off += run;
    }
    return Arrays.copyOf(pieces, count);
  }
}
