// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * What an inode on disk says, decoded and checked.
 *
 * @param formalIno the number under which directories know it, which is never used again
 * @param mode type and permissions
 * @param uid owner
 * @param gid group
 * @param nlink names, unsigned
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
 * @param height of the tree; 0 if the data is in the inode itself (it is stuffed, in C)
 * @param depth how many bits of a hash a directory's table has
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
  /** The data goes through the journal. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_JDATA")
  static final int DIF_JDATA = 0x00000001;

  /** A directory with a hash table. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIF_EXHASH")
  static final int DIF_EXHASH = 0x00000002;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_DIR_MAX_DEPTH")
  private static final int MAX_DEPTH = 17;

  private static final long NANOS = 1_000_000_000;

  /**
   * Decodes an inode.
   *
   * @param sb the filesystem
   * @param addr the block where it was found
   * @param disk that block, of type METATYPE_DI
   * @return what it says
   * @throws ErrnoException EIO if it is not the inode of that place, or can't be right
   */
  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_dinode_in")
  static Gfs2Dinode decode(Gfs2Sb sb, long addr, Gfs2Buf disk) throws ErrnoException {
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
            disk.i64(80),
            disk.i32(180),
            disk.i64(88),
            disk.i32(184),
            disk.i32(96),
            disk.i32(100),
            disk.i32(128),
            disk.u16(138),
            disk.u16(146),
            disk.i32(148));
    dinode.check(sb, disk);
    return dinode;
  }

  private void check(Gfs2Sb sb, Gfs2Buf disk) throws ErrnoException {
    if (height > sb.maxHeight) {
      throw disk.corrupt("a tree of height " + height);
    }
    if (depth > MAX_DEPTH) {
      throw disk.corrupt("a hash table of depth " + depth);
    }
    if (size < 0 || blocks < 0 || blocks > Long.MAX_VALUE >> sb.blockLog || (stuffed() && size > sb.maxStuffedSize())) {
      throw disk.corrupt("more data than it has room for (" + size + " bytes)");
    }
    if (badNanos(atimeNsec) || badNanos(mtimeNsec) || badNanos(ctimeNsec)) {
      throw disk.corrupt("a time of more nanoseconds than a second has");
    }
    boolean good =
        switch (mode & StatMode.S_IFMT) {
          case StatMode.S_IFREG, StatMode.S_IFCHR, StatMode.S_IFBLK, StatMode.S_IFIFO, StatMode.S_IFSOCK -> true;
          case StatMode.S_IFLNK -> stuffed() && size > 0;
          case StatMode.S_IFDIR -> exhash() ? size == (long) Long.BYTES << depth : stuffed() && depth == 0;
          default -> false;
        };
    if (!good || (mode & ~(StatMode.S_IFMT | 07777)) != 0) {
      throw disk.corrupt("its type, its size and the form of its data do not go together");
    }
  }

  private static boolean badNanos(int nanos) {
    return Integer.toUnsignedLong(nanos) >= NANOS;
  }

  /** Whether the data is in the inode itself. */
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
}
