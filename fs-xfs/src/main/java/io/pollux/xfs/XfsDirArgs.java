// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;

/** One operation on a name of a directory, in a transaction. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.h", name = "xfs_da_args")
final class XfsDirArgs {
  final XfsInodeEdit dp;
  final XfsDaFork da;
  final XfsDaGeometry geo;
  final XfsSb sb;
  final byte[] name;
  final int hash;
  final long ino;
  final int ftype; // as on disk

  XfsDirArgs(XfsInodeEdit dp, byte[] name, long ino, int ftype) {
    this.dp = dp;
    this.name = name;
    this.ino = ino;
    this.ftype = ftype;
    da = XfsDaFork.directory(dp);
    geo = dp.mp().dirGeo();
    sb = dp.mp().sb();
    hash = XfsDaEntries.hashName(name);
  }

  /** Bytes of the entry in a block. */
  int entrySize() {
    return XfsDir2Data.entrySize(sb, name.length);
  }

  /** The dablk of a block of entries, by its number. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_db_to_da")
  long dablk(long db) {
    return db * geo.fsbCount;
  }

  /** The number of a block of entries. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_da_to_db")
  int db(long dablk) {
    return (int) (dablk / geo.fsbCount);
  }

  BufOps dirFree() {
    return dp.mp().verifiers().dirFree();
  }

  TransBuf readIndex(long dablk) throws ErrnoException {
    return da.read(dablk, dp.mp().verifiers().daNode(), XfsDaTree.OWNER);
  }

  // The size of the directory.

  /**
   * Allocates a block of entries at the first unused number.
   *
   * @return its dablk
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_grow_inode")
  long growData() throws ErrnoException {
    long dablk = da.grow(0, geo.leafBlk);
    dp.setSize(Math.max(dp.size(), (dablk + geo.fsbCount) << sb.blockLog));
    return dablk;
  }

  /** Frees a block of entries, and takes it off the size if it is the last one. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_shrink_inode")
  void shrinkData(long dablk, TransBuf buf) throws ErrnoException {
    da.free(dablk, buf);
    if (dp.size() > (dablk + geo.fsbCount) << sb.blockLog) {
      return;
    }
    XfsExtentMap map = dp.data().map();
    int last = map.find(dablk);
    dp.setSize(last == XfsExtentMap.NONE ? 0 : map.endOff(last) << sb.blockLog);
  }

  // The form.

  boolean isShort() throws ErrnoException {
    return dp.data().format() == XfsDinode.FMT_LOCAL;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_isblock")
  boolean isBlock() throws ErrnoException {
    return dp.data().map().lastOffset() == geo.fsbCount;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_isleaf")
  boolean isLeaf() throws ErrnoException {
    return dp.data().map().lastOffset() == geo.leafBlk + geo.fsbCount;
  }
}
