// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/** Reads blocks of directories, which may lie in several pieces on disk. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = {"xfs_da_read_buf", "xfs_dabuf_map"})
final class XfsDaBuf {
  /** Checks a block that was just read. */
  interface Verifier {
    void verify(XfsInode dp, XfsBuf buf) throws ErrnoException;
  }

  private XfsDaBuf() {}

  /**
   * Reads a directory block. From process context.
   *
   * @param current the calling task
   * @param dp the directory
   * @param dablk which block of it
   * @param verifier what it has to be; always the same for a place
   * @return the block, verified
   * @throws ErrnoException EUCLEAN if it is not there or not good, or the device's error
   */
  static XfsBuf read(Task current, XfsInode dp, long dablk, Verifier verifier) throws ErrnoException {
    XfsBuftarg target = dp.mp().target();
    XfsBuf cached = target.cached(dp.ino(), dablk);
    if (cached != null) {
      return cached;
    }
    XfsBuf buf = assemble(current, dp, dablk);
    verifier.verify(dp, buf);
    target.keep(dp.ino(), dablk, buf);
    return buf;
  }

  private static XfsBuf assemble(Task current, XfsInode dp, long dablk) throws ErrnoException {
    XfsSb sb = dp.mp().sb();
    XfsDaGeometry geo = dp.mp().dirGeo();
    XfsExtents extents = dp.extents(current);
    String what = dp.what() + ", directory block " + dablk;
    byte[] bytes = new byte[geo.blkSize];
    long daddr = 0;
    int done = 0; // in filesystem blocks
    while (done < geo.fsbCount) {
      long off = dablk + done;
      int index = extents.find(off);
      if (index == XfsExtents.NONE || off >= extents.endOff(index) || extents.unwritten(index)) {
        throw XfsError.corrupt(what + ": is missing");
      }
      int run = (int) Math.min(geo.fsbCount - done, extents.endOff(index) - off);
      long position = sb.fsbToByte(extents.startBlock(index) + off - extents.startOff(index));
      if (done == 0) {
        daddr = position >> 9;
      }
      dp.mp().target().readInto(current, position, bytes, done << sb.blockLog, run << sb.blockLog, what);
      done += run;
    }
    return new XfsBuf(bytes, daddr, what);
  }
}
