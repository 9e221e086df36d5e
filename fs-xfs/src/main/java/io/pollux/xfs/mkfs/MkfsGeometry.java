// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * The sizes and places of everything in the new filesystem, computed and checked. Block numbers
 * with {@code at} count from the start of their group and are the same in each.
 */
@LinuxSource(
    file = "mkfs/xfs_mkfs.c",
    name = {"mkfs_params", "calc_default_ag_geometry", "calculate_log_size"})
final class MkfsGeometry {
  static final long MIN_AG_BYTES = 16L << 20;

  private static final long KIB = 1L << 10;
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final long TIB = 1L << 40;
  private static final long MAX_AG_BYTES = TIB - 512;
  private static final long MAX_AGS = 0xffff_ffffL;
  private static final long MAX_BLOCK_BYTES = 64 * KIB;
  private static final int MAX_INODE_BYTES = 2048;
  private static final int MIN_LOG_BLOCKS = 512;
  private static final long MIN_LOG_BYTES = 10 * MIB;
  private static final long MAX_LOG_BLOCKS = MIB;
  private static final long MAX_LOG_BYTES = (1L << 31) - MIN_LOG_BYTES;
  private static final long USUAL_LOG_BYTES = 64 * MIB;
  private static final long SMALL_BYTES = 300 * MIB;
  private static final int LOG_SHARE = 2048;
  private static final int AGFL_RESERVE = 4; // blocks
  private static final int CHUNK_INODES = 64;
  private static final int MIN_CLUSTER_BYTES = 8192;
  private static final int V2_INODE_BYTES = 256;
  private static final int FOUR_HEADERS = 4;

  final MkfsFeatures features;
  final int blockSize;
  final int blockLog;
  final int sectSize;
  final int inodeSize;
  final int inopbLog;
  final int dirBlkLog;
  final long dblocks;
  final long agBlocks;
  final long agCount;
  final int agBlkLog;
  final int maxPct;
  final int inoAlign; // blocks, 0 if a block holds a chunk
  final int spinoAlign; // blocks
  final int chunkInodes; // that are allocated at once
  final int chunkBlocks;
  final long atBno; // roots of the trees
  final long atCnt;
  final long atIno;
  final long atFino; // these three: 0 without it
  final long atRmap;
  final long atRefc;
  final long atEnd; // the block after the roots
  final long logBlocks;
  final long logAg;
  final int logUnit; // bytes, 1 for the least unit

  private final int usualFreeList; // blocks of the free list of a group

  private MkfsGeometry(Options options, long deviceBytes, int deviceSector) throws ErrnoException {
    features = MkfsFeatures.of(options);
    sectSize = power(options, "ssize", Math.max(XfsSb.MIN_SECTOR_BYTES, deviceSector), 512, 32768);
    if (sectSize < deviceSector) {
      throw Options.bad("ssize", "the device has sectors of " + deviceSector + " bytes");
    }
    blockSize = power(options, "bsize", Math.max(4096, sectSize), (int) KIB, (int) MAX_BLOCK_BYTES);
    if (blockSize < sectSize) {
      throw Options.bad("bsize", blockSize + " is less than a sector of " + sectSize + " bytes");
    }
    blockLog = XfsSb.log2(blockSize);
    inodeSize = power(options, "isize", 512, 512, MAX_INODE_BYTES);
    if (inodeSize > blockSize / 2) {
      throw Options.bad("isize", "a block of " + blockSize + " bytes must hold two inodes");
    }
    inopbLog = blockLog - XfsSb.log2(inodeSize);
    int directory =
        power(options, "nsize", Math.max(4096, blockSize), blockSize, (int) MAX_BLOCK_BYTES);
    dirBlkLog = XfsSb.log2(directory) - blockLog;

    long wanted = options.size("dsize", deviceBytes, 0, Long.MAX_VALUE);
    if (wanted > deviceBytes) {
      throw Options.bad("dsize", wanted + " is larger than the device, " + deviceBytes + " bytes");
    }
    long blocks = wanted >> blockLog;
    if (blocks < blocks(MIN_AG_BYTES)) {
      throw new ErrnoException(
          Errno.EINVAL,
          wanted + " bytes are too few: an XFS filesystem has at least " + MIN_AG_BYTES);
    }
    agBlocks = groupBlocks(options, blocks);
    checkGroup(agBlocks, blocks);
    long rest = blocks % agBlocks;
    // a last group that is too small is left unused
    dblocks = rest != 0 && rest < blocks(MIN_AG_BYTES) ? blocks - rest : blocks;
    agCount = howMany(dblocks, agBlocks);
    if (agCount > MAX_AGS) {
      throw Options.bad("agsize", agCount + " groups are too many");
    }
    agBlkLog = 64 - Long.numberOfLeadingZeros(agBlocks - 1);
    maxPct = (int) options.number("maxpct", usualPercent(), 1, 100);

    int cluster = (MIN_CLUSTER_BYTES * (inodeSize / V2_INODE_BYTES)) >> blockLog;
    inoAlign = features.sparse() ? (CHUNK_INODES * inodeSize) >> blockLog : cluster;
    spinoAlign = features.sparse() ? cluster : 0;
    chunkInodes = Math.max(CHUNK_INODES, 1 << inopbLog);
    chunkBlocks = chunkInodes >> inopbLog;

    atBno = howMany((long) FOUR_HEADERS * sectSize, blockSize);
    atCnt = atBno + 1;
    atIno = atCnt + 1;
    long next = atIno + 1;
    atFino = features.finobt() ? next++ : 0;
    atRmap = features.rmapbt() ? next++ : 0;
    atRefc = features.reflink() ? next++ : 0;
    atEnd = next;

    MkfsLevels levels = new MkfsLevels(blockSize, agBlocks, agBlkLog + inopbLog, features);
    usualFreeList = 2 * Math.min(2, levels.alloc) + Math.min(2, levels.rmap);
    logUnit = sectSize > XfsSb.MIN_SECTOR_BYTES ? blockSize : 1;
    logAg = agCount / 2;
    logBlocks = logSize(options, MkfsLogSize.least(this, levels));
    if (rootChunk() + chunkBlocks > agSize(0)) {
      throw new ErrnoException(Errno.EINVAL, "the first group has no room for the first inodes");
    }
  }

  /**
   * Computes the geometry.
   *
   * @param options takes all that concern it
   * @param deviceBytes size of the device
   * @param deviceSector its logical block size
   * @return the geometry
   * @throws ErrnoException EINVAL if an option or the size is invalid
   */
  static MkfsGeometry of(Options options, long deviceBytes, int deviceSector)
      throws ErrnoException {
    return new MkfsGeometry(options, deviceBytes, deviceSector);
  }

  private static int power(Options options, String key, int otherwise, int least, int most)
      throws ErrnoException {
    int value = (int) options.size(key, otherwise, least, most);
    if (Integer.bitCount(value) != 1) {
      throw Options.bad(key, value + " is not a power of 2");
    }
    return value;
  }

  private long blocks(long bytes) {
    return bytes >> blockLog;
  }

  private static long howMany(long things, long each) {
    return (things + each - 1) / each;
  }

  private static long roundUp(long value, long unit) {
    return howMany(value, unit) * unit;
  }

  private long groupBlocks(Options options, long blocks) throws ErrnoException {
    long size = options.size("agsize", 0, 0, Long.MAX_VALUE);
    long count = options.number("agcount", 0, 0, MAX_AGS);
    if (size != 0 && count != 0) {
      throw Options.bad("agsize", "agcount is given, too");
    }
    if ((size & (blockSize - 1)) != 0) {
      throw Options.bad("agsize", size + " is not a multiple of the block size, " + blockSize);
    }
    return size != 0 ? blocks(size) : count != 0 ? howMany(blocks, count) : usualGroup(blocks);
  }

  private void checkGroup(long group, long blocks) throws ErrnoException {
    if (group < blocks(MIN_AG_BYTES) || group > blocks(MAX_AG_BYTES)) {
      throw new ErrnoException(
          Errno.EINVAL,
          "a group of "
              + (group << blockLog)
              + " bytes: groups have from "
              + MIN_AG_BYTES
              + " bytes to 1 TiB less a sector (options agcount, agsize)");
    }
    if (group > blocks) {
      throw Options.bad("agsize", (group << blockLog) + " is larger than the filesystem");
    }
  }

  /** Four groups, fewer on small devices; of 1 TiB at most. */
  @LinuxSource(file = "libxfs/topology.c", name = "calc_default_ag_geometry")
  private long usualGroup(long blocks) {
    if (blocks >= blocks(4 * TIB)) {
      return blocks(MAX_AG_BYTES);
    }
    int count = blocks < blocks(32 * MIB) ? 1 : blocks < blocks(64 * MIB) ? 2 : 4;
    return howMany(blocks, count);
  }

  @LinuxSource(file = "mkfs/xfs_mkfs.c", name = "calculate_imaxpct")
  private int usualPercent() {
    return dblocks < blocks(TIB) ? 25 : dblocks < blocks(50 * TIB) ? 5 : 1;
  }

  private long logSize(Options options, long leastOfFormat) throws ErrnoException {
    long given = options.size("lsize", 0, 0, Long.MAX_VALUE);
    if ((given & (blockSize - 1)) != 0) {
      throw Options.bad("lsize", given + " is not a multiple of the block size, " + blockSize);
    }
    long least = Math.max(MIN_LOG_BLOCKS, leastOfFormat);
    if (given == 0 && dblocks >= GIB >> blockLog) {
      least = Math.max(least, blocks(MIN_LOG_BYTES));
    }
    int optional =
        (features.finobt() ? 1 : 0) + (features.rmapbt() ? 1 : 0) + (features.reflink() ? 1 : 0);
    long most = agSize(logAg) - atBno - AGFL_RESERVE - 3 - optional - 1;
    if (logAg == 0) { // leaves room for the first inodes
      most -= 4L * ((CHUNK_INODES * inodeSize) >> blockLog);
    }
    if (most < least) {
      throw new ErrnoException(
          Errno.EINVAL,
          "the least log, "
              + least
              + " blocks, does not fit into a group of "
              + agSize(logAg)
              + " blocks");
    }
    if (given != 0) {
      long blocks = blocks(given);
      if (blocks < least || blocks > most || blocks > MAX_LOG_BLOCKS || given > MAX_LOG_BYTES) {
        long limit = Math.min(Math.min(most, MAX_LOG_BLOCKS) << blockLog, MAX_LOG_BYTES);
        throw Options.bad(
            "lsize", given + " is out of range, from " + (least << blockLog) + " to " + limit);
      }
      return blocks;
    }
    long usual = Math.max(blocks((dblocks << blockLog) / LOG_SHARE), blocks(USUAL_LOG_BYTES));
    if (dblocks < blocks(SMALL_BYTES)) {
      usual = least;
    }
    usual = Math.min(Math.max(usual, least), most);
    return Math.min(Math.min(usual, MAX_LOG_BLOCKS), blocks(MAX_LOG_BYTES));
  }

  long agSize(long agno) {
    return agno < agCount - 1 ? agBlocks : dblocks - agno * agBlocks;
  }

  /** The first block of the free list of a group: after the roots, or after the log. */
  long freeListAt(long agno) {
    return agno == logAg ? atEnd + logBlocks : atEnd;
  }

  /** Blocks of the free list of a group; none if the log leaves too few. */
  int freeList(long agno) {
    return agSize(agno) - freeListAt(agno) < usualFreeList ? 0 : usualFreeList;
  }

  /** The block of the first inodes, in the first group. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_calc_rootino")
  long rootChunk() {
    return roundUp(freeListAt(0) + freeList(0), Math.max(1, inoAlign));
  }

  long rootIno() {
    return rootChunk() << inopbLog;
  }

  long logStart() {
    return logAg << agBlkLog | atEnd;
  }

  /** Byte of a block of a group on the device. */
  long position(long agno, long agbno) {
    return (agno * agBlocks + agbno) << blockLog;
  }

  /** Free blocks of a group, without its free list. */
  long freeBlocks(long agno) {
    long used = freeListAt(agno) + freeList(agno) + (agno == 0 ? chunkBlocks : 0);
    return agSize(agno) - used;
  }

  /** Free blocks of all groups, with the free lists. */
  long freeBlocks() {
    return dblocks - agCount * atEnd - logBlocks - chunkBlocks;
  }
}
