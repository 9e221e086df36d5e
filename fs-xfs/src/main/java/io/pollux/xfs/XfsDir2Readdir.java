// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.uapi.LinuxSource;

/**
 * Lists directories of every form. A position is the dataptr of the next entry, so changes of
 * earlier entries leave it valid.
 */
@LinuxSource(file = "fs/xfs/xfs_dir2_readdir.c", name = "xfs_readdir")
final class XfsDir2Readdir {
  private static final long MAX_DATAPTR = 0xffff_ffffL;

  private XfsDir2Readdir() {}

  /**
   * Lists from context.pos on, until the context is full or the directory is complete. From process
   * context.
   *
   * @param current the calling task
   * @param dp the directory
   * @param context takes the entries
   * @throws ErrnoException EUCLEAN at the first damage, after everything before it was emitted; or
   *     the device's error
   */
  static void list(Task current, XfsInode dp, DirContext context) throws ErrnoException {
    if (context.pos() < 0 || context.pos() > MAX_DATAPTR) {
      return;
    }
    if (dp.format() == XfsInodeBuf.Format.LOCAL) {
      XfsDir2Sf.list(dp, context);
      return;
    }
    listBlocks(current, dp, context);
  }

  @LinuxSource(
      file = "fs/xfs/xfs_dir2_readdir.c",
      name = {"xfs_dir2_leaf_getdents", "xfs_dir2_block_getdents"})
  private static void listBlocks(Task current, XfsInode dp, DirContext context)
      throws ErrnoException {
    XfsDaGeometry geo = dp.mp().dirGeo();
    XfsExtentMap extents = dp.extents(current);
    boolean blockForm = XfsDir2.isBlock(current, dp);
    long dablk = geo.dataptrToDablk(context.pos());
    while (true) { // each step advances by a block; the index is the limit
      long mapped = extents.nextMapped(dablk);
      if (mapped < 0 || mapped >= geo.leafBlk) {
        return;
      }
      dablk = Math.max(dablk, mapped & -geo.fsbCount);
      BufData buf = XfsDir2Data.read(current, dp, dablk, blockForm);
      if (!listBlock(dp, buf, dablk, context)) {
        return;
      }
      dablk += geo.fsbCount;
    }
  }

  /** Emits the entries of one block. Returns false if the context is full. */
  private static boolean listBlock(XfsInode dp, BufData buf, long dablk, DirContext context)
      throws ErrnoException {
    XfsDaGeometry geo = dp.mp().dirGeo();
    int end = XfsDir2Data.end(buf);
    int off = XfsDir2Data.FIRST_OFFSET;
    while (off < end) { // the block was verified: each step advances
      int size = XfsDir2Data.size(dp.mp().sb(), buf, off);
      long dataptr = geo.toDataptr(dablk, off);
      if (!XfsDir2Data.isFree(buf, off) && dataptr >= context.pos()) {
        byte[] name = XfsDir2.checkName(dp, XfsDir2Data.name(buf, off));
        int type = XfsDir2.dtype(XfsDir2Data.ftype(dp, buf, off));
        if (!context.emit(name, XfsDir2Data.ino(buf, off), type, dataptr + (size >> 3))) {
          return false;
        }
      }
      off += size;
    }
    return true;
  }
}
