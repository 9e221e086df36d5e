// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.Permission;
import io.pollux.core.vfs.Timespec64;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Timespec;
import org.jspecify.annotations.Nullable;

/**
 * Calls on the attributes of a file: mode, owner, size, times, access. Each implements one call.
 */
final class AttrCalls {
  private static final int FACCESSAT2_FLAGS =
      Fcntl.AT_EACCESS | Fcntl.AT_SYMLINK_NOFOLLOW | Fcntl.AT_EMPTY_PATH;
  private static final int AT_FLAGS = Fcntl.AT_SYMLINK_NOFOLLOW | Fcntl.AT_EMPTY_PATH;
  private static final Timespec64 EPOCH = new Timespec64(0, 0);
  private static final int USEC_PER_SEC = 1_000_000;
  private static final int NSEC_PER_USEC = 1000;

  private final Namei namei;

  AttrCalls(Namei namei) {
    this.namei = namei;
  }

  // Size.

  /** Implements truncate(2). */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_sys_truncate", "vfs_truncate"})
  long truncate(Task current, long pathname, long length) throws ErrnoException {
    if (length < 0) {
      return -Errno.EINVAL;
    }
    Inode inode = UserPath.find(current, namei, pathname, true).inode();
    if (inode.isType(StatMode.S_IFDIR)) {
      return -Errno.EISDIR;
    }
    if (!inode.isType(StatMode.S_IFREG)) {
      return -Errno.EINVAL;
    }
    int result = Permission.ofInode(current, inode, Permission.MAY_WRITE);
    if (result == 0) {
      Attr.change(current, inode, Iattr.ofSize(length));
    }
    return result;
  }

  /** Implements ftruncate(2). */
  @LinuxSource(file = "fs/open.c", name = "do_sys_ftruncate")
  static long ftruncate(Task current, int fd, long length) throws ErrnoException {
    if (length < 0) {
      return -Errno.EINVAL;
    }
    File file = FileCalls.fget(current, fd);
    try {
      if (!file.inode().isType(StatMode.S_IFREG) || !file.writable()) {
        return -Errno.EINVAL;
      }
      Attr.change(current, file.inode(), Iattr.ofSize(length));
      return 0;
    } finally {
      file.fput(current);
    }
  }

  // Mode and owner.

  /** Implements chmod(2) and fchmodat(2), which follow a link and have no flags. */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_fchmodat", "chmod_common"})
  long fchmodat(Task current, int dirfd, long pathname, int mode) throws ErrnoException {
    return fchmodat2(current, dirfd, pathname, mode, 0);
  }

  /** Implements fchmodat2(2), which is newer than the series. A link has no mode to change. */
  @LinuxSource(file = "fs/open.c", name = "do_fchmodat")
  long fchmodat2(Task current, int dirfd, long pathname, int mode, int flags)
      throws ErrnoException {
    if ((flags & ~AT_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    Inode inode = UserPath.find(current, namei, dirfd, pathname, flags).inode();
    if (inode.isType(StatMode.S_IFLNK)) {
      return -Errno.EOPNOTSUPP;
    }
    Attr.change(current, inode, Iattr.ofMode(mode));
    return 0;
  }

  /** Implements fchmod(2). */
  @LinuxSource(file = "fs/open.c", name = "ksys_fchmod")
  static long fchmod(Task current, int fd, int mode) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      Attr.change(current, file.inode(), Iattr.ofMode(mode));
      return 0;
    } finally {
      file.fput(current);
    }
  }

  /** Implements fchownat(2), and chown(2) and lchown(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/open.c", name = "do_fchownat")
  long fchownat(Task current, int dirfd, long pathname, int uid, int gid, int flags)
      throws ErrnoException {
    if ((flags & ~AT_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    Attr.chown(current, UserPath.find(current, namei, dirfd, pathname, flags).inode(), uid, gid);
    return 0;
  }

  /** Implements fchown(2). */
  @LinuxSource(file = "fs/open.c", name = "ksys_fchown")
  static long fchown(Task current, int fd, int uid, int gid) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      Attr.chown(current, file.inode(), uid, gid);
      return 0;
    } finally {
      file.fput(current);
    }
  }

  // Times.

  /** Implements utimensat(2). Without a path it changes the open file. */
  @LinuxSource(
      file = "fs/utimes.c",
      name = {"sys_utimensat", "do_utimes"})
  long utimensat(Task current, int dirfd, long pathname, long times, int flags)
      throws ErrnoException {
    if (times == 0) {
      return utimes(current, dirfd, pathname, Iattr.touch(), flags);
    }
    if (!current.mm().accessOk(times, 2 * Timespec.SIZE, false)) {
      return -Errno.EFAULT;
    }
    long second = times + Timespec.SIZE;
    long atimeNsec = Timespec.tvNsec(times);
    long mtimeNsec = Timespec.tvNsec(second);
    if (atimeNsec == Fcntl.UTIME_OMIT && mtimeNsec == Fcntl.UTIME_OMIT) {
      return 0; // nothing else is checked
    }
    if (!nsecValid(atimeNsec) || !nsecValid(mtimeNsec)) {
      return utimes(current, dirfd, pathname, null, flags);
    }
    if (atimeNsec == Fcntl.UTIME_NOW && mtimeNsec == Fcntl.UTIME_NOW) {
      return utimes(current, dirfd, pathname, Iattr.touch(), flags);
    }
    int valid = bits(atimeNsec, Iattr.ATTR_ATIME, Iattr.ATTR_ATIME_SET);
    valid |= bits(mtimeNsec, Iattr.ATTR_MTIME, Iattr.ATTR_MTIME_SET);
    Iattr attr = Iattr.ofTimes(valid, time(times, atimeNsec), time(second, mtimeNsec));
    return utimes(current, dirfd, pathname, attr, flags);
  }

  private static boolean nsecValid(long nsec) {
    return nsec == Fcntl.UTIME_OMIT
        || nsec == Fcntl.UTIME_NOW
        || (nsec >= 0 && nsec < Timespec64.NSEC_PER_SEC);
  }

  private static int bits(long nsec, int now, int set) {
    return nsec == Fcntl.UTIME_OMIT ? 0 : nsec == Fcntl.UTIME_NOW ? now : now | set;
  }

  private static Timespec64 time(long address, long nsec) {
    return nsec < Timespec64.NSEC_PER_SEC
        ? new Timespec64(Timespec.tvSec(address), (int) nsec)
        : EPOCH; // not used
  }

  /** Changes the times. Null stands for times that are EINVAL once the file is found. */
  private long utimes(Task current, int dirfd, long pathname, @Nullable Iattr attr, int flags)
      throws ErrnoException {
    if (pathname != 0 || dirfd == Fcntl.AT_FDCWD) {
      if ((flags & ~AT_FLAGS) != 0) {
        return -Errno.EINVAL;
      }
      return utimes(current, UserPath.find(current, namei, dirfd, pathname, flags).inode(), attr);
    }
    if (flags != 0) {
      return -Errno.EINVAL;
    }
    File file = FileCalls.fget(current, dirfd);
    try {
      return utimes(current, file.inode(), attr);
    } finally {
      file.fput(current);
    }
  }

  @LinuxSource(file = "fs/utimes.c", name = "utimes_common")
  private static long utimes(Task current, Inode inode, @Nullable Iattr attr)
      throws ErrnoException {
    if (attr == null) {
      return -Errno.EINVAL;
    }
    Attr.change(current, inode, attr);
    return 0;
  }

  /** Implements futimesat(2), and utimes(2) with AT_FDCWD: two struct timeval, in microseconds. */
  @LinuxSource(file = "fs/utimes.c", name = "do_futimesat")
  long futimesat(Task current, int dirfd, long pathname, long times) throws ErrnoException {
    Iattr attr = Iattr.touch();
    if (times != 0) {
      if (!current.mm().accessOk(times, 4 * Long.BYTES, false)) {
        return -Errno.EFAULT;
      }
      Timespec64 atime = timeval(times);
      Timespec64 mtime = timeval(times + 2 * Long.BYTES);
      if (atime == null || mtime == null) {
        return -Errno.EINVAL;
      }
      attr = named(atime, mtime);
    }
    return utimes(current, dirfd, pathname, attr, 0);
  }

  private static @Nullable Timespec64 timeval(long address) {
    long usec = RawMemory.getLong(address + Long.BYTES);
    return usec < 0 || usec >= USEC_PER_SEC
        ? null
        : new Timespec64(RawMemory.getLong(address), (int) usec * NSEC_PER_USEC);
  }

  private static Iattr named(Timespec64 atime, Timespec64 mtime) {
    int both = Iattr.ATTR_ATIME | Iattr.ATTR_ATIME_SET | Iattr.ATTR_MTIME | Iattr.ATTR_MTIME_SET;
    return Iattr.ofTimes(both, atime, mtime);
  }

  /** Implements utime(2): a struct utimbuf, in seconds. */
  @LinuxSource(file = "fs/utimes.c", name = "sys_utime")
  long utime(Task current, long pathname, long times) throws ErrnoException {
    Iattr attr = Iattr.touch();
    if (times != 0) {
      if (!current.mm().accessOk(times, 2 * Long.BYTES, false)) {
        return -Errno.EFAULT;
      }
      attr =
          named(
              new Timespec64(RawMemory.getLong(times), 0),
              new Timespec64(RawMemory.getLong(times + Long.BYTES), 0));
    }
    return utimes(current, Fcntl.AT_FDCWD, pathname, attr, 0);
  }

  // Access.

  /** Implements faccessat(2), and access(2) with AT_FDCWD: checks with the real IDs. */
  @LinuxSource(file = "fs/open.c", name = "do_faccessat")
  long faccessat(Task current, int dirfd, long pathname, int mode) throws ErrnoException {
    return faccessat2(current, dirfd, pathname, mode, 0);
  }

  /** Implements faccessat2(2), which is newer than the series. */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_faccessat", "access_override_creds"})
  long faccessat2(Task current, int dirfd, long pathname, int mode, int flags)
      throws ErrnoException {
    if ((mode & ~(Fcntl.R_OK | Fcntl.W_OK | Fcntl.X_OK)) != 0 || (flags & ~FACCESSAT2_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    Cred real = (flags & Fcntl.AT_EACCESS) != 0 ? null : current.cred().forAccess();
    current.overrideCred(real);
    try {
      Inode inode = UserPath.find(current, namei, dirfd, pathname, flags).inode();
      return Permission.ofInode(current, inode, mode); // *_OK are MAY_*
    } finally {
      current.overrideCred(null);
    }
  }
}
