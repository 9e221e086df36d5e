// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;

/**
 * A run of blocks with the same number of owners.
 *
 * @param start its first block, in the group; with the highest bit set, space set aside for a copy
 *     on write
 * @param count its length in blocks
 * @param refs owners, at least 2; 1 if set aside
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_refcount_rec")
public record XfsRefcountRec(long start, long count, long refs) {
  /** {@return the block after the last} */
  public long end() {
    return start + count;
  }
}
