// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.format.XfsSb;

/** How the inodes of a filesystem are allocated, in blocks. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_shared.h", name = "xfs_ino_geometry")
final class XfsInodeGeometry {
  private static final int CLUSTER_BYTES = 8192; // for inodes of 256 bytes
  private static final int MIN_INODE_BYTES = 256;

  /** Inodes that are allocated at once: a chunk, or a block if that has more. C: ialloc_inos. */
  final int inodes;

  /** Their blocks. C: ialloc_blks. */
  final int blocks;

  /** Blocks of a part of a sparse chunk, as many as a whole one if there are none. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_shared.h", name = "ialloc_min_blks")
  final int sparseBlocks;

  /** What the first block of a chunk is a multiple of. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_shared.h", name = "cluster_align")
  final int align;

  /** What the first inode of a record is aligned to, as blocks. */
  final int recordAlign;

  /** Whether blocks have several chunks. They are never freed then. */
  final boolean manyInBlock;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_setup_geometry")
  XfsInodeGeometry(XfsSb sb) {
    int perBlock = 1 << sb.inopbLog;
    inodes = Math.max(XfsInobtRec.INODES, perBlock);
    blocks = inodes >> sb.inopbLog;
    manyInBlock = perBlock > XfsInobtRec.INODES;
    sparseBlocks = sb.sparse && sb.spinoAlign > 0 ? Math.min(sb.spinoAlign, blocks) : blocks;
    int large = CLUSTER_BYTES * (sb.inodeSize / MIN_INODE_BYTES);
    int cluster = sb.inoAlign >= large >> sb.blockLog ? large : CLUSTER_BYTES;
    align = sb.inoAlign >= Math.max(1, cluster >> sb.blockLog) ? sb.inoAlign : 1;
    recordAlign = Math.max(1, sb.inoAlign);
  }

  /** Whether chunks may have holes. */
  boolean sparse() {
    return sparseBlocks < blocks;
  }
}
