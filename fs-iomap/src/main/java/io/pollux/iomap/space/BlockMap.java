// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap.space;

import io.pollux.core.ErrnoException;
import io.pollux.iomap.Iomap;
import io.pollux.uapi.Errno;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of a file: where each is on the device, and whether it is unwritten. On disk they are
 * a list of extents.
 *
 * <p>In memory a block takes 4 bytes, so that a lookup and a change cost the same in a fragmented
 * file. The blocks are in chunks of 64, and a chunk of holes takes only a pointer. So the memory of
 * a sparse file grows with its blocks on the device, by at most 272 bytes for each.
 *
 * <p>A lookup takes no lock and allocates nothing. Changes take the monitor. All methods may be
 * called in any context, and do not sleep.
 */
public final class BlockMap {
  /** Bytes of an extent in the form of {@link #encode}. */
  public static final int EXTENT_BYTES = 12;

  private static final int UNWRITTEN = 1 << 31;
  private static final int HEADROOM = 4096;
  private static final int CHUNK_SHIFT = 6;
  private static final int CHUNK = 1 << CHUNK_SHIFT; // blocks
  private static final int MAX_BLOCKS = 1 << 30;

  private final FreeSpace space;
  private final int shift; // log2 of the block size
  private final int maxBlocks;
  private final int maxExtents;
  private final int maxNew; // extents up to which blocks are allocated

  /**
   * The block of the device for each block of the file, perhaps with UNWRITTEN; 0 is a hole. In
   * chunks; null is a chunk of holes. Readers take no lock.
   */
  private volatile int[] @Nullable [] map = {};

  private int extents; // in the map; under the monitor
  private int allocated; // blocks in the map; likewise
  private final BitSet dropped = new BitSet(); // since the last encoding; under the monitor
  private final BitSet leaving = new BitSet(); // dropped before it; likewise

  /**
   * Creates the map of a file without blocks.
   *
   * @param space the free blocks of the filesystem
   * @param maxBytes the largest size of a file, at most 2^30 blocks
   * @param maxExtents the number of extents for which there is room on the disk. Allocation stops
   *     at a quarter of it, or 4096 before it if that is more: a conversion may split extents
   */
  public BlockMap(FreeSpace space, long maxBytes, int maxExtents) {
    this.space = space;
    this.maxExtents = maxExtents;
    shift = space.shift();
    if (maxBytes >> shift > MAX_BLOCKS) {
      throw new IllegalArgumentException("a file of " + maxBytes + " bytes");
    }
    maxBlocks = (int) (maxBytes >> shift);
    maxNew = maxExtents - Math.min(HEADROOM, maxExtents / 4 * 3);
  }

  private static int get(int[] @Nullable [] map, int i) {
    int @Nullable [] chunk = i >> CHUNK_SHIFT < map.length ? map[i >> CHUNK_SHIFT] : null;
    return chunk == null ? 0 : chunk[i & (CHUNK - 1)];
  }

  /** Returns the block after the last chunk. */
  private int limit() {
    return map.length << CHUNK_SHIFT;
  }

  /** Whether block i continues the extent, or the hole, of the block before it. */
  private static boolean continues(int[] @Nullable [] map, int i) {
    return i > 0 && get(map, i) == (get(map, i - 1) == 0 ? 0 : get(map, i - 1) + 1);
  }

  private static boolean begins(int[] @Nullable [] map, int i) {
    return get(map, i) != 0 && !continues(map, i);
  }

  /** Returns the block after the extent or hole of a block, or the limit if that is earlier. */
  private static int end(int[] @Nullable [] map, int i, int limit) {
    int next = i + 1;
    while (next < limit && continues(map, next)) {
      int chunk = next >> CHUNK_SHIFT;
      if (chunk >= map.length) {
        return limit; // after the map there is one hole
      }
      next = map[chunk] == null ? (chunk + 1) << CHUNK_SHIFT : next + 1;
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
    int[] @Nullable [] now = map;
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
    for (int i = 0; i < count; i++) {
      put(first + i, (int) (got >>> 32) + i | UNWRITTEN);
    }
    return 0;
  }

  /** Returns the chunk of a block, which may be a new one. */
  private int[] chunk(int i) {
    int which = i >> CHUNK_SHIFT;
    if (which >= map.length) {
      int most = (maxBlocks + CHUNK - 1) >> CHUNK_SHIFT;
      map = Arrays.copyOf(map, Math.max(which + 1, Math.min(2 * map.length, most)));
    }
    int @Nullable [] chunk = map[which];
    if (chunk == null) {
      chunk = new int[CHUNK];
      map[which] = chunk;
    }
    return chunk;
  }

  private void put(int i, int block) {
    int before = (begins(map, i) ? 1 : 0) + (begins(map, i + 1) ? 1 : 0);
    allocated += (block != 0 ? 1 : 0) - (get(map, i) != 0 ? 1 : 0);
    chunk(i)[i & (CHUNK - 1)] = block;
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
    int first = (int) Math.min(from >> shift, limit());
    int end = (int) Math.min(((to - 1) >> shift) + 1, limit());
    if (extents + splits(first) + splits(end) > maxExtents) {
      return -Errno.ENOSPC;
    }
    for (int i = first; i < end; i++) {
      if (get(map, i) < 0) {
        put(i, get(map, i) & ~UNWRITTEN);
      }
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
    int start = (int) Math.min(from >> shift, limit());
    for (int i = start, next; i < limit(); i = next) {
      next = i + 1;
      if (get(map, i) != 0) {
        dropped.set(get(map, i) & ~UNWRITTEN);
        put(i, 0);
      } else {
        next = end(map, i, limit());
      }
    }
    int chunks = (start + CHUNK - 1) >> CHUNK_SHIFT; // those that keep blocks
    if (chunks < map.length) {
      map = Arrays.copyOf(map, chunks);
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
    for (int i = 0, next; i < limit(); i = next) {
      next = end(map, i, limit());
      if (get(map, i) != 0) {
        to.putInt(i).putInt(get(map, i)).putInt(next - i);
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
      for (int i = 0; i < blocks; i++) {
        put(first + i, block + i);
      }
    }
  }
}
