// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;

/**
 * The greatest heights of the trees, which bound free lists and transactions. A tree is highest if
 * all of its blocks are half full.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_compute_maxlevels")
final class MkfsLevels {
  /** What Linux once took for every group with reference counts, and what logs must still fit. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_space.h", name = "XFS_OLD_REFLINK_RMAP_MAXLEVELS")
  private static final int OLD_REFLINK_RMAP = 9;

  private static final int SHORT_HEADER = 56;
  private static final int LONG_HEADER = 72;
  private static final int INODES_PER_CHUNK_LOG = 6;
  private static final int BMBT_RECORD = 16;
  private static final int DATA_ROOT_RECORDS = 3;
  private static final int ATTR_ROOT_RECORDS = 2;

  final int alloc;
  final int inobt;
  final int refcount;

  /** The height that a tree of owners can reach in a group; 0 without it. */
  final int rmap;

  /** The height of it in the sizes of logs. */
  final int rmapOfLog;

  /** Of the extents of a file, and of its attributes. */
  final int bmapData;

  final int bmapAttr;

  MkfsLevels(int blockSize, long agBlocks, int aginoBits, MkfsFeatures features) {
    int room = blockSize - SHORT_HEADER;
    alloc = height((agBlocks + 1) / 2, room / 8 / 2, room / 12 / 2);
    inobt = height(1L << aginoBits >> INODES_PER_CHUNK_LOG, room / 16 / 2, room / 8 / 2);
    refcount = height(agBlocks, room / 12 / 2, room / 8 / 2);
    int owners = height(agBlocks, room / 24 / 2, room / 44 / 2);
    rmap =
        !features.rmapbt()
            ? 0
            : features.reflink() ? heightOfSpace(agBlocks, room / 44 / 2) : owners;
    rmapOfLog = !features.rmapbt() ? 0 : features.reflink() ? OLD_REFLINK_RMAP : owners;
    int records = (blockSize - LONG_HEADER) / BMBT_RECORD / 2;
    bmapData =
        bmapHeight(
            features.nrext64() ? (1L << 48) - 1 : (1L << 31) - 1, records, DATA_ROOT_RECORDS);
    bmapAttr =
        bmapHeight(
            features.nrext64() ? (1L << 32) - 1 : (1L << 15) - 1, records, ATTR_ROOT_RECORDS);
  }

  private static long howMany(long things, long each) {
    return (things + each - 1) / each;
  }

  private static int height(long records, int inLeaf, int inNode) {
    int height = 1;
    for (long blocks = howMany(records, inLeaf); blocks > 1; blocks = howMany(blocks, inNode)) {
      height++;
    }
    return height;
  }

  /** The height of a tree that fills a group: shared blocks may have any number of owners. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_space_to_height")
  private static int heightOfSpace(long blocks, int inNode) {
    long left = blocks - 1;
    int height = 1;
    for (long nodes = inNode; nodes < left; nodes *= inNode) {
      left -= nodes;
      height++;
    }
    return height;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_compute_maxlevels")
  private static int bmapHeight(long extents, int inBlock, int inRoot) {
    int height = 1;
    long blocks = howMany(extents, inBlock);
    while (blocks > 1) {
      blocks = blocks <= inRoot ? 1 : howMany(blocks, inBlock);
      height++;
    }
    return height;
  }
}
