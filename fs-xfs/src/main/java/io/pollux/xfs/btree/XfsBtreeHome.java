// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * Where a tree has its root and gets its blocks from. Belongs to a transaction. A block number is
 * relative to the group in a tree of a group, and an fsb in a tree of a file.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "xfs_btree_ops")
public sealed interface XfsBtreeHome {
  /** {@return what each block stores as its owner: the group or the inode} */
  long owner();

  /**
   * Allocates a block.
   *
   * @param near a block of the tree, close to which the new one should be
   * @return its number
   * @throws ErrnoException ENOSPC, or damage
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "alloc_block")
  long allocBlock(long near) throws ErrnoException;

  /**
   * Frees a block, whose buffer is gone already.
   *
   * @param bno its number
   * @throws ErrnoException damage
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "free_block")
  void freeBlock(long bno) throws ErrnoException;

  /** A tree whose root is a block, and whose blocks have the short form. */
  non-sealed interface InGroup extends XfsBtreeHome {
    /** {@return the root, in the group} */
    long root() throws ErrnoException;

    /** {@return the number of levels, at least 1} */
    int levels() throws ErrnoException;

    /**
     * Changes the root.
     *
     * @param root its number
     * @param levels levels of the tree from now on
     */
    @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "set_root")
    void setRoot(long root, int levels) throws ErrnoException;
  }

  /**
   * A tree whose root is in an inode, in the format of xfs_bmdr_block, and fills a fork. Its blocks
   * have the long form. It has at least two levels.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_bmdr_block")
  non-sealed interface InFork extends XfsBtreeHome {
    /** {@return the contents of the fork, with the changes of the transaction} */
    BufData root();

    /** {@return the transaction's copy of the fork} */
    BufEdit editRoot();
  }
}
