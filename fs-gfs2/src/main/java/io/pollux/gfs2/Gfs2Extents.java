// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import java.util.Arrays;

/**
 * A stretch of a file as runs: what one block of pointers says, or a hole in a block of pointers further up. Immutable.
 * Runs follow each other without gaps; holes are runs, too.
 *
 * <p>Nothing here branches on where a run starts: for a random block such branches are guessed wrong, and then all that the
 * processor has done ahead of them is lost, which costs more than the whole lookup.
 */
final class Gfs2Extents {
  /** The device block of a hole. */
  static final long HOLE = 0;

  private static final int FEW = 4; // starts: enough for most stretches
  private static final long NONE = Long.MAX_VALUE; // behind every block of a file

  /** First block in the file, and the one behind the last. */
  final long start;

  final long end;

  /**
   * Pairs: where a run starts in the file, and where it is on the device, or HOLE. Behind the last one is the end, and then
   * NONE up to a power of two.
   */
  private final long[] runs;

  private Gfs2Extents(long start, long end, long[] runs) {
    this.start = start;
    this.end = end;
    this.runs = runs;
  }

  /** A stretch with nothing in it. */
  static Gfs2Extents hole(long start, long end) {
    return of(start, end, new int[1], new long[] {HOLE}, 1);
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
  static Gfs2Extents ofPointers(BufData from, int at, int count, long start, Gfs2Rgrps rgrps) throws ErrnoException {
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
    return of(start, start + count, offs, blocks, runs);
  }

  private static Gfs2Extents of(long start, long end, int[] offs, long[] blocks, int count) {
    int pairs = Math.max(FEW, Integer.highestOneBit(count) << 1); // more than count: room for the end
    long[] runs = new long[pairs << 1];
    for (int i = 0; i < count; i++) {
      runs[i << 1] = start + offs[i];
      runs[(i << 1) + 1] = blocks[i];
    }
    Arrays.fill(runs, count << 1, runs.length, NONE);
    runs[count << 1] = end;
    return new Gfs2Extents(start, end, runs);
  }

  /** Which run has a block of the file, one that is inside the stretch. Few are counted, many are searched by halves. */
  int find(long fileBlock) {
    long[] pairs = runs;
    if (pairs.length == FEW << 1) {
      return notBehind(pairs[2], fileBlock) + notBehind(pairs[4], fileBlock) + notBehind(pairs[6], fileBlock);
    }
    int run = 0;
    for (int step = pairs.length >> 2; step > 0; step >>= 1) {
      run += step & -notBehind(pairs[(run + step) << 1], fileBlock);
    }
    return run;
  }

  /** 1 if what starts there is not behind a block, else 0. */
  private static int notBehind(long start, long fileBlock) {
    return (int) ((start - fileBlock - 1) >>> 63); // the sign: neither is negative
  }

  /** First block of a run in the file. */
  long startOff(int run) {
    return runs[run << 1];
  }

  /** The block in the file behind a run. */
  long endOff(int run) {
    return runs[(run << 1) + 2];
  }

  /** First block of a run on the device, or HOLE. */
  long startBlock(int run) {
    return runs[(run << 1) + 1];
  }
}
