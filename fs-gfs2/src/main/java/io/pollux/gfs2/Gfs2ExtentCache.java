// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The stretches of one file that were mapped last, so that mapping again costs no walk: a table with a place for each
 * block of pointers, or, of a file that has more of them than places, the ones that were needed last. What C has in the
 * buffer cache, without the buffers. Goes as a whole when the glock goes.
 */
final class Gfs2ExtentCache {
  private static final int MOST_PLACES = 1024;

  private final long span; // blocks of the file that a block of pointers is for
  private final AtomicReferenceArray<@Nullable Gfs2Extents> places;

  /**
   * Makes an empty one.
   *
   * @param sb the filesystem
   * @param dinode of the file
   */
  Gfs2ExtentCache(Gfs2Sb sb, Gfs2Dinode dinode) {
    span = dinode.height() <= 1 ? Long.MAX_VALUE : sb.inptrs;
    long stretches = (dinode.size() >> sb.blockLog) / span + 1;
    int most = (int) Math.min(stretches, MOST_PLACES);
    places = new AtomicReferenceArray<>(most == 1 ? 1 : Integer.highestOneBit(most - 1) << 1);
  }

  private int place(long fileBlock) {
    return (int) (fileBlock / span) & (places.length() - 1);
  }

  /** The stretch that has a block of the file, if it is here. */
  @Nullable Gfs2Extents find(long fileBlock) {
    Gfs2Extents there = places.getAcquire(place(fileBlock)); // pairs with put
    return there != null && fileBlock >= there.start && fileBlock < there.end ? there : null;
  }

  /** Keeps a stretch that has a block of the file. */
  void put(long fileBlock, Gfs2Extents extents) {
    places.setRelease(place(fileBlock), extents);
  }
}
