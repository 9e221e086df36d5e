// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import java.util.Arrays;

/**
 * A stretch of a file as runs: what one block of pointers says, or a hole in a block of pointers further up. Immutable.
 * Runs follow each other without gaps; holes are runs, too.
 */
final class Gfs2Extents {
  /** The device block of a hole. */
  static final long HOLE = 0;

  /** First block in the file, and the one behind the last. */
  final long start;

  final long end;

  private final int[] offs; // where each run starts, from start on
  private final long[] blocks; // where it is on the device, or HOLE

  private Gfs2Extents(long start, long end, int[] offs, long[] blocks) {
    this.start = start;
    this.end = end;
    this.offs = offs;
    this.blocks = blocks;
  }

  /** A stretch with nothing in it. */
  static Gfs2Extents hole(long start, long end) {
    return new Gfs2Extents(start, end, new int[1], new long[] {HOLE});
  }

  /**
   * What pointers say.
   *
   * @param from the block that they are in
   * @param at where the first one is
   * @param count how many
   * @param start the block in the file that the first one is for
   * @param rgrps where they may point
   * @return the stretch
   * @throws ErrnoException EIO if one points where no file has its data
   */
  static Gfs2Extents ofPointers(Gfs2Buf from, int at, int count, long start, Gfs2Rgrps rgrps) throws ErrnoException {
    int[] offs = new int[count];
    long[] blocks = new long[count];
    int runs = 0;
    long next = -1; // the pointer that would go on with the run
    for (int i = 0; i < count; i++) {
      long block = from.i64(at + i * Long.BYTES);
      if (block != next) {
        offs[runs] = i;
        blocks[runs] = block;
        runs++;
      }
      if (block != HOLE && !rgrps.hasData(block)) {
        throw from.corrupt("points to block " + Long.toUnsignedString(block) + ", where no data is");
      }
      next = block == HOLE ? HOLE : block + 1;
    }
    return new Gfs2Extents(start, start + count, Arrays.copyOf(offs, runs), Arrays.copyOf(blocks, runs));
  }

  /** Which run has a block of the file, one that is inside the stretch. */
  int find(long fileBlock) {
    int wanted = (int) Math.min(fileBlock - start, Integer.MAX_VALUE); // a stretch that is longer is one hole
    int low = 0;
    int high = offs.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (offs[middle] <= wanted) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  /** First block of a run in the file. */
  long startOff(int run) {
    return start + offs[run];
  }

  /** The block in the file behind a run. */
  long endOff(int run) {
    return run + 1 < offs.length ? start + offs[run + 1] : end;
  }

  /** First block of a run on the device, or HOLE. */
  long startBlock(int run) {
    return blocks[run];
  }
}
