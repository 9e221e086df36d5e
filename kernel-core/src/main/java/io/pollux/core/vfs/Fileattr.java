// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

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

  /** The data is on the realtime device. */
  public static final int FS_XFLAG_REALTIME = 0x1;

  /** There is a hint for the size of extents. */
  public static final int FS_XFLAG_EXTSIZE = 0x800;

  /** New files inherit the hint for the size of extents. */
  public static final int FS_XFLAG_EXTSZINHERIT = 0x1000;

  /** There is a hint for the size of extents of copies on write. */
  public static final int FS_XFLAG_COWEXTSIZE = 0x1_0000;

  /** The file has extended attributes. */
  public static final int FS_XFLAG_HASATTR = 0x8000_0000;

  @LinuxSource(file = "include/linux/fileattr.h", name = "FS_XFLAG_COMMON")
  private static final int XFLAG_COMMON =
      FS_XFLAG_SYNC
          | FS_XFLAG_IMMUTABLE
          | FS_XFLAG_APPEND
          | FS_XFLAG_NODUMP
          | FS_XFLAG_NOATIME
          | FS_XFLAG_DAX
          | FS_XFLAG_PROJINHERIT;

  private static final int FIXED = FS_IMMUTABLE_FL | FS_APPEND_FL;

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

  /**
   * Converts flags of FS_IOC_SETFLAGS to those of FS_IOC_FSSETXATTR.
   *
   * @param flags FS_*_FL
   * @return FS_XFLAG_*
   */
  @LinuxSource(file = "fs/file_attr.c", name = "fileattr_fill_flags")
  private static int xflagsOf(int flags) {
    return ((flags & FS_IMMUTABLE_FL) != 0 ? FS_XFLAG_IMMUTABLE : 0)
        | ((flags & FS_APPEND_FL) != 0 ? FS_XFLAG_APPEND : 0)
        | ((flags & FS_SYNC_FL) != 0 ? FS_XFLAG_SYNC : 0)
        | ((flags & FS_NOATIME_FL) != 0 ? FS_XFLAG_NOATIME : 0)
        | ((flags & FS_NODUMP_FL) != 0 ? FS_XFLAG_NODUMP : 0)
        | ((flags & FS_DAX_FL) != 0 ? FS_XFLAG_DAX : 0)
        | ((flags & FS_PROJINHERIT_FL) != 0 ? FS_XFLAG_PROJINHERIT : 0);
  }

  /**
   * Changes the attributes of a file. From process context, without locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param wanted the attributes; those of {@link #ofFlags} leave hints and project as they are
   * @throws ErrnoException EROFS. EPERM if the task is not the owner, or changes the flags
   *     immutable or append-only without CAP_LINUX_IMMUTABLE. EINVAL for a hint that files of this
   *     type do not have. ENOTTY if such files have no attributes. Or an error of the filesystem
   */
  @LinuxSource(file = "fs/file_attr.c", name = "vfs_fileattr_set")
  public static void set(Task current, Inode inode, Fileattr wanted) throws ErrnoException {
    inode.sb().wantWrite(current);
    try {
      inode.iRwsem.downWrite(current);
      try {
        Fileattr old = inode.fileattrGet(current);
        if (old == null || (wanted.hasFsx && !old.hasFsx)) {
          throw new ErrnoException(Errno.ENOTTY);
        }
        if (!Permission.ownerOrCapable(current, inode)) {
          throw new ErrnoException(Errno.EPERM);
        }
        inode.fileattrSet(current, wanted.prepare(current, inode, old));
      } finally {
        inode.iRwsem.upWrite();
      }
    } finally {
      inode.sb().dropWrite();
    }
  }

  /** Completes and checks the attributes that a program wants. */
  @LinuxSource(file = "fs/file_attr.c", name = "fileattr_set_prepare")
  private Fileattr prepare(Task current, Inode inode, Fileattr old) throws ErrnoException {
    int to = hasFsx ? flagsOf(xflags) : flags;
    if (((to ^ old.flags) & FIXED) != 0
        && !current.cred().capable(Capability.CAP_LINUX_IMMUTABLE)) {
      throw new ErrnoException(Errno.EPERM);
    }
    if (!hasFsx) {
      int kept = old.xflags & ~XFLAG_COMMON;
      return new Fileattr(
          to, xflagsOf(to) | kept, old.extsize, 0, old.projid, old.cowextsize, false);
    }
    boolean regular = inode.isType(StatMode.S_IFREG);
    boolean directory = inode.isType(StatMode.S_IFDIR);
    int misplaced =
        (regular ? 0 : FS_XFLAG_EXTSIZE)
            | (directory ? 0 : FS_XFLAG_EXTSZINHERIT)
            | (regular || directory ? 0 : FS_XFLAG_COWEXTSIZE | FS_XFLAG_DAX);
    if ((xflags & misplaced) != 0 || (projid != old.projid && projid == -1)) {
      throw new ErrnoException(Errno.EINVAL);
    }
    int without = // a hint of 0 is none
        (extsize == 0 ? FS_XFLAG_EXTSIZE | FS_XFLAG_EXTSZINHERIT : 0)
            | (cowextsize == 0 ? FS_XFLAG_COWEXTSIZE : 0);
    return new Fileattr(to, xflags & ~without, extsize, 0, projid, cowextsize, true);
  }
}
