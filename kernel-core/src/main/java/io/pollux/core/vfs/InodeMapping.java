// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/**
 * The cached pages of a file, for an inode and an open file. filemap extends this class; its
 * accessor is {@code Mapping.of}.
 */
@LinuxSource(file = "include/linux/fs.h", name = "address_space")
public abstract class InodeMapping {
  /** Creates a mapping, for filemap. */
  protected InodeMapping() {}

  /** Returns wb_err, the write-back errors, of which each open file keeps a sample. */
  @LinuxSource(file = "include/linux/fs.h", name = "wb_err")
  public abstract Errseq wbErr();

  /** Clears AS_EIO and AS_ENOSPC: an open file has reported the errors. From any context. */
  public abstract void clearErrors();
}
