// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;

/**
 * The least size of a log that Linux mounts. Three of the largest transactions must fit, as large
 * as early versions of the format reserved them.
 *
 * <p>A transaction logs buffers, each with an overhead, and inodes. The sum is the reservation. A
 * transaction that commits in steps needs it for each step.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_rlimit.c", name = "xfs_log_calc_minimum_size")
final class MkfsLogSize {
  private static final int BB_BYTES = 512;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_resv.c", name = "xfs_buf_log_overhead")
  private static final int BUF_OVERHEAD = 128;

  @LinuxSource(file = "fs/xfs/xfs_quota.h", name = "XFS_DQUOT_LOGRES")
  private static final int DQUOTS = 6 * (24 + 104);

  private static final int OP_HEADER = 12;
  private static final int TRANS_HEADER = 16;
  private static final int INODE_FORMAT = 56;
  private static final int BMBT_HEADER = 72;
  private static final int RECORD_BYTES = 256 << 10;
  private static final int RECORD_HEADER = RECORD_BYTES / (32 << 10) * BB_BYTES;
  private static final int MAX_DEPTH = 5; // of the index of a directory or of attributes
  private static final int MAX_NAME = 255;
  private static final int SYMLINK_BYTES = 1024;
  private static final int MIN_LOG_FACTOR = 3;
  private static final int MIN_CLUSTER_BYTES = 8192;
  private static final int V2_INODE_BYTES = 256;
  private static final int SHARED_STEPS = 8; // of writing and truncating, with shared blocks
  private static final int STEPS = 2;
  private static final int NAME_STEPS = 3; // of mkdir, symlink and attributes

  private final MkfsGeometry geo;
  private final MkfsLevels levels;
  private final MkfsFeatures features;
  private final int block;
  private final int sector;
  private long longest; // reservation of the largest transaction, with its steps
  private long unit; // and without
  private int steps;

  private MkfsLogSize(MkfsGeometry geo, MkfsLevels levels) {
    this.geo = geo;
    this.levels = levels;
    features = geo.features;
    block = geo.blockSize;
    sector = geo.sectSize;
  }

  /**
   * Returns the least size.
   *
   * @param geo sizes and features
   * @param levels heights of the trees
   * @return blocks
   */
  static long least(MkfsGeometry geo, MkfsLevels levels) {
    MkfsLogSize size = new MkfsLogSize(geo, levels);
    size.transactions();
    size.attributes();
    return size.blocks();
  }

  private long blocks() {
    long bytes = unitReservation(unit) * steps;
    long bbs = (bytes + BB_BYTES - 1) / BB_BYTES;
    long least;
    if (geo.logUnit > 1) {
      long stripe = geo.logUnit / BB_BYTES;
      least = (bbs + stripe - 1) / stripe * stripe + 2 * stripe;
    } else {
      least = bbs + 2 * BB_BYTES; // basic blocks plus bytes, as Linux has it
    }
    long perBlock = block / BB_BYTES;
    return (least * MIN_LOG_FACTOR + perBlock - 1) / perBlock;
  }

  /** Adds headers of records and operations, and the padding of two writes. */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_calc_unit_res")
  private long unitReservation(long bytes) {
    long all = bytes + OP_HEADER + TRANS_HEADER + OP_HEADER;
    int space = RECORD_BYTES - RECORD_HEADER;
    long headers = (all + space - 1) / space;
    all += OP_HEADER * headers;
    while ((all + space - 1) / space > headers) { // each turn adds 12 bytes and a record of space
      all += OP_HEADER;
      headers++;
    }
    return all + (long) RECORD_HEADER * (headers + 1) + 2L * Math.max(geo.logUnit, BB_BYTES);
  }

  private void consider(long reservation, int times) {
    if (reservation * times > longest) {
      longest = reservation * times;
      unit = reservation;
      steps = times;
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_resv.c", name = "xfs_calc_buf_res")
  private static long bufs(long count, long size) {
    return count * (size + BUF_OVERHEAD);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_resv.c", name = "xfs_calc_inode_res")
  private long inodes(int count) {
    return (long) count * (4 * OP_HEADER + INODE_FORMAT + geo.inodeSize + 2 * BMBT_HEADER);
  }

  /** Blocks of trees that allocating or freeing extents changes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_resv.c", name = "xfs_allocfree_block_count")
  private long allocBlocks(int extents, int rmapLevels) {
    long blocks = extents * 2L * (2 * levels.alloc - 1);
    return features.rmapbt() ? blocks + extents * (2L * rmapLevels - 1) : blocks;
  }

  private long allocs(int extents) {
    return bufs(allocBlocks(extents, levels.rmapOfLog), block);
  }

  private long refcounts(int extents) {
    return features.reflink() ? bufs(extents * (2L * levels.refcount - 1), block) : 0;
  }

  private long inobt() {
    return bufs(levels.inobt, block) + allocs(1);
  }

  private long finobt() {
    return features.finobt() ? inobt() : 0;
  }

  /** Extents that fit into a block beyond those of a half full one. */
  private long spareExtents() {
    int records = (block - 56) / 8;
    return (long) records - records / 2;
  }

  /** Blocks of an extent tree for a number of new extents. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_space.h", name = "XFS_NEXTENTADD_SPACE_RES")
  private long extentBlocks(long extents, int height) {
    return (extents + spareExtents() - 1) / spareExtents() * (height - 1);
  }

  /** Blocks that a change of a directory changes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_resv.h", name = "XFS_DIROP_LOG_COUNT")
  private long directoryBlocks() {
    long fsbs = 1L << geo.dirBlkLog;
    return (MAX_DEPTH + 2) * (fsbs + extentBlocks(fsbs, levels.bmapData)) + 1;
  }

  private long cluster() {
    return Math.max((long) MIN_CLUSTER_BYTES * (geo.inodeSize / V2_INODE_BYTES), block);
  }

  private void transactions() {
    long write =
        DQUOTS
            + Math.max(
                inodes(1) + bufs(levels.bmapData, block) + bufs(3, sector) + allocs(2),
                bufs(5, sector) + allocs(2))
            + refcounts(2);
    long truncate =
        DQUOTS
            + Math.max(
                inodes(1) + bufs(levels.bmapData + 1, block),
                bufs(9, sector) + allocs(4) + refcounts(4));
    int often = features.reflink() ? SHARED_STEPS : STEPS;
    consider(write + bufs(1, block - 1), often); // allocating a block of quotas
    consider(truncate, often);

    long directory = bufs(directoryBlocks(), block);
    long rename =
        Math.max(inodes(5) + bufs(2 * directoryBlocks(), block), bufs(7, sector) + allocs(3));
    consider(DQUOTS + rename, STEPS);
    long unlinked = bufs(1, sector);
    consider(
        DQUOTS
            + unlinked
            + 2 * cluster()
            + Math.max(inodes(2) + directory, bufs(3, sector) + allocs(1)),
        STEPS); // link
    consider(
        DQUOTS
            + unlinked
            + cluster()
            + Math.max(inodes(2) + directory, bufs(4, sector) + allocs(2)),
        STEPS); // remove

    long chunk = bufs(2, sector) + sector + allocs(1) + inobt() + finobt();
    long modify = inodes(2) + bufs(1, sector) + block + directory + finobt();
    long create = DQUOTS + Math.max(chunk, modify);
    consider(create + bufs(1, SYMLINK_BYTES), NAME_STEPS);
    consider(DQUOTS + chunk + unlinked + cluster(), STEPS); // O_TMPFILE
    consider(
        DQUOTS
            + inodes(1)
            + bufs(3, sector)
            + unlinked
            + 2 * cluster()
            + allocs(1)
            + bufs(geo.chunkBlocks, 0)
            + inobt()
            + finobt(),
        STEPS); // freeing an inode
  }

  private void attributes() {
    long fsbs = 1L << geo.dirBlkLog;
    consider(
        DQUOTS
            + inodes(1)
            + bufs(2, sector)
            + bufs(1, (long) block << geo.dirBlkLog)
            + bufs(extentBlocks(fsbs, levels.bmapData) + 1, block)
            + allocs(1),
        STEPS); // a new attribute fork
    consider(Math.max(inodes(1) + bufs(levels.bmapAttr, block), bufs(9, sector) + allocs(4)), 1);
    long set = DQUOTS + inodes(1) + bufs(1, sector) + bufs(MAX_DEPTH, block);
    long remove =
        Math.max(
            inodes(1)
                + bufs(MAX_DEPTH, block)
                + (long) levels.bmapAttr * block
                + bufs(levels.bmapData, 0),
            bufs(5, sector) + allocs(2));
    consider(set, NAME_STEPS);
    consider(DQUOTS + remove, NAME_STEPS);

    // the largest attribute with its value in the tree; Linux takes its bytes for blocks
    long bytes = (long) (block >> 1) + (block >> 2) - MAX_NAME - 1;
    long blocks =
        MAX_DEPTH * (1 + extentBlocks(1, levels.bmapAttr))
            + (bytes + block - 1) / block
            + extentBlocks(bytes, levels.bmapAttr);
    long largest = set + (bufs(1, sector) + bufs(levels.bmapAttr, block)) * blocks;
    if (largest > longest) {
      longest = largest;
      unit = largest;
      steps = NAME_STEPS;
    }
  }
}
