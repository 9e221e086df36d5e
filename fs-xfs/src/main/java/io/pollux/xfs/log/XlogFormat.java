// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsLogType;

/**
 * Offsets and constants of the log. Records and operations are big-endian. Items are in the byte
 * order of the machine that wrote them, which is little-endian here, except where a comment says
 * otherwise.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h")
public final class XlogFormat {
  public static final int BB_BYTES = 512;
  public static final int BB_SHIFT = 9;

  // Records: struct xlog_rec_header.

  public static final int XLOG_HEADER_MAGIC_NUM = 0xfeedbabe;
  public static final int XLOG_VERSION_2 = 2;
  public static final int XLOG_VERSION_OKBITS = 3;
  public static final int XLOG_BIG_RECORD_BSIZE = 32 << 10;
  public static final int XLOG_MAX_RECORD_BSIZE = 256 << 10;

  /** Bytes of a body whose cycle words fit in one header block. */
  public static final int XLOG_HEADER_CYCLE_SIZE = 32 << 10;

  /** Cycle words in one header block. */
  public static final int CYCLE_WORDS = XLOG_HEADER_CYCLE_SIZE / BB_BYTES;

  /** Records that may be in flight at once. */
  public static final int XLOG_MAX_ICLOGS = 8;

  /** Basic blocks that may be in flight at once. Their order on the disk is undefined. */
  public static final int XLOG_TOTAL_REC_SHIFT =
      (XLOG_MAX_ICLOGS * XLOG_MAX_RECORD_BSIZE) >> BB_SHIFT;

  public static final int H_MAGICNO = 0;
  public static final int H_CYCLE = 4;
  public static final int H_VERSION = 8;
  public static final int H_LEN = 12;
  public static final int H_LSN = 16;
  public static final int H_TAIL_LSN = 24;

  /** Little-endian. */
  public static final int H_CRC = 32;

  public static final int H_PREV_BLOCK = 36;
  public static final int H_NUM_LOGOPS = 40;
  public static final int H_CYCLE_DATA = 44;
  public static final int H_FMT = 300;
  public static final int H_FS_UUID = 304;
  public static final int H_SIZE = 320;

  /** Bytes of the header under the checksum, as 64-bit machines write it. */
  public static final int XLOG_REC_SIZE = 328;

  /** The same as 32-bit x86 writes it. */
  public static final int XLOG_REC_SIZE_OTHER = 324;

  public static final int XLOG_FMT_LINUX_LE = 1;

  // Further header blocks: struct xlog_rec_ext_header.

  public static final int XH_CYCLE = 0;
  public static final int XH_CYCLE_DATA = 4;
  public static final int XLOG_REC_EXT_SIZE = 260;

  // Operations: struct xlog_op_header.

  public static final int OH_TID = 0;
  public static final int OH_LEN = 4;
  public static final int OH_CLIENTID = 8;
  public static final int OH_FLAGS = 9;
  public static final int OP_HEADER_BYTES = 12;

  public static final int XFS_TRANSACTION = 0x69;
  public static final int XFS_LOG = 0xaa;

  public static final int XLOG_START_TRANS = 0x01;
  public static final int XLOG_COMMIT_TRANS = 0x02;
  public static final int XLOG_CONTINUE_TRANS = 0x04;
  public static final int XLOG_WAS_CONT_TRANS = 0x08;
  public static final int XLOG_END_TRANS = 0x10;
  public static final int XLOG_UNMOUNT_TRANS = 0x20;

  /** Bytes of the region of an unmount record. */
  public static final int UNMOUNT_BYTES = 8;

  public static final int XLOG_UNMOUNT_TYPE = 0x556e;

  // Transactions: struct xfs_trans_header.

  public static final int XFS_TRANS_HEADER_MAGIC = 0x5452414e; // TRAN
  public static final int XFS_TRANS_CHECKPOINT = 40;
  public static final int TH_MAGIC = 0;
  public static final int TH_TYPE = 4;
  public static final int TH_TID = 8;
  public static final int TH_NUM_ITEMS = 12;
  public static final int TRANS_HEADER_BYTES = 16;

  /** An item may have at most this many regions. */
  public static final int XLOG_MAX_REGIONS_IN_ITEM = (65536 / 128) / 2 + 1;

  // Types of items. Each item begins with its type and the number of its regions, 16 bits each.

  public static final int ITEM_TYPE = 0;
  public static final int ITEM_SIZE = 2;

  public static final int XFS_LI_EFI = 0x1236;
  public static final int XFS_LI_EFD = 0x1237;
  public static final int XFS_LI_IUNLINK = 0x1238;
  public static final int XFS_LI_INODE = 0x123b;
  public static final int XFS_LI_BUF = 0x123c;
  public static final int XFS_LI_DQUOT = 0x123d;
  public static final int XFS_LI_QUOTAOFF = 0x123e;
  public static final int XFS_LI_ICREATE = 0x123f;
  public static final int XFS_LI_RUI = 0x1240;
  public static final int XFS_LI_RUD = 0x1241;
  public static final int XFS_LI_CUI = 0x1242;
  public static final int XFS_LI_CUD = 0x1243;
  public static final int XFS_LI_BUI = 0x1244;
  public static final int XFS_LI_BUD = 0x1245;
  public static final int XFS_LI_ATTRI = 0x1246;
  public static final int XFS_LI_ATTRD = 0x1247;
  public static final int XFS_LI_XMI = 0x1248;
  public static final int XFS_LI_XMD = 0x1249;

  // Buffers: struct xfs_buf_log_format.

  public static final int BLF_FLAGS = 4; // 16 bits
  public static final int BLF_LEN = 6; // 16 bits, in basic blocks
  public static final int BLF_BLKNO = 8; // 64 bits, a daddr
  public static final int BLF_MAP_SIZE = 16; // in words of 32 bits
  public static final int BLF_DATA_MAP = 20;

  /** Bytes of a buffer that one bit of the map stands for. */
  public static final int XFS_BLF_CHUNK = 128;

  public static final int XFS_BLF_SHIFT = 7;

  /** Words of the map of the largest buffer. */
  public static final int XFS_BLF_DATAMAP_SIZE = 17;

  public static final int XFS_BLF_INODE_BUF = 1;
  public static final int XFS_BLF_CANCEL = 2;
  public static final int XFS_BLF_UDQUOT_BUF = 4;
  public static final int XFS_BLF_PDQUOT_BUF = 8;
  public static final int XFS_BLF_GDQUOT_BUF = 16;
  public static final int XFS_BLFT_SHIFT = 11;

  public static final int XFS_BLFT_UNKNOWN_BUF = 0;
  public static final int XFS_BLFT_UDQUOT_BUF = 1;
  public static final int XFS_BLFT_PDQUOT_BUF = 2;
  public static final int XFS_BLFT_GDQUOT_BUF = 3;
  public static final int XFS_BLFT_BTREE_BUF = XfsLogType.BTREE_BUF;
  public static final int XFS_BLFT_AGF_BUF = XfsLogType.AGF_BUF;
  public static final int XFS_BLFT_AGFL_BUF = XfsLogType.AGFL_BUF;
  public static final int XFS_BLFT_AGI_BUF = XfsLogType.AGI_BUF;
  public static final int XFS_BLFT_DINO_BUF = XfsLogType.DINO_BUF;
  public static final int XFS_BLFT_SYMLINK_BUF = XfsLogType.SYMLINK_BUF;
  public static final int XFS_BLFT_DIR_BLOCK_BUF = XfsLogType.DIR_BLOCK_BUF;
  public static final int XFS_BLFT_DIR_DATA_BUF = XfsLogType.DIR_DATA_BUF;
  public static final int XFS_BLFT_DIR_FREE_BUF = XfsLogType.DIR_FREE_BUF;
  public static final int XFS_BLFT_DIR_LEAF1_BUF = XfsLogType.DIR_LEAF1_BUF;
  public static final int XFS_BLFT_DIR_LEAFN_BUF = XfsLogType.DIR_LEAFN_BUF;
  public static final int XFS_BLFT_DA_NODE_BUF = XfsLogType.DA_NODE_BUF;
  public static final int XFS_BLFT_ATTR_LEAF_BUF = XfsLogType.ATTR_LEAF_BUF;
  public static final int XFS_BLFT_ATTR_RMT_BUF = XfsLogType.ATTR_RMT_BUF;
  public static final int XFS_BLFT_SB_BUF = XfsLogType.SB_BUF;
  public static final int XFS_BLFT_RTBITMAP_BUF = 19;
  public static final int XFS_BLFT_RTSUMMARY_BUF = 20;

  // Inodes: struct xfs_inode_log_format; a 32-bit machine leaves out ILF_PAD.

  public static final int ILF_FIELDS = 4;
  public static final int ILF_ASIZE = 8; // 16 bits
  public static final int ILF_DSIZE = 10; // 16 bits
  public static final int ILF_PAD = 12;
  public static final int ILF_INO = 16;
  public static final int ILF_RDEV = 24;
  public static final int ILF_BLKNO = 40;
  public static final int ILF_LEN = 48; // in basic blocks
  public static final int ILF_BOFFSET = 52;
  public static final int INODE_FORMAT_BYTES = 56;
  public static final int INODE_FORMAT_32_BYTES = 52;

  public static final int XFS_ILOG_CORE = 0x001;
  public static final int XFS_ILOG_DDATA = 0x002;
  public static final int XFS_ILOG_DEXT = 0x004;
  public static final int XFS_ILOG_DBROOT = 0x008;
  public static final int XFS_ILOG_DEV = 0x010;
  public static final int XFS_ILOG_ADATA = 0x040;
  public static final int XFS_ILOG_AEXT = 0x080;
  public static final int XFS_ILOG_ABROOT = 0x100;
  public static final int XFS_ILOG_DOWNER = 0x200;
  public static final int XFS_ILOG_AOWNER = 0x400;
  public static final int XFS_ILOG_DFORK = XFS_ILOG_DDATA | XFS_ILOG_DEXT | XFS_ILOG_DBROOT;
  public static final int XFS_ILOG_AFORK = XFS_ILOG_ADATA | XFS_ILOG_AEXT | XFS_ILOG_ABROOT;

  // The core of an inode, struct xfs_log_dinode, has the offsets of XfsDinode.

  // New inodes: struct xfs_icreate_log. Big-endian after the type and the size.

  public static final int ICL_AG = 4;
  public static final int ICL_AGBNO = 8;
  public static final int ICL_COUNT = 12;
  public static final int ICL_ISIZE = 16;
  public static final int ICL_LENGTH = 20;
  public static final int ICL_GEN = 24;
  public static final int ICREATE_BYTES = 28;

  // Intents: their number of extents, their id, and from INTENT_EXTENTS on their extents.

  public static final int INTENT_NEXTENTS = 4;
  public static final int INTENT_ID = 8; // in done items, the id of the intent
  public static final int INTENT_EXTENTS = 16;

  /** EFI, struct xfs_extent: a start of 64 bits, a length of 32 bits, padding. */
  public static final int EXTENT_BYTES = 16;

  /** The same without the padding, as 32-bit x86 writes it. */
  public static final int EXTENT_32_BYTES = 12;

  /** RUI and BUI, struct xfs_map_extent. */
  public static final int ME_OWNER = 0;

  public static final int ME_STARTBLOCK = 8;
  public static final int ME_STARTOFF = 16;
  public static final int ME_LEN = 24;
  public static final int ME_FLAGS = 28;
  public static final int MAP_EXTENT_BYTES = 32;

  /** CUI, struct xfs_phys_extent. */
  public static final int PE_STARTBLOCK = 0;

  public static final int PE_LEN = 8;
  public static final int PE_FLAGS = 12;
  public static final int PHYS_EXTENT_BYTES = 16;

  private XlogFormat() {}

  /** {@return the LSN of a block in a cycle} */
  @LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xlog_assign_lsn")
  public static long lsn(int cycle, int block) {
    return (long) cycle << 32 | block;
  }

  /** {@return the cycle of an LSN} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "CYCLE_LSN")
  public static int cycle(long lsn) {
    return (int) (lsn >>> 32);
  }

  /** {@return the block of an LSN} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "BLOCK_LSN")
  public static int block(long lsn) {
    return (int) lsn;
  }
}
