// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap.space;

import io.pollux.block.BlockDevice;
import java.util.BitSet;

/**
 * The free blocks of a device, in memory. From any context; does not sleep.
 *
 * <p>The search for free blocks starts after the last ones allocated, so that a new file is
 * contiguous where possible.
 */
public final class FreeSpace {
  private final BlockDevice bdev;
  private final int shift; // log2 of the block size
  private final int first; // first block for files
  private final int end; // blocks of the device
  private final BitSet used = new BitSet(); // under the monitor, as all below
  private int hint;

  /**
   * Creates the free space of a device: all blocks for files, other than block 0.
   *
   * @param bdev the device
   * @param blockSize bytes of a block, a power of two
   * @param from first byte that files may have, a multiple of the block size
   */
  public FreeSpace(BlockDevice bdev, int blockSize, long from) {
    this.bdev = bdev;
    shift = Integer.numberOfTrailingZeros(blockSize);
    end = (int) Math.min(bdev.bytes() >> shift, Integer.MAX_VALUE);
    first = Math.clamp(from >> shift, 1, Math.max(end, 1)); // 0 is a hole in BlockMap
    hint = first;
    used.set(0, first);
  }

  /** {@return the device} */
  public BlockDevice bdev() {
    return bdev;
  }

  int shift() {
    return shift;
  }

  /** Returns the number of blocks of the device. */
  public long blocks() {
    return end;
  }

  /** Returns the number of free blocks. */
  public synchronized long free() {
    return (long) end - used.cardinality();
  }

  /**
   * Allocates adjacent blocks.
   *
   * @param most the number wanted, at least 1
   * @return the first one in the upper half, and their number in the lower; 0 if none is free
   */
  synchronized long allocate(int most) {
    int start = used.nextClearBit(hint);
    if (start >= end) {
      start = used.nextClearBit(first);
    }
    int next = used.nextSetBit(start);
    int stop = next < 0 ? end : next; // of the free blocks
    int count = Math.min(stop - start, most);
    if (start >= end) {
      return 0;
    }
    used.set(start, start + count);
    hint = start + count;
    return (long) start << 32 | count;
  }

  /**
   * Takes the blocks of an extent that was read from the disk.
   *
   * @param start first block; any value at all, as for count
   * @return false if not all are free blocks of the device
   */
  synchronized boolean take(int start, int count) {
    if (start < first || count <= 0 || count > end - start) {
      return false;
    }
    int next = used.nextSetBit(start);
    boolean free = next < 0 || next >= start + count;
    used.set(start, start + count);
    return free;
  }

  /** Makes blocks free. */
  synchronized void free(BitSet blocks) {
    used.andNot(blocks);
  }
}
