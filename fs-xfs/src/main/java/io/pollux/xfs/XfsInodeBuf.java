// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Fileattr;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;

/** Decodes and checks inodes. Offsets are those of struct xfs_dinode, version 3. */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_inode_buf.c",
    name = {"xfs_dinode_verify", "xfs_inode_from_disk"})
final class XfsInodeBuf {
  private static final int MAGIC = 0x494e; // IN
  private static final int VERSION = 3;
  private static final int MTIME_OFFSET = 40;
  private static final int CTIME_OFFSET = 48;
  static final int CRC_OFFSET = 100;
  private static final int CRTIME_OFFSET = 144;

  /** Bytes before the forks. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_dinode_size")
  private static final int CORE_BYTES = 176;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAX_EXTCNT_DATA_FORK_LARGE")
  private static final long MAX_EXTENTS = (1L << 48) - 1;

  private static final int DIFLAG_REALTIME = 1;
  private static final int DIFLAG_NEWRTBM = 1 << 2;
  private static final int DIFLAG_IMMUTABLE = 1 << 3;
  private static final int DIFLAG_APPEND = 1 << 4;
  private static final int DIFLAG_SYNC = 1 << 5;
  private static final int DIFLAG_NODUMP = 1 << 7;
  private static final int DIFLAG_EXTSIZE = 1 << 11;
  private static final int DIFLAG_EXTSZINHERIT = 1 << 12;
  private static final int DIFLAG_ANY = (1 << 15) - 1;
  private static final long DIFLAG2_DAX = 1 << 0;
  private static final long DIFLAG2_REFLINK = 1 << 1;
  private static final long DIFLAG2_COWEXTSIZE = 1 << 2;
  private static final long DIFLAG2_BIGTIME = 1 << 3;
  private static final long DIFLAG2_NREXT64 = 1 << 4;

  /** The format of a fork. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_dinode_fmt")
  enum Format {
    /** A device number. */
    DEV,
    /** The data itself. */
    LOCAL,
    /** A list of extents. */
    EXTENTS,
    /** The root of a tree of extents. */
    BTREE
  }

  private static final Format[] FORMATS = Format.values();

  /**
   * The type of a block of inodes. Each inode has its own checksum and is verified when it is
   * decoded, so a damaged inode affects no other. C verifies the magic numbers of all.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_inode_buf_ops")
  static final BufOps OPS = new InodeOps();

  private static final class InodeOps implements BufOps, XfsLogType {
    @Override
    public String name() {
      return "xfs_inode";
    }

    @Override
    public int logType(BufData block) {
      return DINO_BUF;
    }

    @Override
    public int lsnOffset() {
      return NO_LSN;
    }

    @Override
    public boolean isInodes() {
      return true;
    }

    @Override
    public void verifyRead(BufData data) {
      // decode verifies each inode
    }

    @Override
    public void verifyWrite(BufEdit data) {
      // XfsInodeEdit decodes each inode that changes
    }
  }

  private XfsInodeBuf() {}

  /**
   * Decodes an inode.
   *
   * @param mp the filesystem
   * @param ino the number that it was looked up by
   * @param disk all of its bytes
   * @return the inode
   * @throws ErrnoException EUCLEAN if it has another number or is damaged
   */
  static XfsInode decode(XfsMount mp, long ino, BufData disk) throws ErrnoException {
    XfsSb sb = mp.sb();
    if (disk.u16(0) != MAGIC || disk.u8(4) != VERSION) {
      throw disk.corrupt("there is no inode");
    }
    XfsVerify.checkCrc(disk, CRC_OFFSET);
    XfsVerify.checkUuid(disk, 160, sb.metaUuid);
    if (disk.i64(152) != ino) {
      throw disk.corrupt("belongs to another place");
    }
    if (disk.u16(2) == 0) {
      throw disk.corrupt("is free, and still has a name");
    }
    return new XfsInode(mp, ino, disk.u16(2), decodeCore(sb, disk.u16(2), disk));
  }

  /**
   * Decodes an inode whose magic number, checksum and place are right.
   *
   * @param sb the filesystem
   * @param mode its type and permissions
   * @param disk all of its bytes
   * @return what it says
   * @throws ErrnoException EUCLEAN if it is damaged
   */
  static Core decodeCore(XfsSb sb, int mode, BufData disk) throws ErrnoException {
    int formatCode = disk.u8(5);
    if (formatCode >= FORMATS.length) {
      throw disk.corrupt("its data is of a form that is not known (" + formatCode + ")");
    }
    Core core = core(sb, disk, FORMATS[formatCode]);
    checkForm(mode, core, disk);
    return core;
  }

  private static Core core(XfsSb sb, BufData disk, Format format) throws ErrnoException {
    long flags2 = disk.i64(120);
    boolean bigtime = (flags2 & DIFLAG2_BIGTIME) != 0;
    boolean large = (flags2 & DIFLAG2_NREXT64) != 0;
    if ((bigtime && !sb.bigtime) || (large && !sb.nrext64)) {
      throw disk.corrupt("uses features that the filesystem does not have");
    }
    int flags = disk.u16(90);
    return new Core(
        format,
        disk.u16(2),
        disk.i64(56),
        disk.i32(16),
        disk.i32(8),
        disk.i32(12),
        disk.i64(64),
        large ? disk.i64(24) : disk.u32(76),
        (flags & DIFLAG_REALTIME) != 0,
        (flags & DIFLAG_IMMUTABLE) != 0,
        (flags & DIFLAG_APPEND) != 0,
        (flags & DIFLAG_SYNC) != 0,
        (flags & XfsDinode.DIFLAG_PREALLOC) != 0,
        (flags & DIFLAG_NODUMP) != 0,
        (flags2 & DIFLAG2_REFLINK) != 0,
        bigtime,
        disk.i64(32),
        disk.i64(MTIME_OFFSET),
        disk.i64(CTIME_OFFSET),
        disk.i64(CRTIME_OFFSET),
        format == Format.DEV ? disk.i32(CORE_BYTES) : 0,
        xflags(flags, flags2, disk.u8(82) != 0),
        (flags & (DIFLAG_EXTSIZE | DIFLAG_EXTSZINHERIT)) != 0,
        disk.i32(72),
        disk.i32(128),
        disk.u16(22) << 16 | disk.u16(20),
        disk.i32(92),
        disk.u8(82) == 0 ? 0 : large ? disk.u32(76) : disk.u16(80),
        attrFormat(disk),
        dataFork(disk),
        attrFork(disk));
  }

  /** The flags that user programs see. They equal those on disk, except for DIFLAG_NEWRTBM. */
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_ip2xflags")
  private static int xflags(int flags, long flags2, boolean attr) {
    return (flags & DIFLAG_ANY & ~DIFLAG_NEWRTBM)
        | ((flags2 & DIFLAG2_DAX) != 0 ? Fileattr.FS_XFLAG_DAX : 0)
        | ((flags2 & DIFLAG2_COWEXTSIZE) != 0 ? Fileattr.FS_XFLAG_COWEXTSIZE : 0)
        | (attr ? Fileattr.FS_XFLAG_HASATTR : 0);
  }

  /** The data fork. The attribute fork follows it, if there is one. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_format.h",
      name = {"XFS_DFORK_DSIZE", "XFS_DFORK_BOFF"})
  private static BufData dataFork(BufData disk) throws ErrnoException {
    int room = disk.size() - CORE_BYTES;
    int forkOff = disk.u8(82) << 3;
    if (forkOff >= room) {
      throw disk.corrupt("its attributes begin behind its end");
    }
    return disk.slice(CORE_BYTES, forkOff == 0 ? room : forkOff, "inode " + disk.i64(152));
  }

  private static Format attrFormat(BufData disk) throws ErrnoException {
    int code = disk.u8(83);
    return code < FORMATS.length ? FORMATS[code] : Format.DEV;
  }

  /**
   * The attribute fork, up to the end of the inode; empty if there is none. {@link #dataFork}
   * checked its offset.
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_format.h",
      name = {"XFS_DFORK_ASIZE", "XFS_DFORK_APTR"})
  private static BufData attrFork(BufData disk) throws ErrnoException {
    int forkOff = disk.u8(82) << 3;
    int start = forkOff == 0 ? disk.size() : CORE_BYTES + forkOff;
    return disk.slice(start, disk.size() - start, "inode " + disk.i64(152) + ", its attributes");
  }

  /** Checks the format of the data fork against the type of file. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_dinode_verify_fork")
  private static void checkForm(int mode, Core core, BufData disk) throws ErrnoException {
    Format format = core.format();
    boolean good =
        switch (mode & StatMode.S_IFMT) {
          case StatMode.S_IFREG -> format == Format.EXTENTS || format == Format.BTREE;
          case StatMode.S_IFDIR -> format != Format.DEV && core.size() > 0;
          case StatMode.S_IFLNK ->
              (format == Format.LOCAL || format == Format.EXTENTS) && core.size() > 0;
          case StatMode.S_IFCHR, StatMode.S_IFBLK, StatMode.S_IFIFO, StatMode.S_IFSOCK ->
              format == Format.DEV;
          default -> false;
        };
    if (!good || core.size() < 0) {
      throw disk.corrupt("its type, its size and the form of its data do not go together");
    }
    if (format == Format.LOCAL && (core.size() > core.fork().size() || core.nextents() != 0)) {
      throw disk.corrupt("more data than fits into the inode");
    }
    boolean tooMany =
        core.nextents() > MAX_EXTENTS || Long.compareUnsigned(core.nextents(), core.nblocks()) > 0;
    if (core.nextents() < 0 || (format != Format.DEV && tooMany)) {
      throw disk.corrupt("more extents than blocks");
    }
  }

  /**
   * An inode, decoded.
   *
   * @param format the format of the data fork
   * @param mode type and permissions
   * @param size bytes of the file
   * @param nlink number of links
   * @param uid owner
   * @param gid group
   * @param nblocks blocks of data and of trees
   * @param nextents extents of the data fork
   * @param realtime whether the data is on the realtime device
   * @param immutable whether it must not change
   * @param append whether it may only grow
   * @param sync whether every write must be durable
   * @param prealloc whether blocks after the end of the file stay
   * @param nodump whether backups skip it
   * @param reflink whether it may share blocks with other files
   * @param bigtime the format of the times
   * @param atime as on disk
   * @param mtime as on disk
   * @param ctime as on disk
   * @param crtime birth time, as on disk
   * @param rdev device number, as on disk
   * @param xflags FS_XFLAG_*
   * @param hasExtsize whether extsize is valid
   * @param extsize hint for the size of extents, in blocks
   * @param cowextsize the same for copy on write
   * @param projid project number, unsigned
   * @param generation changes each time the inode number is reused
   * @param anextents extents of the attribute fork
   * @param attrFormat the format of the attribute fork; DEV, which is invalid there, for an unknown
   *     format
   * @param fork the data fork
   * @param attrFork the attribute fork
   */
  record Core(
      Format format,
      int mode,
      long size,
      int nlink,
      int uid,
      int gid,
      long nblocks,
      long nextents,
      boolean realtime,
      boolean immutable,
      boolean append,
      boolean sync,
      boolean prealloc,
      boolean nodump,
      boolean reflink,
      boolean bigtime,
      long atime,
      long mtime,
      long ctime,
      long crtime,
      int rdev,
      int xflags,
      boolean hasExtsize,
      int extsize,
      int cowextsize,
      int projid,
      int generation,
      long anextents,
      Format attrFormat,
      BufData fork,
      BufData attrFork) {}
}
