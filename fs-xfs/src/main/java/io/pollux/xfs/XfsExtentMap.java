// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import org.jspecify.annotations.Nullable;

/**
 * The extents of a fork in memory: sorted, without overlaps, inside the filesystem, and immutable.
 * {@link XfsExtents} is the compact form of a fork that was read, {@link XfsExtentTree} the form of
 * one that changes. Extents have numbers from 0, in the order of the file.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = "xfs_ifork")
abstract class XfsExtentMap {
  /** Returned by {@link #find} if there is none. */
  static final int NONE = -1;

  /** Offsets have 54 bits. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAX_FILEOFF")
  static final long MAX_FILEOFF = (1L << 54) - 1;

  /** Blocks of an extent, which has 21 bits for them. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAX_BMBT_EXTLEN")
  static final int MAX_EXTLEN = (1 << 21) - 1;

  /**
   * An extent. A record on disk is two big-endian longs:
   *
   * <pre>
   *   first  63: unwritten  62..9: offset in the file  8..0: block, high bits
   *   second 63..21: block, low bits  20..0: number of blocks
   * </pre>
   *
   * @param startOff first block in the file
   * @param startBlock first block in the filesystem, an fsb
   * @param blockCount number of blocks
   * @param unwritten whether it reads as zeroes
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_format.h",
      name = {"xfs_bmbt_irec", "xfs_bmbt_rec"})
  record Rec(long startOff, long startBlock, long blockCount, boolean unwritten) {
    private static final int OFF_SHIFT = 9;
    private static final int BLOCK_LOW_BITS = 43;
    private static final int COUNT_BITS = 21;

    /** Decodes a record on disk. Any two longs make an extent, which may be an invalid one. */
    @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_disk_get_all")
    static Rec decode(long first, long second) {
      return new Rec(off(first), block(first, second), count(second), isUnwritten(first));
    }

    static long off(long first) {
      return (first & Long.MAX_VALUE) >>> OFF_SHIFT;
    }

    static long block(long first, long second) {
      return (first & ((1L << OFF_SHIFT) - 1)) << BLOCK_LOW_BITS | second >>> COUNT_BITS;
    }

    static long count(long second) {
      return second & ((1L << COUNT_BITS) - 1);
    }

    static boolean isUnwritten(long first) {
      return first < 0;
    }

    /** The first long of the record on disk. */
    @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_disk_set_all")
    long first() {
      return (unwritten ? Long.MIN_VALUE : 0)
          | startOff << OFF_SHIFT
          | startBlock >>> BLOCK_LOW_BITS;
    }

    /** The second long of the record on disk. */
    long second() {
      return startBlock << COUNT_BITS | blockCount;
    }

    /** The block in the file after it. */
    long endOff() {
      return startOff + blockCount;
    }

    /** A part of it. The range overlaps it. */
    Rec clip(long from, long to) {
      long start = Math.max(from, startOff);
      long end = Math.min(to, endOff());
      return new Rec(start, startBlock + (start - startOff), end - start, unwritten);
    }

    /** The same with another state. */
    Rec withUnwritten(boolean now) {
      return now == unwritten ? this : new Rec(startOff, startBlock, blockCount, now);
    }

    /**
     * Whether both make one extent. They never do across the end of a group, where the next block
     * is a header.
     */
    boolean joins(Rec next) {
      return endOff() == next.startOff
          && startBlock + blockCount == next.startBlock
          && unwritten == next.unwritten
          && blockCount + next.blockCount <= MAX_EXTLEN;
    }
  }

  // The first extent in bytes: most files have no other.
  private final long firstPos;
  private final long firstBytes; // 0 if there is none
  private final long firstAddr;
  private final boolean firstUnwritten;

  XfsExtentMap(XfsSb sb, @Nullable Rec first) {
    firstPos = first == null ? 0 : sb.toPos(first.startOff);
    firstBytes = first == null ? 0 : sb.toPos(first.endOff()) - firstPos;
    firstAddr = first == null ? 0 : sb.fsbToByte(first.startBlock);
    firstUnwritten = first != null && first.unwritten;
  }

  /** Whether a position of the file is in the first extent. */
  final boolean inFirst(long pos) {
    return Long.compareUnsigned(pos - firstPos, firstBytes) < 0;
  }

  /** The start of the first extent in the file, in bytes. */
  final long firstPos() {
    return firstPos;
  }

  /** The length of the first extent, limited to the largest file, in bytes. */
  final long firstBytes() {
    return firstBytes;
  }

  /** The start of the first extent on the device, in bytes. */
  final long firstAddr() {
    return firstAddr;
  }

  /** Whether the first extent is unwritten. */
  final boolean firstUnwritten() {
    return firstUnwritten;
  }

  /** The number of extents. */
  abstract int count();

  /** First block in the file. */
  abstract long startOff(int at);

  /** First block in the filesystem, an fsb. */
  abstract long startBlock(int at);

  /**
   * As {@link #startBlock(int)}, for a caller that knows the start in the file, which may save
   * computing it.
   */
  abstract long startBlock(int at, long startOff);

  /** Number of blocks. */
  abstract long blockCount(int at);

  /** Whether the extent is unwritten. */
  abstract boolean unwritten(int at);

  /**
   * Finds the last extent that starts at or before a block: the one that has the block, or the one
   * before the hole around it.
   *
   * @param fileoff the block in the file; may be any value
   * @return its index, or NONE if the first extent starts after the block
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_iext_tree.c", name = "xfs_iext_lookup_extent")
  abstract int find(long fileoff);

  /** As {@link #find}, for a change. The change then reads the extents around the result. */
  int locate(long fileoff) {
    return find(fileoff);
  }

  /** The block in the file after an extent. */
  final long endOff(int at) {
    return startOff(at) + blockCount(at);
  }

  /** All of an extent. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_iext_tree.c", name = "xfs_iext_get_extent")
  Rec get(int at) {
    return new Rec(startOff(at), startBlock(at), blockCount(at), unwritten(at));
  }

  /**
   * Finds the first mapped block at or after one.
   *
   * @param fileoff the block in the file
   * @return a block, or -1 if there is none
   */
  final long nextMapped(long fileoff) {
    int at = find(fileoff);
    if (at != NONE && fileoff < endOff(at)) {
      return fileoff;
    }
    return at + 1 < count() ? startOff(at + 1) : -1;
  }

  /** The block after the last mapped one. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_last_offset")
  final long lastOffset() {
    return count() == 0 ? 0 : endOff(count() - 1);
  }
}
