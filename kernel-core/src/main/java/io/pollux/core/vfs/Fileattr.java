// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/**
 * The attributes of a file that FS_IOC_GETFLAGS and FS_IOC_FSGETXATTR report.
 *
 * @param flags FS_*_FL
 * @param xflags FS_XFLAG_*
 * @param extsize hint for the size of extents, in bytes, unsigned
 * @param nextents extents of the data, unsigned
 * @param projid number of the project, unsigned
 * @param cowextsize hint for the size of extents of copies on write, in bytes, unsigned
 * @param hasFsx whether FS_IOC_FSGETXATTR is supported, too; else all but the flags is 0
 */
@LinuxSource(file = "include/linux/fileattr.h", name = "fileattr")
public record Fileattr(
    int flags, int xflags, int extsize, int nextents, int projid, int cowextsize, boolean hasFsx) {
  /** Every write is synchronous. */
  public static final int FS_SYNC_FL = 0x8;

  /** The file must not change. */
  public static final int FS_IMMUTABLE_FL = 0x10;

  /** The file may only grow. */
  public static final int FS_APPEND_FL = 0x20;

  /** Backups leave the file out. */
  public static final int FS_NODUMP_FL = 0x40;

  /** Access times are not kept. */
  public static final int FS_NOATIME_FL = 0x80;

  /** The directory has a hash table. */
  public static final int FS_INDEX_FL = 0x1000;

  /** The data goes through the journal. */
  public static final int FS_JOURNAL_DATA_FL = 0x4000;

  /** The directory is the top of a hierarchy. */
  public static final int FS_TOPDIR_FL = 0x20000;

  /** The data is mapped without the page cache. */
  public static final int FS_DAX_FL = 0x0200_0000;

  /** New files inherit the project. */
  public static final int FS_PROJINHERIT_FL = 0x2000_0000;

  /** The file must not change. */
  public static final int FS_XFLAG_IMMUTABLE = 0x8;

  /** The file may only grow. */
  public static final int FS_XFLAG_APPEND = 0x10;

  /** Every write is synchronous. */
  public static final int FS_XFLAG_SYNC = 0x20;

  /** Access times are not kept. */
  public static final int FS_XFLAG_NOATIME = 0x40;

  /** Backups leave the file out. */
  public static final int FS_XFLAG_NODUMP = 0x80;

  /** New files inherit the project. */
  public static final int FS_XFLAG_PROJINHERIT = 0x200;

  /** The data is mapped without the page cache. */
  public static final int FS_XFLAG_DAX = 0x8000;

  /** There is a hint for the size of extents of copies on write. */
  public static final int FS_XFLAG_COWEXTSIZE = 0x1_0000;

  /** The file has extended attributes. */
  public static final int FS_XFLAG_HASATTR = 0x8000_0000;

  /**
   * Creates the attributes of a filesystem that has flags only.
   *
   * @param flags FS_*_FL
   * @return the attributes
   */
  @LinuxSource(file = "fs/ioctl.c", name = "fileattr_fill_flags")
  public static Fileattr ofFlags(int flags) {
    return new Fileattr(flags, 0, 0, 0, 0, 0, false);
  }

  /**
   * Converts flags of FS_IOC_FSGETXATTR to those of FS_IOC_GETFLAGS.
   *
   * @param xflags FS_XFLAG_*
   * @return FS_*_FL
   */
  @LinuxSource(file = "fs/ioctl.c", name = "fileattr_fill_xflags")
  public static int flagsOf(int xflags) {
    return ((xflags & FS_XFLAG_IMMUTABLE) != 0 ? FS_IMMUTABLE_FL : 0)
        | ((xflags & FS_XFLAG_APPEND) != 0 ? FS_APPEND_FL : 0)
        | ((xflags & FS_XFLAG_SYNC) != 0 ? FS_SYNC_FL : 0)
        | ((xflags & FS_XFLAG_NOATIME) != 0 ? FS_NOATIME_FL : 0)
        | ((xflags & FS_XFLAG_NODUMP) != 0 ? FS_NODUMP_FL : 0)
        | ((xflags & FS_XFLAG_DAX) != 0 ? FS_DAX_FL : 0)
        | ((xflags & FS_XFLAG_PROJINHERIT) != 0 ? FS_PROJINHERIT_FL : 0);
  }
}
