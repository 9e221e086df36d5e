// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;

/**
 * A chunk of 64 inodes.
 *
 * @param startino its first inode, in the group
 * @param holemask for each four inodes from the lowest bit up, whether they have no blocks
 * @param count inodes that have blocks
 * @param freecount free inodes among those
 * @param free for each inode from the lowest bit up, whether it is free; set in holes
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_inobt_rec")
public record XfsInobtRec(long startino, int holemask, int count, int freecount, long free) {
  /** Inodes of a chunk. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INODES_PER_CHUNK")
  public static final int INODES = 64;

  /** Inodes that a bit of the hole mask stands for. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INODES_PER_HOLEMASK_BIT")
  public static final int INODES_PER_HOLE = 4;

  /** A hole mask without inodes. */
  public static final int ALL_HOLES = 0xffff;

  /** {@return for each inode from the lowest bit up, whether it has blocks} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc_btree.c", name = "xfs_inobt_irec_to_allocmask")
  public long allocated() {
    long allocated = 0;
    for (int i = 0; i < INODES / INODES_PER_HOLE; i++) {
      if ((holemask >> i & 1) == 0) {
        allocated |= ((1L << INODES_PER_HOLE) - 1) << (i * INODES_PER_HOLE);
      }
    }
    return allocated;
  }

  /**
   * Returns whether an inode is in use.
   *
   * @param agino its number in the group; may be any value
   * @return whether it is of this chunk, has blocks and is not free
   */
  public boolean isUsed(long agino) {
    long index = agino - startino;
    return index >= 0 && index < INODES && ((allocated() & ~free) >>> index & 1) != 0;
  }

  /** {@return the first free inode, from 0; there must be one} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_first_free_inode")
  public int firstFree() {
    return Long.numberOfTrailingZeros(allocated() & free);
  }

  /**
   * Returns the record after an inode changed.
   *
   * @param index the inode, from 0; its state is the other one
   * @param now whether it is free from now on
   * @return the record
   */
  public XfsInobtRec withFree(int index, boolean now) {
    assert (free >>> index & 1) == (now ? 0 : 1) : "it is in that state already";
    return new XfsInobtRec(
        startino, holemask, count, freecount + (now ? 1 : -1), free ^ 1L << index);
  }
}
