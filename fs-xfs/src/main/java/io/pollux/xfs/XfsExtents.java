// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * The extents of a fork in memory: sorted, without overlaps, inside the filesystem, and immutable. They are
 * kept as they are on disk, two longs each, which takes 16 MB for a million and costs two shifts to look at:
 *
 * <pre>
 *   first  63: unwritten  62..9: offset in the file  8..0: block, high bits
 *   second 63..21: block, low bits  20..0: number of blocks
 * </pre>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = {"xfs_ifork", "xfs_bmbt_rec", "xfs_bmbt_irec"})
final class XfsExtents {
  /** Bytes of one on disk. */
  static final int RECORD_BYTES = 16;

  /** What {@link #find} answers when there is none. */
  static final int NONE = -1;

  /** Most that are kept in memory for a file: half a gigabyte. */
  private static final int MAX_EXTENTS = 1 << 25;

  /** Offsets have 54 bits. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAX_FILEOFF")
  private static final long MAX_FILEOFF = (1L << 54) - 1;

  private static final long BLOCKCOUNT_MASK = (1L << 21) - 1;

  private final long[] records;
  private final int count;

  private XfsExtents(long[] records, int count) {
    this.records = records;
    this.count = count;
  }

  int count() {
    return count;
  }

  /** First block in the file. */
  long startOff(int index) {
    return startOffOf(records[index << 1]);
  }

  /** First block in the filesystem, an fsb. */
  long startBlock(int index) {
    return startBlockOf(records[index << 1], records[(index << 1) + 1]);
  }

  long blockCount(int index) {
    return records[(index << 1) + 1] & BLOCKCOUNT_MASK;
  }

  /** The block in the file behind an extent. */
  long endOff(int index) {
    return startOff(index) + blockCount(index);
  }

  boolean unwritten(int index) {
    return records[index << 1] < 0;
  }

  private static long startOffOf(long first) {
    return (first & Long.MAX_VALUE) >>> 9;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_disk_get_all")
  private static long startBlockOf(long first, long second) {
    return ((first & 0x1ff) << 43) | (second >>> 21);
  }

  /**
   * Finds the last extent that does not start behind a block: the one that has the block, or the one before
   * the hole that has it. At most 32 steps.
   *
   * @param fileoff the block in the file
   * @return its index, or NONE if the first starts behind it
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_iext_tree.c", name = "xfs_iext_lookup_extent")
  int find(long fileoff) {
    int low = 0;
    int high = count - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (startOff(middle) <= fileoff) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  /**
   * The first mapped block at or behind one.
   *
   * @param fileoff the block in the file
   * @return a block, or -1 if there is none
   */
  long nextMapped(long fileoff) {
    int index = find(fileoff);
    if (index != NONE && fileoff < endOff(index)) {
      return fileoff;
    }
    return index + 1 < count ? startOff(index + 1) : -1;
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
    private long[] records;
    private int count;
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
      records = new long[(int) Math.min(Math.max(expected, 0), 256) << 1];
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
      long off = startOffOf(first);
      long blocks = second & BLOCKCOUNT_MASK;
      if (count >= expected) {
        throw from.corrupt("more extents than the inode tells");
      }
      if (off < end || off > MAX_FILEOFF - blocks) {
        throw from.corrupt("extents overlap or are not in order");
      }
      if (!sb.extentValid(startBlockOf(first, second), blocks)) {
        throw from.corrupt("an extent is outside the filesystem");
      }
      if (count << 1 == records.length) {
        grow();
      }
      records[count << 1] = first;
      records[(count << 1) + 1] = second;
      count++;
      end = off + blocks;
    }

    private void grow() throws ErrnoException {
      if (count >= MAX_EXTENTS) {
        throw new ErrnoException(Errno.ENOMEM, "more than " + MAX_EXTENTS + " extents in a file");
      }
      try {
        records = Arrays.copyOf(records, Math.max(16, records.length * 2));
      } catch (OutOfMemoryError e) { // the one allocation whose size the disk decides
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }

    /** All of them. */
    XfsExtents build() throws ErrnoException {
      if (count != expected) {
        throw XfsError.corrupt(count + " extents, while the inode tells of " + Long.toUnsignedString(expected));
      }
      return new XfsExtents(records.length == count << 1 ? records : Arrays.copyOf(records, count << 1), count);
    }
  }
}
