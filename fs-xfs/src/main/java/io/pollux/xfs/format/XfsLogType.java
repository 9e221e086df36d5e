// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/** A type of block as the log knows it. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "xfs_blft")
public interface XfsLogType {
  int BTREE_BUF = 4;
  int AGF_BUF = 5;
  int AGFL_BUF = 6;
  int AGI_BUF = 7;
  int DINO_BUF = 8;
  int SYMLINK_BUF = 9;
  int DIR_BLOCK_BUF = 10;
  int DIR_DATA_BUF = 11;
  int DIR_FREE_BUF = 12;
  int DIR_LEAF1_BUF = 13;
  int DIR_LEAFN_BUF = 14;
  int DA_NODE_BUF = 15;
  int ATTR_LEAF_BUF = 16;
  int ATTR_RMT_BUF = 17;
  int SB_BUF = 18;

  /** No place in the block has the LSN of its last change. */
  int NO_LSN = -1;

  /**
   * Returns the type's number in the log.
   *
   * @param block the contents
   * @return the number
   * @throws ErrnoException EUCLEAN if the magic number is of no known type
   */
  int logType(BufData block) throws ErrnoException;

  /**
   * Returns where a block has the LSN of its last change.
   *
   * @return the offset in bytes, or {@link #NO_LSN}
   */
  int lsnOffset();

  /** {@return whether it is a block of inodes, each of which has its own LSN} */
  default boolean isInodes() {
    return false;
  }
}
