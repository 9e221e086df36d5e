// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtrees;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.log.XlogFormat;
import io.pollux.xfs.log.XlogTypes;
import org.jspecify.annotations.Nullable;

/** Gives the recovery of the log the verifiers of a mount. */
@LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_validate_buf_type")
final class XfsLogTypes implements XlogTypes {
  private static final int DIR_FREE_MAGIC = 0x58444633; // XDF3
  private static final int ATTR_REMOTE_MAGIC = 0x5841524d; // XARM
  private static final int DA_NODE_MAGIC = 0x3ebe;
  private static final int CLUSTER_BYTES = 8192; // for inodes of 256 bytes
  private static final int MIN_INODE_BYTES = 256;

  private final XfsSb sb;
  private final XfsVerifiers verifiers;
  private final BufOps superblock;
  private final BufOps raw;

  XfsLogTypes(XfsSb sb) {
    this.sb = sb;
    verifiers = XfsVerifiers.of(sb);
    superblock =
        new XfsBufOps("xfs_sb", sb, XfsDsb.CRC, XfsDsb.LSN, XfsLogType.SB_BUF, (same, data) -> {});
    raw = new RawOps();
  }

  /** Realtime bitmaps have neither a magic number nor a checksum. */
  private static final class RawOps implements BufOps {
    @Override
    public String name() {
      return "xfs_rtbuf";
    }

    @Override
    public void verifyRead(BufData data) {}

    @Override
    public void verifyWrite(BufEdit data) {}
  }

  @Override
  public XfsSb sb() {
    return sb;
  }

  @Override
  public XlogTypes of(XfsSb changed) {
    return new XfsLogTypes(changed);
  }

  @Override
  public @Nullable BufOps ops(int type, BufData data) throws ErrnoException {
    int magic = data.i32(0);
    return switch (type) {
      case XlogFormat.XFS_BLFT_BTREE_BUF -> tree(magic);
      case XlogFormat.XFS_BLFT_AGF_BUF -> magic == XfsAgf.MAGIC ? verifiers.agf() : null;
      case XlogFormat.XFS_BLFT_AGFL_BUF -> magic == XfsAgfl.MAGIC ? verifiers.agfl() : null;
      case XlogFormat.XFS_BLFT_AGI_BUF -> magic == XfsAgi.MAGIC ? verifiers.agi() : null;
      case XlogFormat.XFS_BLFT_DINO_BUF ->
          magic >>> 16 == XfsDinode.MAGIC ? verifiers.inode() : null;
      case XlogFormat.XFS_BLFT_SYMLINK_BUF ->
          magic == XfsSymlink.MAGIC ? verifiers.symlink() : null;
      case XlogFormat.XFS_BLFT_DIR_BLOCK_BUF ->
          magic == XfsDir2Data.BLOCK_MAGIC ? verifiers.dirBlock() : null;
      case XlogFormat.XFS_BLFT_DIR_DATA_BUF ->
          magic == XfsDir2Data.DATA_MAGIC ? verifiers.dirData() : null;
      case XlogFormat.XFS_BLFT_DIR_FREE_BUF -> magic == DIR_FREE_MAGIC ? verifiers.dirFree() : null;
      case XlogFormat.XFS_BLFT_DIR_LEAF1_BUF ->
          data.u16(8) == XfsDir2Leaf.LEAF1_MAGIC ? verifiers.daNode() : null;
      case XlogFormat.XFS_BLFT_DIR_LEAFN_BUF ->
          data.u16(8) == XfsDir2Leaf.LEAFN_MAGIC ? verifiers.daNode() : null;
      case XlogFormat.XFS_BLFT_DA_NODE_BUF ->
          data.u16(8) == DA_NODE_MAGIC ? verifiers.daNode() : null;
      case XlogFormat.XFS_BLFT_ATTR_LEAF_BUF ->
          data.u16(8) == XfsAttrLeaf.MAGIC ? verifiers.attr() : null;
      case XlogFormat.XFS_BLFT_ATTR_RMT_BUF ->
          magic == ATTR_REMOTE_MAGIC ? verifiers.attrRemote() : null;
      case XlogFormat.XFS_BLFT_SB_BUF -> magic == XfsSb.MAGIC ? superblock : null;
      case XlogFormat.XFS_BLFT_RTBITMAP_BUF, XlogFormat.XFS_BLFT_RTSUMMARY_BUF -> raw;
      default -> null;
    };
  }

  private @Nullable BufOps tree(int magic) {
    XfsBtrees trees = verifiers.ags().trees();
    return switch (magic) {
      case XfsBtreeBlock.BNOBT_MAGIC -> trees.bnobt().ops();
      case XfsBtreeBlock.CNTBT_MAGIC -> trees.cntbt().ops();
      case XfsBtreeBlock.INOBT_MAGIC -> trees.inobt().ops();
      case XfsBtreeBlock.FINOBT_MAGIC -> trees.finobt().ops();
      case XfsBtreeBlock.RMAPBT_MAGIC -> trees.rmapbt().ops();
      case XfsBtreeBlock.REFCOUNTBT_MAGIC -> trees.refcountbt().ops();
      case XfsBtreeBlock.BMBT_MAGIC -> trees.bmbt().ops();
      default -> null;
    };
  }

  @Override
  public void verifyInode(long ino, BufData inode) throws ErrnoException {
    XfsVerify.checkUuid(inode, XfsDinode.UUID, sb.metaUuid);
    int mode = inode.u16(XfsDinode.MODE);
    if (mode != 0) {
      XfsInodeBuf.decodeCore(sb, mode, inode);
    }
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_setup_geometry")
  public int clusterBlocks() {
    int large = CLUSTER_BYTES * (sb.inodeSize / MIN_INODE_BYTES);
    int cluster = sb.inoAlign >= large >> sb.blockLog ? large : CLUSTER_BYTES;
    return Math.max(1, cluster >> sb.blockLog);
  }
}
