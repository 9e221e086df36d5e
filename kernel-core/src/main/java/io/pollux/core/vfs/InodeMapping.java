// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/**
 * The pages of a file that are cached, as far as an inode and an open file know them. filemap extends this and has the
 * accessor, {@code Mapping.of}.
 */
@LinuxSource(file = "include/linux/fs.h", name = "address_space")
public abstract class InodeMapping {
  /** For filemap. */
  protected InodeMapping() {}

  /**
   * The errors of write-back, of which each open file keeps a sample.
   *
   * @return wb_err
   */
  @LinuxSource(file = "include/linux/fs.h", name = "wb_err")
  public abstract Errseq wbErr();

  /** Clears AS_EIO and AS_ENOSPC: an open file has reported the errors. From any context. */
  public abstract void clearErrors();
}
