// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static io.pollux.xfs.log.XlogItem.le16;
import static io.pollux.xfs.log.XlogItem.le32;
import static io.pollux.xfs.log.XlogItem.le64;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * A buffer item: which parts of a block a transaction has changed.
 *
 * @param item the item
 * @param flags XFS_BLF_*
 * @param type XFS_BLFT_*
 * @param daddr the first basic block on the device; any value
 * @param bbs basic blocks
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "xfs_buf_log_format")
record ReplayBuf(XlogItem item, int flags, int type, long daddr, int bbs) {
  /** Receives the parts in order. */
  interface Part {
    /**
     * Called for each.
     *
     * @param at its offset in the block
     * @param data what it becomes
     */
    void apply(int at, BufData data) throws ErrnoException;
  }

  /** Decodes an item. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_log_check_iovec")
  static ReplayBuf of(XlogItem item) throws ErrnoException {
    BufData format = item.format();
    int flags = le16(format, XlogFormat.BLF_FLAGS);
    int words = le32(format, XlogFormat.BLF_MAP_SIZE);
    if (words < 0
        || words > XlogFormat.XFS_BLF_DATAMAP_SIZE
        || format.size() < XlogFormat.BLF_DATA_MAP + 4 * words) {
      throw XlogDevice.corrupt("a buffer with an impossible map of its parts");
    }
    return new ReplayBuf(
        item,
        flags,
        flags >>> XlogFormat.XFS_BLFT_SHIFT,
        le64(format, XlogFormat.BLF_BLKNO),
        le16(format, XlogFormat.BLF_LEN));
  }

  boolean cancels() {
    return (flags & XlogFormat.XFS_BLF_CANCEL) != 0;
  }

  boolean inodes() {
    return (flags & XlogFormat.XFS_BLF_INODE_BUF) != 0;
  }

  /** First byte on the device, -1 for an impossible one. */
  long position() {
    return daddr >= 0 && daddr < 1L << (62 - XfsSb.BB_SHIFT) ? daddr << XfsSb.BB_SHIFT : -1;
  }

  int length() {
    return bbs << XfsSb.BB_SHIFT;
  }

  private boolean bit(int number) throws ErrnoException {
    int word = le32(item.format(), XlogFormat.BLF_DATA_MAP + 4 * (number / 32));
    return (word & 1 << number % 32) != 0;
  }

  /**
   * Visits the parts. A part ends where the map has a gap, or where its region ends.
   *
   * @param part receives them
   */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_do_reg_buffer")
  void parts(Part part) throws ErrnoException {
    int bits = 32 * le32(item.format(), XlogFormat.BLF_MAP_SIZE);
    int region = 1;
    int at = 0;
    while (at < bits) { // at strictly increases
      if (!bit(at)) {
        at++;
        continue;
      }
      BufData data = item.region(region++);
      int run = 0;
      int most = data.size() >> XlogFormat.XFS_BLF_SHIFT;
      while (run < most && at + run < bits && bit(at + run)) {
        run++;
      }
      if (run == 0 || (at + run) << XlogFormat.XFS_BLF_SHIFT > length()) {
        throw XlogDevice.corrupt("a buffer with a part beyond its end");
      }
      part.apply(
          at << XlogFormat.XFS_BLF_SHIFT, data.slice(0, run << XlogFormat.XFS_BLF_SHIFT, "log"));
      at += run;
    }
  }
}
