// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import org.jspecify.annotations.Nullable;

/**
 * The stretches of one file that were mapped last, so that mapping them again needs no walk. Each
 * block of pointers has a slot; when there are more such blocks than slots, the last one used keeps
 * it. C has the same in the buffer cache. The cache is dropped as a whole with the glock.
 */
final class Gfs2ExtentCache {
  private static final int MOST_PLACES = 1024;

  /** Logarithm of the block size, copied here so that mapping need not load the superblock. */
  final int blockLog;

  private final long inverse; // the factor of place

  /**
   * Plain: all fields of a stretch are final, so a reader that sees one sees all of it, and one
   * that misses it maps again.
   */
  private final @Nullable Gfs2Extents[] places;

  /**
   * Makes an empty cache.
   *
   * @param sb the filesystem
   * @param dinode the file's
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
   * The slot of a file's block: the index of its block of pointers, modulo the number of slots. A
   * multiplication costs less than the division it replaces.
   *
   * <p>It is exact: the error is less than fileBlock / 2^63, which is less than 1 / inptrs. A file
   * has at most 2^63 / blockSize blocks, and a block at most blockSize / 8 pointers.
   */
  int place(long fileBlock) {
    return (int) Math.multiplyHigh(fileBlock << 1, inverse) & (places.length - 1);
  }

  /** The cached stretch that covers a block of the file, or null. */
  @Nullable Gfs2Extents find(long fileBlock) {
    Gfs2Extents there = places[place(fileBlock)];
    return there != null && fileBlock >= there.start && fileBlock < there.end ? there : null;
  }

  /** Keeps a stretch that covers a block of the file. */
  void put(long fileBlock, Gfs2Extents extents) {
    places[place(fileBlock)] = extents;
  }
}
