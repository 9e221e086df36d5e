// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;

/** Makes a chunk of free inodes again. */
@LinuxSource(file = "fs/xfs/xfs_icreate_item.c", name = "xlog_recover_icreate_commit_pass2")
final class ReplayIcreate {
  private static final int NULL_AGINO = -1;

  private final XlogTypes types;
  private final XfsSb sb;
  private final long fsb;
  private final long length;
  private final int generation;

  ReplayIcreate(XlogItem item, XlogTypes types) throws ErrnoException {
    this.types = types;
    sb = types.sb();
    BufData format = item.format();
    long agno = format.u32(XlogFormat.ICL_AG);
    long agbno = format.u32(XlogFormat.ICL_AGBNO);
    length = format.u32(XlogFormat.ICL_LENGTH);
    generation = format.i32(XlogFormat.ICL_GEN);
    fsb = sb.fsb(agno, agbno);
    boolean good =
        agno < sb.agCount
            && agbno < sb.agBlocks
            && length <= 64
            && sb.extentValid(fsb, length)
            && length % types.clusterBlocks() == 0
            && format.u32(XlogFormat.ICL_ISIZE) == sb.inodeSize
            && format.u32(XlogFormat.ICL_COUNT) == length << sb.inopbLog;
    if (!good) {
      throw XlogDevice.corrupt("new inodes at an impossible place");
    }
  }

  /** Makes them, unless one of their blocks is freed later. */
  void apply(ReplayBuffers buffers, ReplayCancels cancels) throws ErrnoException {
    int cluster = types.clusterBlocks();
    int bytes = cluster << sb.blockLog;
    for (int i = 0; i < length; i += cluster) {
      long daddr = sb.fsbToByte(fsb + i) >> XfsSb.BB_SHIFT;
      if (cancels.has(daddr, bytes >> XfsSb.BB_SHIFT)) {
        return;
      }
    }
    for (int i = 0; i < length; i += cluster) {
      ReplayBuffers.Block block = buffers.zeroed(sb.fsbToByte(fsb + i), bytes);
      for (int at = 0; at < bytes; at += sb.inodeSize) {
        make(block.data, at, ((fsb + i) << sb.inopbLog) + (at >> sb.inodeLog));
      }
      BufOps ops = types.ops(XlogFormat.XFS_BLFT_DINO_BUF, block.data);
      block.ops = ops == null ? ReplayBuffers.RAW : ops;
      block.changed = true;
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_inode_init")
  private void make(BufEdit block, int at, long ino) throws ErrnoException {
    block.put16(at, XfsDinode.MAGIC);
    block.put8(at + XfsDinode.VERSIONNUM, XfsDinode.VERSION);
    block.put32(at + XfsDinode.GEN, generation);
    block.put32(at + XfsDinode.NEXT_UNLINKED, NULL_AGINO);
    block.put64(at + XfsDinode.INO, ino);
    block.put(at + XfsDinode.UUID, sb.metaUuid);
    XfsVerify.updateCrc(block, at, sb.inodeSize, XfsDinode.CRC);
  }
}
