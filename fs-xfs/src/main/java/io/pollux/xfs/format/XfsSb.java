// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * The superblock, decoded and checked. Arithmetic on its numbers can't overflow: blocks and groups
 * fit the device, and logarithms match their sizes.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_format.h",
    name = {"xfs_sb", "xfs_dsb"})
public final class XfsSb {
  public static final int MAGIC = 0x58465342; // XFSB

  private static final int CRC_OFFSET = 224;
  private static final int VERSION_MASK = 0xf;
  private static final int VERSION_5 = 5;
  private static final int VERSION_DIRV2 = 0x2000;
  private static final int VERSION_BORG = 0x4000; // ASCII case-insensitive names
  private static final int VERSION_LOGV2 = 0x400;

  private static final int INCOMPAT_FTYPE = 1 << 0;
  private static final int INCOMPAT_SPINODES = 1 << 1;
  private static final int INCOMPAT_META_UUID = 1 << 2;
  private static final int INCOMPAT_BIGTIME = 1 << 3;
  public static final int INCOMPAT_NEEDSREPAIR = 1 << 4;
  private static final int INCOMPAT_NREXT64 = 1 << 5;
  private static final int INCOMPAT_EXCHRANGE = 1 << 6; // affects the log only
  private static final int INCOMPAT_PARENT = 1 << 7; // affects extended attributes only
  private static final int INCOMPAT_KNOWN =
      INCOMPAT_FTYPE
          | INCOMPAT_SPINODES
          | INCOMPAT_META_UUID
          | INCOMPAT_BIGTIME
          | INCOMPAT_NEEDSREPAIR
          | INCOMPAT_NREXT64
          | INCOMPAT_EXCHRANGE
          | INCOMPAT_PARENT;

  private static final int RO_COMPAT_FINOBT = 1 << 0;
  private static final int RO_COMPAT_RMAPBT = 1 << 1;
  private static final int RO_COMPAT_REFLINK = 1 << 2;
  private static final int RO_COMPAT_INOBTCNT = 1 << 3;
  private static final int RO_COMPAT_KNOWN =
      // none affects writes in place
      RO_COMPAT_FINOBT | RO_COMPAT_RMAPBT | RO_COMPAT_REFLINK | RO_COMPAT_INOBTCNT;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "XFS_ALL_QUOTA_ACCT")
  private static final int QUOTA_ACCOUNTING = 0x1 | 0x40 | 0x200; // of users, groups, projects

  private static final int INODES_PER_CHUNK = 64;
  private static final int SET_ASIDE_PER_AG = 8; // blocks, so that freeing space never runs short

  /** log2 of the bytes of a basic block, the unit of a daddr. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_fs.h", name = "BBSHIFT")
  public static final int BB_SHIFT = 9;

  public static final int MIN_SECTOR_BYTES = 512;
  public static final int MAX_SECTOR_BYTES = 32 << 10;
  private static final int MIN_BLOCK_BYTES = 1 << 10; // of version 5
  private static final int MAX_BLOCK_LOG = 16;
  private static final int MIN_INODE_BYTES = 512; // of version 5
  private static final int MAX_INODE_BYTES = 2 << 10;
  private static final int MIN_AG_BLOCKS = 64;
  private static final long MAX_AG_BYTES = 1L << 40;
  private static final long MAX_LOG_BYTES = 1L << 31;

  public final int blockSize;
  public final int blockLog;
  public final long dblocks;
  public final byte[] uuid; // visible to users
  public final byte[] metaUuid; // stored in metadata
  public final long logStart; // fsb
  public final int logBlocks;
  public final long rootIno;
  public final long agBlocks;
  public final long agCount;
  public final int agBlkLog;
  public final int sectSize;
  public final int inodeSize;
  public final int inodeLog;
  public final int inopbLog;
  public final int dirBlkLog;
  public final boolean ftype;
  public final boolean bigtime;
  public final boolean nrext64;
  public final boolean sparse; // inode chunks may have holes
  public final boolean finobt;
  public final boolean rmapbt;
  public final boolean reflink;
  public final boolean inobtcnt;
  public final boolean parent; // parent pointers
  public final int spinoAlign; // blocks, 0 if inodes are not aligned
  public final int inoAlign; // blocks

  private final BufData disk;

  /**
   * Decodes a superblock whose sector size {@link #sectorSize} returned.
   *
   * @param disk the whole sector
   * @param deviceBytes size of the device
   * @throws ErrnoException the fault, or the unsupported feature
   */
  public XfsSb(BufData disk, long deviceBytes) throws ErrnoException {
    this.disk = disk;
    XfsVerify.checkCrc(disk, CRC_OFFSET);
    blockSize = size(4, 120, "blocks");
    blockLog = disk.u8(120);
    dblocks = disk.i64(8);
    logStart = disk.i64(48);
    rootIno = disk.i64(56);
    agBlocks = disk.u32(84);
    agCount = disk.u32(88);
    sectSize = disk.u16(102);
    inodeSize = disk.u16(104);
    inodeLog = disk.u8(122);
    inopbLog = disk.u8(123);
    agBlkLog = disk.u8(124);
    dirBlkLog = disk.u8(192);
    int incompat = disk.i32(216);
    ftype = (incompat & INCOMPAT_FTYPE) != 0;
    bigtime = (incompat & INCOMPAT_BIGTIME) != 0;
    nrext64 = (incompat & INCOMPAT_NREXT64) != 0;
    sparse = (incompat & INCOMPAT_SPINODES) != 0;
    parent = (incompat & INCOMPAT_PARENT) != 0;
    int roCompat = disk.i32(212);
    finobt = (roCompat & RO_COMPAT_FINOBT) != 0;
    rmapbt = (roCompat & RO_COMPAT_RMAPBT) != 0;
    reflink = (roCompat & RO_COMPAT_REFLINK) != 0;
    inobtcnt = (roCompat & RO_COMPAT_INOBTCNT) != 0;
    inoAlign = (int) Math.min(disk.u32(180), 1 << 16);
    spinoAlign = (int) Math.min(disk.u32(228), 1 << 16);
    uuid = disk.copy(32, 16);
    metaUuid = (incompat & INCOMPAT_META_UUID) != 0 ? disk.copy(248, 16) : uuid;

    checkFeatures(incompat);
    checkSizes();
    checkGroups(deviceBytes);
    logBlocks = checkLog();
    if (!inoValid(rootIno)) {
      throw disk.corrupt("the root directory is outside the filesystem");
    }
  }

  /**
   * Returns the sector size, which is the size of the superblock. Checks the magic number and the
   * version first, since only version 5 has a checksum.
   *
   * @param head its first 512 bytes
   * @return bytes of a sector
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_sb.c",
      name = {"xfs_sb_good_version", "xfs_readsb"})
  public static int sectorSize(BufData head) throws ErrnoException {
    if (head.i32(0) != MAGIC) {
      throw new ErrnoException(
          Errno.EINVAL, "not an XFS filesystem: the magic number is not there");
    }
    int version = head.u16(100) & VERSION_MASK;
    if (version != VERSION_5) {
      throw new ErrnoException(
          Errno.EINVAL,
          "XFS version " + version + " is not supported, only version 5 (mkfs.xfs -m crc=1) is");
    }
    int size = head.u16(102);
    if (size < MIN_SECTOR_BYTES || size > MAX_SECTOR_BYTES || Integer.bitCount(size) != 1) {
      throw head.corrupt("sectors of " + size + " bytes");
    }
    return size;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_sb.c", name = "xfs_validate_sb_read")
  private void checkFeatures(int incompat) throws ErrnoException {
    int unknown = incompat & ~INCOMPAT_KNOWN;
    if (unknown != 0) {
      throw unsupported(
          "features that are not known here (incompat bits 0x"
              + Integer.toHexString(unknown)
              + ")");
    }
    if ((incompat & INCOMPAT_NEEDSREPAIR) != 0) {
      throw unsupported("the mark that it needs repair; run xfs_repair");
    }
    int version = disk.u16(100);
    if ((version & VERSION_BORG) != 0) {
      throw unsupported("case-insensitive names (ascii-ci), which are not supported");
    }
    if ((version & VERSION_DIRV2) == 0 || (version & VERSION_LOGV2) == 0) {
      throw disk.corrupt("lacks features that version 5 implies");
    }
    if (disk.u8(126) != 0) {
      throw unsupported("the mark of an mkfs.xfs that did not finish");
    }
    if (logStart == 0) {
      throw unsupported("an external log, which can't be found");
    }
  }

  /**
   * Checks that the filesystem may be written to.
   *
   * @throws ErrnoException EINVAL if it has features that only a read-only mount may ignore
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_sb.c", name = "xfs_sb_has_ro_compat_feature")
  public void checkWritable() throws ErrnoException {
    int unknown = disk.i32(212) & ~RO_COMPAT_KNOWN;
    if (unknown != 0) {
      throw unsupported(
          "features that are not known here (ro_compat bits 0x"
              + Integer.toHexString(unknown)
              + "): mount it read-only");
    }
    if (parent) {
      throw unsupported("parent pointers, which are not written here: mount it read-only");
    }
    if (disk.i64(XfsDsb.RBLOCKS) != 0) {
      throw unsupported("a realtime section, which is not written here: mount it read-only");
    }
    if ((disk.u16(XfsDsb.QFLAGS) & QUOTA_ACCOUNTING) != 0) {
      throw unsupported("quota accounting, which is not done here: mount it read-only");
    }
  }

  private static ErrnoException unsupported(String what) {
    return new ErrnoException(Errno.EINVAL, "the filesystem has " + what);
  }

  /**
   * Checks a size, a power of two from 512 bytes up to the largest block, against its logarithm.
   */
  private int size(int at, int logAt, String what) throws ErrnoException {
    long size = disk.u32(at);
    int log = disk.u8(logAt);
    if (log < 9 || log > MAX_BLOCK_LOG || size != 1L << log) {
      throw disk.corrupt(what + " of " + size + " bytes with logarithm " + log);
    }
    return (int) size;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_sb.c", name = "xfs_validate_sb_common")
  private void checkSizes() throws ErrnoException {
    if (blockSize < MIN_BLOCK_BYTES || blockSize < sectSize || disk.u8(121) != log2(sectSize)) {
      throw disk.corrupt("blocks of " + blockSize + " bytes, sectors of " + sectSize);
    }
    boolean inodesFit =
        inodeSize >= MIN_INODE_BYTES
            && inodeSize <= MAX_INODE_BYTES
            && Integer.bitCount(inodeSize) == 1
            && inodeSize <= blockSize
            && inodeLog == log2(inodeSize)
            && inopbLog == blockLog - inodeLog
            && disk.u16(106) == 1 << inopbLog;
    if (!inodesFit) {
      throw disk.corrupt("inodes of " + inodeSize + " bytes");
    }
    if (disk.u8(127) > 100) {
      throw disk.corrupt(disk.u8(127) + " % for inodes");
    }
    if (blockLog + dirBlkLog > MAX_BLOCK_LOG) {
      throw disk.corrupt("directory blocks of 2^" + (blockLog + dirBlkLog) + " bytes");
    }
  }

  @LinuxSource(
      file = "fs/xfs/xfs_mount.c",
      name = {"xfs_check_sizes", "xfs_sb_validate_fsb_count"})
  private void checkGroups(long deviceBytes) throws ErrnoException {
    if (dblocks <= 0 || dblocks > Long.MAX_VALUE >> blockLog) {
      throw disk.corrupt("an impossible number of blocks");
    }
    if (dblocks > deviceBytes >> blockLog) {
      throw new ErrnoException(
          Errno.EIO,
          "truncated: the filesystem has "
              + (dblocks << blockLog)
              + " bytes, the device "
              + deviceBytes);
    }
    boolean groupsFit =
        agBlocks >= MIN_AG_BLOCKS
            && agBlocks <= MAX_AG_BYTES >> blockLog
            && agBlkLog == log2Up(agBlocks)
            && agCount == (dblocks - 1) / agBlocks + 1
            && dblocks - (agCount - 1) * agBlocks >= MIN_AG_BLOCKS;
    if (!groupsFit) {
      throw disk.corrupt(
          agCount + " groups of " + agBlocks + " blocks do not make " + dblocks + " blocks");
    }
  }

  private int checkLog() throws ErrnoException {
    long blocks = disk.u32(96);
    if (blocks == 0 || blocks > MAX_LOG_BYTES >> blockLog || !extentValid(logStart, blocks)) {
      throw disk.corrupt("the log is outside the filesystem");
    }
    return (int) blocks;
  }

  public static int log2(int powerOfTwo) {
    return Integer.numberOfTrailingZeros(powerOfTwo);
  }

  private static int log2Up(long value) {
    return 64 - Long.numberOfLeadingZeros(value - 1);
  }

  /** Blocks of a group; the last may have fewer. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ag.c", name = "xfs_ag_block_count")
  public long agSize(long agno) {
    return agno < agCount - 1 ? agBlocks : dblocks - agno * agBlocks;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_FSB_TO_AGNO")
  public long agno(long fsb) {
    return fsb >>> agBlkLog;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_FSB_TO_AGBNO")
  public long agbno(long fsb) {
    return fsb & ((1L << agBlkLog) - 1);
  }

  /** The position of a block on the device, in bytes. The block must be valid. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_format.h",
      name = {"XFS_FSB_TO_DADDR", "XFS_AGB_TO_DADDR"})
  public long fsbToByte(long fsb) {
    return (agno(fsb) * agBlocks + agbno(fsb)) << blockLog;
  }

  /** The group of a position on the device. The position must be inside the filesystem. */
  @LinuxSource(file = "fs/xfs/xfs_mount.h", name = "xfs_daddr_to_agno")
  public long byteToAgno(long position) {
    return (position >> blockLog) / agBlocks;
  }

  /** Converts blocks of a file to bytes, at most to Long.MAX_VALUE, the last position of a file. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_FSB_TO_B")
  public long toPos(long blocks) {
    return blocks >> (63 - blockLog) != 0 ? Long.MAX_VALUE : blocks << blockLog;
  }

  /** Whether a run of blocks lies inside one group, after the group's headers. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_types.c",
      name = {"xfs_verify_fsbno", "xfs_verify_fsbext"})
  public boolean extentValid(long fsb, long count) {
    long agno = agno(fsb);
    if (count <= 0 || Long.compareUnsigned(agno, agCount) >= 0) {
      return false;
    }
    long agbno = agbno(fsb);
    return agbno >= headerBlocks() && count <= agSize(agno) && agbno <= agSize(agno) - count;
  }

  /** Blocks of the four header sectors of a group. */
  private long headerBlocks() {
    return Math.max(1, (4L * sectSize) >> blockLog);
  }

  /** The block of an inode. The number must be valid. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INO_TO_FSB")
  public long inoToFsb(long ino) {
    return ino >>> inopbLog;
  }

  /** The offset of an inode in its block, in bytes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INO_TO_OFFSET")
  public int inoToOffset(long ino) {
    return (int) (ino & ((1L << inopbLog) - 1)) << inodeLog;
  }

  /** Blocks that are kept free, so that freeing space never runs short. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_set_aside")
  public long setAside() {
    return SET_ASIDE_PER_AG * agCount;
  }

  /** The position of a header sector of a group on the device, in bytes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_AG_DADDR")
  public long agHeader(long agno, int sector) {
    return ((agno * agBlocks) << blockLog) + (long) sector * sectSize;
  }

  /** The fsb of a block of a group. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_AGB_TO_FSB")
  public long fsb(long agno, long agbno) {
    return agno << agBlkLog | agbno;
  }

  /** The number of an inode of a group. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_AGINO_TO_INO")
  public long ino(long agno, long agino) {
    return agno << (agBlkLog + inopbLog) | agino;
  }

  /** The group of an inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INO_TO_AGNO")
  public long inoToAgno(long ino) {
    return ino >>> (agBlkLog + inopbLog);
  }

  /** The number of an inode in its group. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_INO_TO_AGINO")
  public long inoToAgino(long ino) {
    return ino & ((1L << (agBlkLog + inopbLog)) - 1);
  }

  /** Free blocks at the last unmount, less those set aside. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_set_aside")
  public long freeBlocks() throws ErrnoException {
    return Math.max(0, Math.clamp(disk.i64(144), 0, dblocks) - setAside());
  }

  /** Free blocks at the last unmount, with those set aside. */
  public long fdblocks() throws ErrnoException {
    return Math.clamp(disk.i64(144), 0, dblocks);
  }

  /** Allocated inodes at the last unmount, used or free. */
  public long inodes() throws ErrnoException {
    return Math.clamp(disk.i64(128), 0, dblocks << inopbLog);
  }

  /** Free inodes at the last unmount. */
  public long freeInodes() throws ErrnoException {
    return Math.clamp(disk.i64(136), 0, inodes());
  }

  /** Limit of the number of inodes, 0 if only the space limits them. */
  @LinuxSource(file = "fs/xfs/xfs_mount.c", name = "xfs_set_maxicount")
  public long maxInodes() throws ErrnoException {
    long chunkBlocks = Math.max(1, INODES_PER_CHUNK >> inopbLog);
    return (dblocks * disk.u8(127) / 100 / chunkBlocks * chunkBlocks) << inopbLog;
  }

  /** The bytes that the length of a record of the log is a multiple of, 0 or 1 for any. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "sb_logsunit")
  public long logUnit() throws ErrnoException {
    return disk.u32(XfsDsb.LOGSUNIT);
  }

  /** Bytes of a sector of the log. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "sb_logsectsize")
  public int logSectorBytes() throws ErrnoException {
    int log = disk.u8(XfsDsb.LOGSECTLOG);
    int bytes = disk.u16(XfsDsb.LOGSECTSIZE);
    if (log == 0) {
      return MIN_SECTOR_BYTES;
    }
    if (log < BB_SHIFT || bytes > MAX_SECTOR_BYTES || bytes != 1 << log) {
      throw disk.corrupt("sectors of the log of " + bytes + " bytes");
    }
    return bytes;
  }

  /** Features of the log that a recovery must know. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "sb_features_log_incompat")
  public int logIncompat() throws ErrnoException {
    return disk.i32(XfsDsb.FEATURES_LOG_INCOMPAT);
  }

  /** Whether an inode number lies inside the filesystem. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_types.c",
      name = {"xfs_verify_ino", "xfs_verify_dir_ino"})
  public boolean inoValid(long ino) {
    return ino > 0 && extentValid(inoToFsb(ino), 1);
  }
}
