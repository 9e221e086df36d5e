// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * The address space of a directory: entries from block 0, the index by hash from 32 GiB, the list
 * of free space from 64 GiB. A directory block is one or more filesystem blocks. A {@code dablk}
 * counts filesystem blocks, a {@code dataptr} counts units of 8 bytes.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.h", name = "xfs_da_geometry")
final class XfsDaGeometry {
  private static final long SPACE_BYTES = 1L << 35; // XFS_DIR2_SPACE_SIZE

  /** Entries are aligned to 8 bytes. */
  private static final int DATA_ALIGN_LOG = 3;

  final int blkLog;
  final int blkSize;
  final int fsbCount; // filesystem blocks of a directory block
  final long leafBlk; // dablk of the index
  final long freeBlk; // dablk of the free space

  XfsDaGeometry(XfsSb sb) {
    blkLog = sb.blockLog + sb.dirBlkLog;
    blkSize = 1 << blkLog;
    fsbCount = 1 << sb.dirBlkLog;
    leafBlk = SPACE_BYTES >> sb.blockLog;
    freeBlk = 2 * leafBlk;
  }

  /** The directory block with an entry. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_priv.h",
      name = {"xfs_dir2_dataptr_to_db", "xfs_dir2_db_to_da"})
  long dataptrToDablk(long dataptr) {
    return ((dataptr << DATA_ALIGN_LOG) >>> blkLog) * fsbCount;
  }

  /** The offset of an entry in its directory block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_dataptr_to_off")
  int dataptrToOff(long dataptr) {
    return (int) ((dataptr << DATA_ALIGN_LOG) & (blkSize - 1));
  }

  /** The dataptr of an offset in a directory block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_db_off_to_dataptr")
  long toDataptr(long dablk, int off) {
    return (((dablk / fsbCount) << blkLog) | off) >>> DATA_ALIGN_LOG;
  }

  /** Whether a block is in the range of the index. */
  boolean indexBlock(long dablk) {
    return dablk >= leafBlk && dablk < freeBlk && dablk % fsbCount == 0;
  }
}
