// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The extents of a fork in memory, packed: as they were read, until the first change.
 *
 * <p>A million records of 16 bytes, as on disk, do not fit in a processor's caches, so each lookup
 * of a random block would wait for memory. Here an extent takes as many bits as it needs. 64
 * consecutive extents are a group. Its head is four longs:
 *
 * <pre>
 *   63..6: offset of its first extent  5..0: bits of the low part of an offset
 *   63..12: start of its bits in packed  11: slope  10..5: bits of a block  4..0: bits of a number of blocks
 *   two longs: the high parts of its offsets
 * </pre>
 *
 * <p>The packed bits of a group begin with a base block. Three fields follow for each extent: the
 * low part of its offset, its number of blocks less one with the unwritten flag, and a distance.
 * The distance is from the base block to its block, or, with slope set, from the block it would
 * have if the group were contiguous. So an extent of a file that was allocated contiguously needs
 * no bits for it, even if parts are unwritten or were punched out. All offsets are relative to the
 * group's.
 *
 * <p>In an even group all 64 extents have the same length and the same distance, in the file and on
 * the device. A file with every other block punched out has such groups. The head describes the
 * group completely:
 *
 * <pre>
 *   63..6: offset of its first extent
 *   63..12: block of its first extent  10..5: all ones
 *   distance of consecutive extents in the file
 *   63..22: their distance on the device, signed  21..0: number of blocks less one, and the unwritten flag
 * </pre>
 *
 * <p>The high part of an offset is the number of one of 64 buckets. The bits of the high parts
 * have, for each bucket in turn, a one per extent that starts in it and then a zero. So the number
 * of ones before a bucket's zero is the number of extents in it and before it, which a few
 * instructions compute. This is an Elias-Fano code.
 *
 * <p>A table finds the group. It divides the file into ranges, one to four per group. For each
 * range it has the last group that starts at or before the range's first block. If many groups lie
 * in a range, or many extents in a bucket, they are searched by bisection.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = "xfs_ifork")
final class XfsExtents extends XfsExtentMap {
  /** Bytes of a record on disk. */
  static final int RECORD_BYTES = 16;

  /** Limit per file. So many extents may take more than half a gigabyte. */
  private static final int MAX_EXTENTS = 1 << 25;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int GROUP_LOG = 6;
  // extents, and buckets; both together are the bits of two longs
  private static final int GROUP = 1 << GROUP_LOG;
  private static final int HEAD_LOG = 2;
  private static final int HEAD = 1 << HEAD_LOG; // longs

  // In a head's first long, below the offset.
  private static final int LOW_BITS_BITS = 6;

  // In its second long.
  private static final int COUNT_BITS_BITS = 5;
  private static final int BLOCK_BITS_SHIFT = COUNT_BITS_BITS;
  private static final int BLOCK_BITS_BITS = 6;
  private static final int SLOPE_SHIFT = BLOCK_BITS_SHIFT + BLOCK_BITS_BITS;
  private static final int PLACE_SHIFT = SLOPE_SHIFT + 1;
  // instead of the bits of a block, which are always fewer
  private static final int EVEN = (1 << BLOCK_BITS_BITS) - 1;

  // In the fourth long of an even group.
  private static final int COUNT_AND_FLAG_BITS = 22;

  /** Bits of an fsb. */
  private static final int FSB_BITS = 52;

  private final int count;
  private final long before; // the last block before all of them
  private final int rangeLog; // log2 of the blocks of a range
  // the first candidate group of each range, and of one range past the last
  private final int[] ranges;
  private final long[] heads;
  private final byte[] packed; // plus 7 bytes, since it is read by longs

  private XfsExtents(XfsSb sb, @Nullable Rec first, int count, long[] heads, byte[] packed) {
    super(sb, first);
    this.count = count;
    this.heads = heads;
    this.packed = packed;
    before = count == 0 ? Long.MAX_VALUE : base(0) - 1;
    int groups = heads.length >> HEAD_LOG;
    long span = groups == 0 ? 0 : base(groups - 1) - base(0);
    rangeLog = Math.max(0, bits(span) - bits(groups) - 1);
    ranges = new int[(int) (span >>> rangeLog) + 2];
    int group = 0;
    for (int range = 0; range < ranges.length; range++) {
      while (group + 1 < groups && base(group + 1) - base(0) <= (long) range << rangeLog) {
        group++;
      }
      ranges[range] = group;
    }
  }

  /** The number of bits of a number that is not negative. */
  private static int bits(long number) {
    return Long.SIZE - Long.numberOfLeadingZeros(number);
  }

  @Override
  int count() {
    return count;
  }

  private long base(int group) {
    return heads[group << HEAD_LOG] >>> LOW_BITS_BITS;
  }

  private int lowBits(int group) {
    return (int) heads[group << HEAD_LOG] & ((1 << LOW_BITS_BITS) - 1);
  }

  private long shape(int group) {
    return heads[(group << HEAD_LOG) + 1];
  }

  private static int countBits(long shape) {
    return (int) shape & ((1 << COUNT_BITS_BITS) - 1);
  }

  private static int blockBits(long shape) {
    return (int) (shape >>> BLOCK_BITS_SHIFT) & ((1 << BLOCK_BITS_BITS) - 1);
  }

  private static boolean isEven(long shape) {
    return blockBits(shape) == EVEN;
  }

  /** The distance in the file of consecutive extents of an even group. */
  private long stride(int group) {
    return heads[(group << HEAD_LOG) + 2];
  }

  /** The distance on the device of consecutive extents of an even group, and their countAndFlag. */
  private long rest(int group) {
    return heads[(group << HEAD_LOG) + 3];
  }

  private long ones(int group) {
    return heads[(group << HEAD_LOG) + 2];
  }

  private long moreOnes(int group) {
    return heads[(group << HEAD_LOG) + 3];
  }

  /**
   * Returns the position of the n-th one, from 0, in the 128 bits of two longs. There must be that
   * many.
   */
  private static int select(long first, long second, int n) {
    int inFirst = Long.bitCount(first);
    // all ones if it is in the second long: a branch would often be mispredicted
    int behind = (inFirst - 1 - n) >> 31;
    long in = first ^ ((first ^ second) & behind);
    return (behind & Long.SIZE)
        + Long.numberOfTrailingZeros(Long.expand(1L << (n - (inFirst & behind)), in));
  }

  /** The start of an extent's bits in packed. */
  private long place(int at) {
    int group = at >>> GROUP_LOG;
    long shape = shape(group);
    int width = lowBits(group) + countBits(shape) + blockBits(shape);
    return (shape >>> PLACE_SHIFT) + FSB_BITS + (long) (at & (GROUP - 1)) * width;
  }

  /** Reads packed bits, at most 57. */
  private long field(long place, int width) {
    return ((long) LONG.get(packed, (int) (place >>> 3)) >>> (place & 7)) & ((1L << width) - 1);
  }

  private long low(int at) {
    return field(place(at), lowBits(at >>> GROUP_LOG));
  }

  private long countAndFlag(int at) {
    int group = at >>> GROUP_LOG;
    if (isEven(shape(group))) {
      return rest(group) & ((1L << COUNT_AND_FLAG_BITS) - 1);
    }
    return field(place(at) + lowBits(group), countBits(shape(group)));
  }

  /** The distance of an extent's start from its group's, in blocks. */
  private long fromBase(int at) {
    int group = at >>> GROUP_LOG;
    int in = at & (GROUP - 1);
    if (isEven(shape(group))) {
      return in * stride(group);
    }
    long high = (long) select(ones(group), moreOnes(group), in) - in;
    return (high << lowBits(group)) + low(at);
  }

  @Override
  long startOff(int at) {
    return base(at >>> GROUP_LOG) + fromBase(at);
  }

  @Override
  long startBlock(int at) {
    return startBlock(at, startOff(at));
  }

  @Override
  long startBlock(int at, long startOff) {
    int group = at >>> GROUP_LOG;
    long shape = shape(group);
    if (isEven(shape)) {
      return (shape >>> PLACE_SHIFT) + (at & (GROUP - 1)) * (rest(group) >> COUNT_AND_FLAG_BITS);
    }
    long least = field(shape >>> PLACE_SHIFT, FSB_BITS);
    long along = (startOff - base(group)) & -((shape >>> SLOPE_SHIFT) & 1);
    long more = field(place(at) + lowBits(group) + countBits(shape), blockBits(shape));
    return (least + along + more) & ((1L << FSB_BITS) - 1);
  }

  @Override
  long blockCount(int at) {
    return (countAndFlag(at) >>> 1) + 1;
  }

  @Override
  boolean unwritten(int at) {
    return (countAndFlag(at) & 1) != 0;
  }

  @Override
  int find(long fileoff) {
    if (fileoff <= before) {
      return NONE;
    }
    int group = findGroup(fileoff);
    if (isEven(shape(group))) {
      return (group << GROUP_LOG)
          + (int) Math.min((fileoff - base(group)) / stride(group), GROUP - 1);
    }
    return find(group, fileoff);
  }

  /** Finds it in a group that is not even. */
  private int find(int group, long fileoff) {
    int lowBits = lowBits(group);
    long within = Math.min(fileoff - base(group), ((long) GROUP << lowBits) - 1);
    int bucket = (int) (within >>> lowBits);
    int zero = select(~ones(group), ~moreOnes(group), bucket);
    // of the bucket, or, if that is empty, of the buckets before
    int last = (group << GROUP_LOG) + zero - bucket - 1;
    long low = within & ((1L << lowBits) - 1);
    if (low(last) <= low) {
      return last; // in either case
    }
    int inBucket = onesBefore(group, zero);
    return inBucket == 0 ? last : findInBucket(last - inBucket, last - 1, low);
  }

  private int findGroup(long fileoff) {
    int range = (int) Math.min((fileoff - before - 1) >>> rangeLog, ranges.length - 2);
    int least = ranges[range];
    int most = ranges[range + 1];
    while (least < most) {
      int middle = (least + most + 1) >>> 1;
      if (base(middle) <= fileoff) {
        least = middle;
      } else {
        most = middle - 1;
      }
    }
    return least;
  }

  /** The number of ones between a zero and the zero before it. */
  private int onesBefore(int group, int zero) {
    long first = ones(group);
    long until = zero <= Long.SIZE ? first << -zero : (first >>> zero) | (moreOnes(group) << -zero);
    return Long.numberOfLeadingZeros(~until);
  }

  /**
   * The last of some extents whose low part is at most the given one. The first extent's is not
   * compared.
   */
  private int findInBucket(int first, int last, long low) {
    int least = first;
    int most = last;
    while (least < most) {
      int middle = (least + most + 1) >>> 1;
      if (low(middle) <= low) {
        least = middle;
      } else {
        most = middle - 1;
      }
    }
    return least;
  }

  /** Takes extents in the order of the file and checks each. */
  static final class Builder {
    private final XfsSb sb;
    private final long expected;
    private int count;
    private @Nullable Rec firstRec;
    private long end; // of the last extent
    private long[] heads = new long[HEAD];
    private byte[] packed = new byte[RECORD_BYTES + Long.BYTES];
    private long place; // the end of the packed bits

    // The group that is being filled.
    private final long[] starts;
    private final long[] countsAndFlags;
    private final long[] blocks;

    /**
     * Makes an empty builder.
     *
     * @param sb the filesystem that all extents must be inside
     * @param expected the total, as the inode claims; may be any value
     */
    Builder(XfsSb sb, long expected) {
      this.sb = sb;
      this.expected = expected;
      int most = (int) Math.clamp(expected, 0L, (long) GROUP);
      starts = new long[most];
      countsAndFlags = new long[most];
      blocks = new long[most];
    }

    /**
     * Adds the next extent.
     *
     * @param from the block with its record
     * @param at offset of the record
     */
    @LinuxSource(
        file = "fs/xfs/libxfs/xfs_bmap.c",
        name = {"xfs_bmap_validate_extent", "xfs_iread_bmbt_block"})
    void add(BufData from, int at) throws ErrnoException {
      long first = from.i64(at);
      long second = from.i64(at + 8);
      long start = Rec.off(first);
      long length = Rec.count(second);
      long block = Rec.block(first, second);
      if (count >= expected) {
        throw from.corrupt("more extents than the inode tells");
      }
      if (start < end || start > MAX_FILEOFF - length) {
        throw from.corrupt("extents overlap or are not in order");
      }
      if (!sb.extentValid(block, length)) {
        throw from.corrupt("an extent is outside the filesystem");
      }
      if (count >= MAX_EXTENTS) {
        throw new ErrnoException(Errno.ENOMEM, "more than " + MAX_EXTENTS + " extents in a file");
      }
      if (count == 0) {
        firstRec = Rec.decode(first, second);
      }
      int in = count & (GROUP - 1);
      starts[in] = start;
      countsAndFlags[in] = (length - 1) << 1 | first >>> 63;
      blocks[in] = block;
      count++;
      end = start + length;
      if (in == GROUP - 1) {
        pack();
      }
    }

    /** Whether there are 64 extents of equal length at equal distances. */
    private boolean isEven(int extents) {
      if (extents != GROUP
          || step() >> (Long.SIZE - COUNT_AND_FLAG_BITS - 1) != step() >> (Long.SIZE - 1)) {
        return false; // or the distance is too large
      }
      for (int i = 1; i < extents; i++) {
        if (starts[i] - starts[i - 1] != stride()
            || blocks[i] - blocks[i - 1] != step()
            || countsAndFlags[i] != countsAndFlags[0]) {
          return false;
        }
      }
      return true;
    }

    private long stride() {
      return starts[1] - starts[0];
    }

    private long step() {
      return blocks[1] - blocks[0];
    }

    private void packEven(int group) throws ErrnoException {
      int head = group << HEAD_LOG;
      makeRoom(head + HEAD, packed.length);
      heads[head] = starts[0] << LOW_BITS_BITS;
      heads[head + 1] = blocks[0] << PLACE_SHIFT | (long) EVEN << BLOCK_BITS_SHIFT;
      heads[head + 2] = stride();
      heads[head + 3] = step() << COUNT_AND_FLAG_BITS | countsAndFlags[0];
    }

    /** Packs the last group, full or not. */
    private void pack() throws ErrnoException {
      int group = (count - 1) >>> GROUP_LOG;
      int extents = ((count - 1) & (GROUP - 1)) + 1;
      if (isEven(extents)) {
        packEven(group);
        return;
      }
      long base = starts[0];
      int lowBits = Math.max(0, bits(starts[extents - 1] - base) - GROUP_LOG);
      long any = 0;
      long least = Long.MAX_VALUE;
      long most = 0;
      long leastAlong = Long.MAX_VALUE;
      long mostAlong = Long.MIN_VALUE;
      for (int i = 0; i < extents; i++) {
        any |= countsAndFlags[i];
        least = Math.min(least, blocks[i]);
        most = Math.max(most, blocks[i]);
        long along = blocks[i] - (starts[i] - base);
        leastAlong = Math.min(leastAlong, along);
        mostAlong = Math.max(mostAlong, along);
      }
      int countBits = bits(any);
      int slope = mostAlong - leastAlong < most - least ? 1 : 0;
      int blockBits = slope == 0 ? bits(most - least) : bits(mostAlong - leastAlong);
      long behind = place + FSB_BITS + (long) extents * (lowBits + countBits + blockBits);
      makeRoom((group + 1) << HEAD_LOG, (int) (behind >>> 3) + Long.BYTES);
      int head = group << HEAD_LOG;
      heads[head] = base << LOW_BITS_BITS | lowBits;
      heads[head + 1] =
          place << PLACE_SHIFT
              | (long) slope << SLOPE_SHIFT
              | (long) blockBits << BLOCK_BITS_SHIFT
              | countBits;
      long from = slope == 0 ? least : leastAlong;
      put(from & ((1L << FSB_BITS) - 1), FSB_BITS);
      for (int i = 0; i < extents; i++) {
        long off = starts[i] - base;
        int one = (int) (off >>> lowBits) + i;
        heads[head + 2 + (one >>> 6)] |= 1L << one;
        put(off & ((1L << lowBits) - 1), lowBits);
        put(countsAndFlags[i], countBits);
        put(blocks[i] - (off & -slope) - from, blockBits);
      }
    }

    /** Appends bits, at most 57. */
    private void put(long field, int width) {
      int at = (int) (place >>> 3);
      LONG.set(packed, at, (long) LONG.get(packed, at) | field << (place & 7));
      place += width;
    }

    private void makeRoom(int longs, int bytes) throws ErrnoException {
      if (longs > heads.length) {
        resize(2 * heads.length, packed.length);
      }
      if (bytes > packed.length) {
        resize(heads.length, Math.max(bytes, 2 * packed.length));
      }
    }

    private void resize(int longs, int bytes) throws ErrnoException {
      try {
        heads = longs == heads.length ? heads : Arrays.copyOf(heads, longs);
        packed = bytes == packed.length ? packed : Arrays.copyOf(packed, bytes);
        // one of two places with allocations whose size the disk decides
      } catch (OutOfMemoryError e) {
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }

    /** Packs the rest and returns all extents. */
    XfsExtents build() throws ErrnoException {
      if (count != expected) {
        throw XfsError.corrupt(count + " extents, while the inode tells of " + expected);
      }
      if ((count & (GROUP - 1)) != 0) {
        pack();
      }
      int groups = (count + GROUP - 1) >>> GROUP_LOG;
      resize(groups << HEAD_LOG, (int) (place >>> 3) + Long.BYTES);
      try {
        return new XfsExtents(sb, firstRec, count, heads, packed);
      } catch (OutOfMemoryError e) { // as above
        throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
      }
    }
  }
}
