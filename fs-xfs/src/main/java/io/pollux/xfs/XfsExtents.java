// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * The extents of a fork in memory: sorted, without overlaps, inside the filesystem, and immutable. A record on
 * disk is two big-endian longs:
 *
 * <pre>
 *   first  63: unwritten  62..9: offset in the file  8..0: block, high bits
 *   second 63..21: block, low bits  20..0: number of blocks
 * </pre>
 *
 * <p>Here it takes 20 bytes, and a little more for an index: a tree of all offsets, every 16th of them, every 256th, and
 * so on. A lookup counts, level by level, how many of 16 neighbours are not above what it looks for. It never
 * branches on an offset: for a random block half of such branches would be guessed wrong, and each of those costs more
 * than the whole lookup.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = {"xfs_ifork", "xfs_bmbt_rec", "xfs_bmbt_irec"})
final class XfsExtents {
  /** Bytes of one on disk. */
  static final int RECORD_BYTES = 16;

  /** What {@link #find} answers when there is none. */
  static final int NONE = -1;

  /** Most that are kept in memory for a file, which takes more than half a gigabyte. */
  private static final int MAX_EXTENTS = 1 << 25;

  /** Offsets have 54 bits. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAX_FILEOFF")
  private static final long MAX_FILEOFF = (1L << 54) - 1;

  /** What groups are filled up with. */
  private static final long NO_OFF = MAX_FILEOFF + 1;

  private static final long UNWRITTEN = Long.MIN_VALUE;
  private static final int FANOUT_LOG = 4;
  private static final int FANOUT = 1 << FANOUT_LOG;

  private final int count;
  private final long[][] levels; // offsets: few of them first, all of them last; filled up to whole groups of FANOUT
  private final long[] offs; // first block in the file: the last of the levels
  private final long[] blocks; // fsb, with the flag UNWRITTEN
  private final int[] counts; // number of blocks

  private XfsExtents(int count, long[] offs, long[] blocks, int[] counts) {
    this.count = count;
    this.blocks = blocks;
    this.counts = counts;
    int depth = 1;
    for (int n = count; n > FANOUT; n = groups(n)) {
      depth++;
    }
    levels = new long[depth][];
    long[] level = Arrays.copyOf(offs, groups(count) << FANOUT_LOG);
    Arrays.fill(level, count, level.length, NO_OFF);
    this.offs = level;
    levels[depth - 1] = level;
    for (int i = depth - 2; i >= 0; i--) {
      level = everyFirst(level);
      levels[i] = level;
    }
  }

  private static int groups(int n) {
    return Math.max(1, (n + FANOUT - 1) >> FANOUT_LOG);
  }

  /** The first of each group. */
  private static long[] everyFirst(long[] below) {
    int n = below.length >> FANOUT_LOG;
    long[] level = new long[groups(n) << FANOUT_LOG];
    Arrays.fill(level, n, level.length, NO_OFF);
    for (int i = 0; i < n; i++) {
      level[i] = below[i << FANOUT_LOG];
    }
    return level;
  }

  int count() {
    return count;
  }

  /** First block in the file. */
  long startOff(int at) {
    return offs[at];
  }

  /** First block in the filesystem, an fsb. */
  long startBlock(int at) {
    return blocks[at] & ~UNWRITTEN;
  }

  long blockCount(int at) {
    return counts[at];
  }

  /** The block in the file behind an extent. */
  long endOff(int at) {
    return offs[at] + counts[at];
  }

  boolean unwritten(int at) {
    return blocks[at] < 0;
  }

  /**
   * Finds the last extent that does not start behind a block: the one that has the block, or the one before
   * the hole that has it. As many steps as the index has levels, of which a million extents have five.
   *
   * @param fileoff the block in the file, any value at all
   * @return which one, or NONE if the first starts behind the block
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_iext_tree.c", name = "xfs_iext_lookup_extent")
  int find(long fileoff) {
    if (count == 1) {
      return offs[0] <= fileoff ? 0 : NONE; // so most files are
    }
    long value = Math.clamp(fileoff, -1, MAX_FILEOFF);
    int at = 0;
    for (long[] level : levels) {
      at = (at << FANOUT_LOG) + notAbove(level, at << FANOUT_LOG, value) - 1;
      if (at < 0) {
        return NONE; // and only the first level can say so
      }
    }
    return at;
  }

  /** How many of a group are not above a value. */
  private static int notAbove(long[] level, int from, long value) {
    long n = 0;
    for (int i = 0; i < FANOUT; i++) {
      n += (level[from + i] - value - 1) >>> 63; // the sign: 1 if not above; neither has more than 55 bits
    }
    return (int) n;
  }

  /**
   * The first mapped block at or behind one.
   *
   * @param fileoff the block in the file
   * @return a block, or -1 if there is none
   */
  long nextMapped(long fileoff) {
    int at = find(fileoff);
    if (at != NONE && fileoff < endOff(at)) {
      return fileoff;
    }
    return at + 1 < count ? startOff(at + 1) : -1;
  }

  /** The block behind the last mapped one. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_last_offset")
  long lastOffset() {
    return count == 0 ? 0 : endOff(count - 1);
  }

  /** Takes extents in the order of the file and checks each. */
  static final class Builder {
    private final XfsSb sb;
    private final long expected;
    private int count;
    private long[] offs;
    private long[] blocks;
    private int[] counts;
    private long end; // of the last one

    /**
     * Starts empty.
     *
     * @param sb what extents have to be inside of
     * @param expected how many there must be in the end, as the inode tells; any value at all
     */
    Builder(XfsSb sb, long expected) {
      this.sb = sb;
      this.expected = expected;
      int room = Math.clamp(expected, 0, 256);
      offs = new long[room];
      blocks = new long[room];
      counts = new int[room];
    }

    /**
     * Takes the next.
     *
     * @param from where its record is
     * @param at how far in
     */
    @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = {"xfs_bmap_validate_extent", "xfs_iread_bmbt_block"})
    void add(XfsBuf from, int at) throws ErrnoException {
      long first = from.i64(at);
      long second = from.i64(at + 8);
      long off = (first & ~UNWRITTEN) >>> 9;
      long fsb = ((first & 0x1ff) << 43) | (second >>> 21);
      int length = (int) (second & ((1 << 21) - 1));
      if (count >= expected) {
        throw from.corrupt("more extents than the inode tells");
      }
      if (off < end || off > MAX_FILEOFF - length) {
        throw from.corrupt("extents overlap or are not in order");
      }
      if (!sb.extentValid(fsb, length)) {
        throw from.corrupt("an extent is outside the filesystem");
      }
      if (count == offs.length) {
        resize(Math.max(16, 2 * count));
      }
      offs[count] = off;
      blocks[count] = fsb | (first & UNWRITTEN);
      counts[count] = length;
      count++;
      end = off + length;
    }

    private void resize(int room) throws ErrnoException {
      if (count >= MAX_EXTENTS) {
        throw new ErrnoException(Errno.ENOMEM, "more than " + MAX_EXTENTS + " extents in a file");
      }
      try {
        offs = Arrays.copyOf(offs, room);
        blocks = Arrays.copyOf(blocks, room);
        counts = Arrays.copyOf(counts, room);
      } catch (OutOfMemoryError e) { // one of two allocations whose size the disk decides
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }

    /** All of them. */
    XfsExtents build() throws ErrnoException {
      if (count != expected) {
        throw XfsError.corrupt(count + " extents, while the inode tells of " + expected);
      }
      if (count < offs.length) {
        resize(count);
      }
      try {
        return new XfsExtents(count, offs, blocks, counts);
      } catch (OutOfMemoryError e) { // as above
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }
  }
}
