// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import java.util.Arrays;

/**
 * The runs of a stretch of a file: those of one block of pointers, or of a hole in a block of
 * pointers further up. Runs follow each other without gaps; a hole is a run, too. Immutable.
 *
 * <p>The lookup has no branch on the start of a run. For a random block such a branch is
 * mispredicted, which costs more than the whole lookup.
 */
final class Gfs2Extents {
  /** The device block of a hole. */
  static final long HOLE = 0;

  private static final int FEW = 4; // pairs: enough for most stretches
  private static final long NONE = Long.MAX_VALUE; // beyond every block of a file

  /** The first block in the file, and the one after the last. */
  final long start;

  final long end;

  /**
   * Pairs: the start of a run in the file, and its block on the device or HOLE. After the last pair
   * comes the end, then NONE up to a power of two.
   */
  private final long[] runs;

  private Gfs2Extents(long start, long end, long[] runs) {
    this.start = start;
    this.end = end;
    this.runs = runs;
  }

  /** A stretch that is one hole. */
  static Gfs2Extents hole(long start, long end) {
    return of(start, end, new int[1], new long[] {HOLE}, 1);
  }

  /**
   * Makes a stretch from pointers.
   *
   * @param from the block with the pointers
   * @param at offset of the first
   * @param count their number
   * @param start the block in the file that the first one is for
   * @param rgrps the groups that they may point into
   * @return the stretch
   * @throws ErrnoException EIO if one points to a block that is not in a resource group
   */
  static Gfs2Extents ofPointers(BufData from, int at, int count, long start, Gfs2Rgrps rgrps)
      throws ErrnoException {
    int[] offs = new int[count];
    long[] blocks = new long[count];
    int runs = 0;
    long next = -1; // the pointer that would continue the run
    for (int i = 0; i < count; i++) {
      long block = from.i64(at + i * Long.BYTES);
      if (block != next) {
        offs[runs] = i;
        blocks[runs] = block;
        runs++;
      }
      if (block != HOLE && !rgrps.hasData(block)) {
        throw from.corrupt(
            "points to block " + Long.toUnsignedString(block) + ", where no data is");
      }
      next = block == HOLE ? HOLE : block + 1;
    }
    return of(start, start + count, offs, blocks, runs);
  }

  private static Gfs2Extents of(long start, long end, int[] offs, long[] blocks, int count) {
    // more than count: room for the end
    int pairs = Math.max(FEW, Integer.highestOneBit(count) << 1);
    long[] runs = new long[pairs << 1];
    for (int i = 0; i < count; i++) {
      runs[i << 1] = start + offs[i];
      runs[(i << 1) + 1] = blocks[i];
    }
    Arrays.fill(runs, count << 1, runs.length, NONE);
    runs[count << 1] = end;
    return new Gfs2Extents(start, end, runs);
  }

  /**
   * Returns the run that has a block of the file, which must be inside the stretch. Few runs are
   * counted, many are searched by bisection.
   */
  int find(long fileBlock) {
    long[] pairs = runs;
    if (pairs.length == FEW << 1) {
      return notBehind(pairs[2], fileBlock)
          + notBehind(pairs[4], fileBlock)
          + notBehind(pairs[6], fileBlock);
    }
    int run = 0;
    for (int step = pairs.length >> 2; step > 0; step >>= 1) {
      run += step & -notBehind(pairs[(run + step) << 1], fileBlock);
    }
    return run;
  }

  /** Returns 1 if the run that starts there starts at or before the block, else 0. */
  private static int notBehind(long start, long fileBlock) {
    return (int) ((start - fileBlock - 1) >>> 63); // the sign bit: neither operand is negative
  }

  /** First block of a run in the file. */
  long startOff(int run) {
    return runs[run << 1];
  }

  /** The block in the file after a run. */
  long endOff(int run) {
    return runs[(run << 1) + 2];
  }

  /** First block of a run on the device, or HOLE. */
  long startBlock(int run) {
    return runs[(run << 1) + 1];
  }
}
