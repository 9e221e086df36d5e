// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;

/**
 * A run of free blocks.
 *
 * @param start its first block, in the group
 * @param count its length in blocks
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_alloc_rec")
public record XfsAllocRec(long start, long count) {
  /** {@return the block after the last} */
  public long end() {
    return start + count;
  }
}
