// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import org.jspecify.annotations.Nullable;

/** The types of blocks of a filesystem, for the recovery of its log. */
@LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_validate_buf_type")
public interface XlogTypes {
  /** {@return the superblock that they belong to} */
  XfsSb sb();

  /**
   * Returns the verifier of a type.
   *
   * @param type XFS_BLFT_*
   * @param data the block
   * @return the verifier; null if the block can't be of that type
   * @throws ErrnoException EUCLEAN if the block is too short for a magic number
   */
  @Nullable BufOps ops(int type, BufData data) throws ErrnoException;

  /**
   * Checks an inode.
   *
   * @param ino its number
   * @param inode all of its bytes, with a valid checksum
   * @throws ErrnoException EUCLEAN if it is damaged
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_dinode_verify")
  void verifyInode(long ino, BufData inode) throws ErrnoException;

  /** {@return blocks of a buffer of inodes} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_shared.h", name = "blocks_per_cluster")
  int clusterBlocks();

  /**
   * Returns the types after the superblock has changed.
   *
   * @param sb the new superblock
   */
  XlogTypes of(XfsSb sb);
}
