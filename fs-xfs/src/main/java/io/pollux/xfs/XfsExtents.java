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
 * <p>Here it is the same two words, in groups of 16 extents: 16 first words, then 16 second ones, so that all of a lookup's
 * last step lies in 256 bytes. The index is a tree of every 16th of the first words, every 256th, and so on. A lookup counts, level
 * by level, how many of 16 neighbours are not above what it looks for. It never branches on an offset: for a random block
 * half of such branches would be guessed wrong, and each of those costs more than the whole lookup.
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

  private static final long UNWRITTEN = Long.MIN_VALUE;

  private static final int OFF_SHIFT = 9;
  private static final int BLOCK_LOW_BITS = 43;
  private static final int COUNT_BITS = 21;
  private static final int FANOUT_LOG = 4;
  private static final int FANOUT = 1 << FANOUT_LOG;

  /** A first word that groups are filled up with: behind every extent. */
  private static final long NONE_HERE = Long.MAX_VALUE;

  private final int count;
  private final long[][] index; // first words: few of them first; filled up to whole groups
  private final long[] leaf; // all of both words, in groups

  private XfsExtents(int count, long[] leaf) {
    this.count = count;
    this.leaf = leaf;
    int depth = 0;
    for (int n = count; n > FANOUT; n = groups(n)) {
      depth++;
    }
    index = new long[depth][];
    int below = groups(count);
    for (int i = depth - 1; i >= 0; i--) {
      long[] level = new long[groups(below) << FANOUT_LOG];
      Arrays.fill(level, below, level.length, NONE_HERE);
      for (int group = 0; group < below; group++) {
        level[group] = i == depth - 1 ? leaf[group << (FANOUT_LOG + 1)] : index[i + 1][group << FANOUT_LOG];
      }
      index[i] = level;
      below = groups(below);
    }
  }

  private static int groups(int n) {
    return Math.max(1, (n + FANOUT - 1) >> FANOUT_LOG);
  }

  /** Where the first word of an extent is in the leaf; the second is FANOUT behind it. */
  private static int place(int at) {
    return at + (at & -FANOUT);
  }

  int count() {
    return count;
  }

  /** The first word of an extent. */
  long first(int at) {
    return leaf[place(at)];
  }

  /** The second word of an extent. */
  long second(int at) {
    return leaf[place(at) + FANOUT];
  }

  /** First block in the file. */
  static long startOff(long first) {
    return (first & ~UNWRITTEN) >>> OFF_SHIFT;
  }

  /** First block in the filesystem, an fsb. */
  static long startBlock(long first, long second) {
    return ((first & ((1 << OFF_SHIFT) - 1)) << BLOCK_LOW_BITS) | (second >>> COUNT_BITS);
  }

  /** Number of blocks. */
  static int blockCount(long second) {
    return (int) second & ((1 << COUNT_BITS) - 1);
  }

  /** Whether it was never written. */
  static boolean unwritten(long first) {
    return first < 0;
  }

  /** First block in the file. */
  long startOff(int at) {
    return startOff(first(at));
  }

  /** First block in the filesystem, an fsb. */
  long startBlock(int at) {
    return startBlock(first(at), second(at));
  }

  long blockCount(int at) {
    return blockCount(second(at));
  }

  /** The block in the file behind an extent. */
  long endOff(int at) {
    return startOff(at) + blockCount(at);
  }

  boolean unwritten(int at) {
    return unwritten(first(at));
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
    // The last first word, but for the flag, that an extent which starts there can have. None starts at MAX_FILEOFF.
    long most = fileoff < 0 ? -1 : Math.min(fileoff, MAX_FILEOFF - 1) << OFF_SHIFT | ((1 << OFF_SHIFT) - 1);
    if (count == 1) {
      return (leaf[0] & ~UNWRITTEN) <= most ? 0 : NONE; // so most files are
    }
    int group = 0;
    for (long[] level : index) {
      group = (group << FANOUT_LOG) + notAbove(level, group << FANOUT_LOG, most) - 1;
      if (group < 0) {
        return NONE; // and only the first level can say so
      }
    }
    return (group << FANOUT_LOG) + notAbove(leaf, group << (FANOUT_LOG + 1), most) - 1; // NONE if of the first group none
  }

  /** How many first words of a group are not above another. */
  private static int notAbove(long[] level, int from, long most) {
    long n = 0;
    for (int i = 0; i < FANOUT; i++) {
      n += ((level[from + i] & ~UNWRITTEN) - most - 1) >>> 63; // the sign: 1 if not above; no such difference overflows
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
    private long[] leaf;
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
      leaf = new long[groups(Math.clamp(expected, 0, 256)) << (FANOUT_LOG + 1)];
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
      long off = startOff(first);
      int length = blockCount(second);
      if (count >= expected) {
        throw from.corrupt("more extents than the inode tells");
      }
      if (off < end || off > MAX_FILEOFF - length) {
        throw from.corrupt("extents overlap or are not in order");
      }
      if (!sb.extentValid(startBlock(first, second), length)) {
        throw from.corrupt("an extent is outside the filesystem");
      }
      int place = place(count);
      if (place >= leaf.length) {
        if (count >= MAX_EXTENTS) {
          throw new ErrnoException(Errno.ENOMEM, "more than " + MAX_EXTENTS + " extents in a file");
        }
        resize(2 * leaf.length);
      }
      leaf[place] = first;
      leaf[place + FANOUT] = second;
      count++;
      end = off + length;
    }

    private void resize(int words) throws ErrnoException {
      try {
        leaf = Arrays.copyOf(leaf, words);
      } catch (OutOfMemoryError e) { // one of two allocations whose size the disk decides
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }

    /** All of them. */
    XfsExtents build() throws ErrnoException {
      if (count != expected) {
        throw XfsError.corrupt(count + " extents, while the inode tells of " + expected);
      }
      int words = groups(count) << (FANOUT_LOG + 1);
      if (words < leaf.length) {
        resize(words);
      }
      for (int at = count; place(at) < words; at++) {
        leaf[place(at)] = NONE_HERE;
      }
      try {
        return new XfsExtents(count, leaf);
      } catch (OutOfMemoryError e) { // as above
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }
  }
}
