// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.trans;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/** A private copy of something other than a buffer that a transaction changes, such as an inode. */
@LinuxSource(file = "fs/xfs/xfs_trans.h", name = "xfs_log_item")
public interface XfsTransItem {
  /**
   * Stores the changes into buffers of the transaction. Called at the commit, before anything is
   * published; it may join buffers, but no items.
   *
   * @param tp the transaction
   * @throws ErrnoException the reason to cancel it
   */
  void prepare(XfsTrans tp) throws ErrnoException;

  /** Publishes the changes in memory. Called after the buffers were published. */
  void committed();
}
