// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Fileattr;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * An inode on disk, decoded and checked.
 *
 * @param formalIno the number that directories refer to, never reused
 * @param mode type and permissions
 * @param uid owner
 * @param gid group
 * @param nlink number of links, unsigned
 * @param size bytes of the file
 * @param blocks blocks of data, of trees and of attributes
 * @param atime seconds since 1970
 * @param atimeNsec nanoseconds on top
 * @param mtime seconds since 1970
 * @param mtimeNsec nanoseconds on top
 * @param ctime seconds since 1970
 * @param ctimeNsec nanoseconds on top
 * @param major of a device node
 * @param minor of a device node
 * @param flags DIF_*
 * @param height of the tree; 0 if the data is inside the inode (stuffed)
 * @param depth bits of a hash that index a directory's table
 * @param entries of a directory, unsigned
 */
@LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_dinode")
record Gfs2Dinode(
    long formalIno,
    int mode,
    int uid,
    int gid,
    int nlink,
    long size,
    long blocks,
    long atime,
    int atimeNsec,
    long mtime,
    int mtimeNsec,
    long ctime,
    int ctimeNsec,
    int major,
    int minor,
    int flags,
    int height,
    int depth,
    int entries) {
  /** The file's data goes through the journal. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_JDATA")
  static final int DIF_JDATA = 0x00000001;

  /** The directory has a hash table. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_EXHASH")
  static final int DIF_EXHASH = 0x00000002;

  /** The file must not change. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_IMMUTABLE")
  private static final int DIF_IMMUTABLE = 0x00000020;

  /** The file may only grow. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_APPENDONLY")
  private static final int DIF_APPENDONLY = 0x00000040;

  /** Every write is synchronous, as with O_SYNC. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_SYNC")
  private static final int DIF_SYNC = 0x00000100;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_NOATIME")
  private static final int DIF_NOATIME = 0x00000080;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_TOPDIR")
  private static final int DIF_TOPDIR = 0x00000400;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_INHERIT_JDATA")
  private static final int DIF_INHERIT_JDATA = 0x80000000;

  private static final int MTIME = 80;
  private static final int CTIME = 88;
  private static final int MTIME_NSEC = 180;
  private static final int CTIME_NSEC = 184;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIR_MAX_DEPTH")
  private static final int MAX_DEPTH = 17;

  private static final long NANOS = 1_000_000_000;

  /**
   * Decodes an inode.
   *
   * @param sb the filesystem
   * @param addr the block that it was read from
   * @param disk that block, of type METATYPE_DI
   * @return the decoded inode
   * @throws ErrnoException EIO if it belongs to another block or is inconsistent
   */
  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_dinode_in")
  static Gfs2Dinode decode(Gfs2Sb sb, long addr, BufData disk) throws ErrnoException {
    if (disk.i64(32) != addr) {
      throw disk.corrupt("belongs to another place");
    }
    Gfs2Dinode dinode =
        new Gfs2Dinode(
            disk.i64(24),
            disk.i32(40),
            disk.i32(44),
            disk.i32(48),
            disk.i32(52),
            disk.i64(56),
            disk.i64(64),
            disk.i64(72),
            disk.i32(176),
            disk.i64(MTIME),
            disk.i32(MTIME_NSEC),
            disk.i64(CTIME),
            disk.i32(CTIME_NSEC),
            disk.i32(96),
            disk.i32(100),
            disk.i32(128),
            disk.u16(138),
            disk.u16(146),
            disk.i32(148));
    dinode.check(sb, disk);
    return dinode;
  }

  private void check(Gfs2Sb sb, BufData disk) throws ErrnoException {
    if (height > sb.maxHeight) {
      throw disk.corrupt("a tree of height " + height);
    }
    if (depth > MAX_DEPTH) {
      throw disk.corrupt("a hash table of depth " + depth);
    }
    if (size < 0
        || blocks < 0
        || blocks > Long.MAX_VALUE >> sb.blockLog
        || (stuffed() && size > sb.maxStuffedSize())) {
      throw disk.corrupt("more data than it has room for (" + size + " bytes)");
    }
    if (badNanos(atimeNsec) || badNanos(mtimeNsec) || badNanos(ctimeNsec)) {
      throw disk.corrupt("a time of more nanoseconds than a second has");
    }
    boolean good =
        switch (mode & StatMode.S_IFMT) {
          case StatMode.S_IFREG,
              StatMode.S_IFCHR,
              StatMode.S_IFBLK,
              StatMode.S_IFIFO,
              StatMode.S_IFSOCK ->
              true;
          case StatMode.S_IFLNK -> stuffed() && size > 0;
          case StatMode.S_IFDIR ->
              exhash() ? size == (long) Long.BYTES << depth : stuffed() && depth == 0;
          default -> false;
        };
    if (!good || (mode & ~(StatMode.S_IFMT | 07777)) != 0) {
      throw disk.corrupt("its type, its size and the form of its data do not go together");
    }
  }

  /**
   * Stores the time of a write into an inode on disk. All bytes are in the first sector, which a
   * disk writes atomically.
   *
   * @param block the inode's block
   * @param millis milliseconds since 1970
   */
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_dinode_out")
  static void putTimes(BufEdit block, long millis) throws ErrnoException {
    long seconds = Math.floorDiv(millis, 1000);
    int nanos = Math.floorMod(millis, 1000) * 1_000_000;
    block.put64(MTIME, seconds);
    block.put64(CTIME, seconds);
    block.put32(MTIME_NSEC, nanos);
    block.put32(CTIME_NSEC, nanos);
  }

  private static boolean badNanos(int nanos) {
    return Integer.toUnsignedLong(nanos) >= NANOS;
  }

  /** Whether the data is inside the inode. */
  @LinuxSource(file = "fs/gfs2/inode.h", name = "gfs2_is_stuffed")
  boolean stuffed() {
    return height == 0;
  }

  boolean exhash() {
    return (flags & DIF_EXHASH) != 0;
  }

  @LinuxSource(file = "fs/gfs2/inode.h", name = "gfs2_is_jdata")
  boolean jdata() {
    return (flags & DIF_JDATA) != 0;
  }

  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_set_inode_flags")
  boolean immutable() {
    return (flags & DIF_IMMUTABLE) != 0;
  }

  boolean appendOnly() {
    return (flags & DIF_APPENDONLY) != 0;
  }

  /** The flags as user programs see them: FS_*_FL. */
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_gfsflags_to_fsflags")
  int fsFlags() {
    int journaled = StatMode.isType(mode, StatMode.S_IFDIR) ? DIF_INHERIT_JDATA : DIF_JDATA;
    return (sync() ? Fileattr.FS_SYNC_FL : 0)
        | (immutable() ? Fileattr.FS_IMMUTABLE_FL : 0)
        | (appendOnly() ? Fileattr.FS_APPEND_FL : 0)
        | ((flags & DIF_NOATIME) != 0 ? Fileattr.FS_NOATIME_FL : 0)
        | (exhash() ? Fileattr.FS_INDEX_FL : 0)
        | ((flags & DIF_TOPDIR) != 0 ? Fileattr.FS_TOPDIR_FL : 0)
        | ((flags & journaled) != 0 ? Fileattr.FS_JOURNAL_DATA_FL : 0);
  }

  boolean sync() {
    return (flags & DIF_SYNC) != 0;
  }
}
