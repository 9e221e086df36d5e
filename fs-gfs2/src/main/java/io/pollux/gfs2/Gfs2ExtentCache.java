// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import org.jspecify.annotations.Nullable;

/**
 * The stretches of one file that were mapped last, so that mapping again costs no walk: a table with a place for each
 * block of pointers, or, of a file that has more of them than places, the ones that were needed last. What C has in the
 * buffer cache, without the buffers. Goes as a whole when the glock goes.
 */
final class Gfs2ExtentCache {
  private static final int MOST_PLACES = 1024;

  /** Logarithm of the size of a block: here, too, where the mapping finds it without going to the superblock. */
  final int blockLog;

  private final long inverse; // what place multiplies with

  /** Plain: all that a stretch consists of is final, so whoever sees it sees all of it; who does not see it maps again. */
  private final @Nullable Gfs2Extents[] places;

  /**
   * Makes an empty one.
   *
   * @param sb the filesystem
   * @param dinode of the file
   */
  Gfs2ExtentCache(Gfs2Sb sb, Gfs2Dinode dinode) {
    blockLog = sb.blockLog;
    boolean one = dinode.height() <= 1; // all pointers are in the inode
    inverse = one ? 0 : Long.MAX_VALUE / sb.inptrs + 1; // 2^63 / inptrs, rounded up
    long stretches = one ? 1 : (dinode.size() >> blockLog) / sb.inptrs + 1;
    int most = (int) Math.min(stretches, MOST_PLACES);
    places = new Gfs2Extents[most == 1 ? 1 : Integer.highestOneBit(most - 1) << 1];
  }

  /**
   * Which block of pointers, counted from the file's start, modulo the places. A multiplication costs less than the division that
   * it stands for, and is exact: it is too much by less than fileBlock / 2^63, which is less than 1 / inptrs, as no file has
   * more than 2^63 / blockSize blocks, and a block not more than blockSize / 8 pointers.
   */
  int place(long fileBlock) {
    return (int) Math.multiplyHigh(fileBlock << 1, inverse) & (places.length - 1);
  }

  /** The stretch that has a block of the file, if it is here. */
  @Nullable Gfs2Extents find(long fileBlock) {
    Gfs2Extents there = places[place(fileBlock)];
    return there != null && fileBlock >= there.start && fileBlock < there.end ? there : null;
  }

  /** Keeps a stretch that has a block of the file. */
  void put(long fileBlock, Gfs2Extents extents) {
    places[place(fileBlock)] = extents;
  }
}
