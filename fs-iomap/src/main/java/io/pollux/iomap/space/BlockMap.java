// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap.space;

import io.pollux.core.ErrnoException;
import io.pollux.iomap.Iomap;
import io.pollux.uapi.Errno;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The blocks of a file: where each is on the device, and whether it is unwritten. On disk they are
 * a list of extents.
 *
 * <p>In memory each block up to the last one takes 4 bytes, so that a lookup and a change cost the
 * same in a fragmented file. A lookup takes no lock and allocates nothing. Changes take the
 * monitor. All methods may be called in any context, and do not sleep.
 */
public final class BlockMap {
  /** Bytes of an extent in the form of {@link #encode}. */
  public static final int EXTENT_BYTES = 12;

  private static final int UNWRITTEN = 1 << 31;
  private static final int HEADROOM = 4096;

  private final FreeSpace space;
  private final int shift; // log2 of the block size
  private final int maxBlocks;
  private final int maxExtents;
  private final int maxNew; // extents up to which blocks are allocated

  /**
   * The block of the device for each block of the file, perhaps with UNWRITTEN; 0 is a hole.
   * Readers take no lock.
   */
  private volatile int[] map = {};

  private int extents; // in the map; under the monitor
  private int allocated; // blocks in the map; likewise
  private final BitSet dropped = new BitSet(); // since the last encoding; under the monitor
  private final BitSet leaving = new BitSet(); // dropped before it; likewise

  /**
   * Creates the map of a file without blocks.
   *
   * @param space the free blocks of the filesystem
   * @param maxBytes the largest size of a file, less than 2^31 blocks
   * @param maxExtents the number of extents for which there is room on the disk. Allocation stops
   *     some way before it, because a conversion splits extents
   */
  public BlockMap(FreeSpace space, long maxBytes, int maxExtents) {
    this.space = space;
    this.maxExtents = maxExtents;
    shift = space.shift();
    maxBlocks = Math.toIntExact(maxBytes >> shift);
    maxNew = maxExtents - Math.min(HEADROOM, maxExtents / 4 * 3);
  }

  private static int get(int[] map, int i) {
    return i < map.length ? map[i] : 0;
  }

  /** Whether block i continues the extent, or the hole, of the block before it. */
  private static boolean continues(int[] map, int i) {
    return i > 0 && get(map, i) == (get(map, i - 1) == 0 ? 0 : get(map, i - 1) + 1);
  }

  private static boolean begins(int[] map, int i) {
    return get(map, i) != 0 && !continues(map, i);
  }

  /** Returns the block after the extent or hole of a block, or the limit if that is earlier. */
  private static int end(int[] map, int i, int limit) {
    int next = i + 1;
    while (next < limit && continues(map, next)) {
      next = next < map.length ? next + 1 : limit; // after the map there is one hole
    }
    return Math.min(next, limit);
  }

  /** Returns the block after a range, at most maxBlocks. */
  private int endBlock(long pos, long length) {
    long max = (long) maxBlocks << shift;
    return length >= max - pos ? maxBlocks : (int) ((pos + length - 1) >> shift) + 1;
  }

  /**
   * Fills in the extent or the hole at a position, up to the end of a range.
   *
   * @param pos first byte of the range
   * @param length its bytes, at least 1
   * @param iomap receives the extent, without flags
   */
  public void find(long pos, long length, Iomap iomap) {
    if (pos >> shift >= maxBlocks) {
      iomap.setHole(pos, length);
      return;
    }
    int[] now = map;
    int first = (int) (pos >> shift);
    int block = get(now, first);
    long start = (long) first << shift;
    long bytes = (long) (end(now, first, endBlock(pos, length)) - first) << shift;
    if (block == 0) {
      iomap.setHole(start, bytes);
    } else {
      long addr = (long) (block & ~UNWRITTEN) << shift;
      iomap.setMapped(block < 0, start, bytes, addr, space.bdev());
    }
  }

  /** Whether a position has a block. */
  public boolean has(long pos) {
    return pos >> shift < maxBlocks && get(map, (int) (pos >> shift)) != 0;
  }

  /**
   * Allocates unwritten blocks for the start of a range, unless its first byte has a block.
   *
   * @param pos first byte of the range
   * @param length its bytes, at least 1
   * @return 0; -EFBIG beyond the largest size; -ENOSPC if no block is free, or there are too many
   *     extents
   */
  public synchronized int allocate(long pos, long length) {
    if (pos >> shift >= maxBlocks) {
      return -Errno.EFBIG;
    }
    int first = (int) (pos >> shift);
    if (get(map, first) != 0) {
      return 0; // another writer allocated it
    }
    if (extents >= maxNew) {
      return -Errno.ENOSPC;
    }
    long got = space.allocate(end(map, first, endBlock(pos, length)) - first);
    int count = (int) got;
    if (count == 0) {
      return -Errno.ENOSPC;
    }
    grow(first + count);
    for (int i = 0; i < count; i++) {
      put(first + i, (int) (got >>> 32) + i | UNWRITTEN);
    }
    return 0;
  }

  private void grow(int blocks) {
    if (blocks > map.length) {
      map = Arrays.copyOf(map, Math.max(blocks, (int) Math.min(2L * map.length, maxBlocks)));
    }
  }

  private void put(int i, int block) {
    int before = (begins(map, i) ? 1 : 0) + (begins(map, i + 1) ? 1 : 0);
    allocated += (block != 0 ? 1 : 0) - (map[i] != 0 ? 1 : 0);
    map[i] = block;
    extents += (begins(map, i) ? 1 : 0) + (begins(map, i + 1) ? 1 : 0) - before;
  }

  /**
   * Makes the unwritten blocks of a range written. Holes stay.
   *
   * @param from first byte of a block
   * @param to end of the range; its last block is converted whole
   * @return 0, or -ENOSPC if there were too many extents; nothing is converted then
   */
  public synchronized int convert(long from, long to) {
    int first = (int) Math.min(from >> shift, map.length);
    int end = (int) Math.min(((to - 1) >> shift) + 1, map.length);
    if (extents + splits(first) + splits(end) > maxExtents) {
      return -Errno.ENOSPC;
    }
    for (int i = first; i < end; i++) {
      put(i, map[i] & ~UNWRITTEN);
    }
    return 0;
  }

  /** Returns 1 if an unwritten extent reaches from the block before i to i, or 0. */
  private int splits(int i) {
    return get(map, i) < 0 && continues(map, i) ? 1 : 0;
  }

  /**
   * Drops the blocks from a position on. {@link #freeDropped} makes them free.
   *
   * @param from a multiple of the block size, or more than the largest size
   */
  public synchronized void cut(long from) {
    for (int i = (int) Math.min(from >> shift, map.length); i < map.length; i++) {
      if (map[i] != 0) {
        dropped.set(map[i] & ~UNWRITTEN);
        put(i, 0);
      }
    }
  }

  /** Returns the bytes of all blocks. */
  public synchronized long bytes() {
    return (long) allocated << shift;
  }

  /**
   * Stores the extents: their number, then for each the first block of the file, the first one of
   * the device with a sign bit for unwritten, and the number of blocks; each in 4 bytes. When that
   * is durable, the caller calls {@link #freeDropped}, before the next encoding.
   *
   * @param to receives 4 bytes and {@link #EXTENT_BYTES} for each extent
   */
  public synchronized void encode(ByteBuffer to) {
    to.putInt(extents);
    for (int i = 0, next; i < map.length; i = next) {
      next = end(map, i, map.length);
      if (map[i] != 0) {
        to.putInt(i).putInt(map[i]).putInt(next - i);
      }
    }
    leaving.or(dropped);
    dropped.clear();
  }

  /** Makes the blocks free that {@link #cut} dropped before the last encoding. */
  public synchronized void freeDropped() {
    space.free(leaving);
    leaving.clear();
  }

  /** Makes all blocks free. Called once no inode on the disk has them. */
  public synchronized void freeAll() {
    cut(0);
    leaving.or(dropped);
    dropped.clear();
    freeDropped();
  }

  /**
   * Loads the extents of a file from the form of {@link #encode}, and takes their blocks. The map
   * is new.
   *
   * @param from any content at all
   * @throws ErrnoException EUCLEAN if the list is invalid, or has a block that is not free
   */
  public synchronized void decode(ByteBuffer from) throws ErrnoException {
    int count = from.remaining() < Integer.BYTES ? -1 : from.getInt();
    if (count < 0 || count > maxExtents || count > from.remaining() / EXTENT_BYTES) {
      throw new ErrnoException(Errno.EUCLEAN, "has an impossible number of extents: " + count);
    }
    int behind = 0;
    for (int n = 0; n < count; n++) { // sorted and disjoint
      int first = from.getInt();
      int block = from.getInt();
      int blocks = from.getInt();
      if (first < behind || blocks <= 0 || blocks > maxBlocks - first) {
        throw new ErrnoException(Errno.EUCLEAN, "has an impossible range: extent " + n);
      }
      if (!space.take(block & ~UNWRITTEN, blocks)) {
        throw new ErrnoException(Errno.EUCLEAN, "has blocks that are not free: extent " + n);
      }
      behind = first + blocks;
      grow(behind);
      for (int i = 0; i < blocks; i++) {
        put(first + i, block + i);
      }
    }
  }
}
