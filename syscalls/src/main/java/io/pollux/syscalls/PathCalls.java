// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import io.pollux.uapi.Statx;
import java.lang.foreign.Arena;

/** Calls on paths, without an open of the file. Each handler implements one call. */
final class PathCalls {
  private static final int STATX_FLAGS =
      Fcntl.AT_SYMLINK_NOFOLLOW
          | Fcntl.AT_NO_AUTOMOUNT
          | Fcntl.AT_EMPTY_PATH
          | Fcntl.AT_STATX_SYNC_TYPE;
  private final Namei namei;

  PathCalls(Namei namei) {
    this.namei = namei;
  }

  // Creation and removal.

  /** Implements mkdirat(2), and mkdir(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/namei.c", name = "do_mkdirat")
  long mkdirat(Task current, int dirfd, long pathname, int mode) throws ErrnoException {
    byte[] path = UserPath.bytes(current, pathname);
    namei.mkdir(current, UserPath.base(current, dirfd, path), path, mode);
    return 0;
  }

  /** Implements unlinkat(2), unlink(2), and rmdir(2) with AT_REMOVEDIR. */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_unlinkat", "do_rmdir"})
  long unlinkat(Task current, int dirfd, long pathname, int flags) throws ErrnoException {
    if ((flags & ~Fcntl.AT_REMOVEDIR) != 0) {
      return -Errno.EINVAL;
    }
    byte[] path = UserPath.bytes(current, pathname);
    Dentry base = UserPath.base(current, dirfd, path);
    if ((flags & Fcntl.AT_REMOVEDIR) != 0) {
      namei.rmdir(current, base, path);
    } else {
      namei.unlink(current, base, path);
    }
    return 0;
  }

  /** Implements renameat2(2), renameat(2) and rename(2). */
  @LinuxSource(file = "fs/namei.c", name = "do_renameat2")
  long renameat2(Task current, int oldDirfd, long oldname, int newDirfd, long newname, int flags)
      throws ErrnoException {
    Namei.checkRenameFlags(flags);
    byte[] oldPath = UserPath.bytes(current, oldname);
    Dentry oldBase = UserPath.base(current, oldDirfd, oldPath);
    byte[] newPath = UserPath.bytes(current, newname);
    Dentry newBase = UserPath.base(current, newDirfd, newPath);
    namei.rename(current, oldBase, oldPath, newBase, newPath, flags);
    return 0;
  }

  /** Implements linkat(2), and link(2) without flags. */
  @LinuxSource(file = "fs/namei.c", name = "do_linkat")
  long linkat(Task current, int oldDirfd, long oldname, int newDirfd, long newname, int flags)
      throws ErrnoException {
    if ((flags & ~(Fcntl.AT_SYMLINK_FOLLOW | Fcntl.AT_EMPTY_PATH)) != 0) {
      return -Errno.EINVAL;
    }
    if ((flags & Fcntl.AT_EMPTY_PATH) != 0 && !mayLinkEmpty(current, oldDirfd, oldname)) {
      return -Errno.ENOENT;
    }
    boolean follow = (flags & Fcntl.AT_SYMLINK_FOLLOW) != 0;
    int how = (follow ? 0 : Fcntl.AT_SYMLINK_NOFOLLOW) | (flags & Fcntl.AT_EMPTY_PATH);
    Inode old = UserPath.find(current, namei, oldDirfd, oldname, how).inode();
    byte[] path = UserPath.bytes(current, newname);
    namei.link(current, old, UserPath.base(current, newDirfd, path), path);
    return 0;
  }

  /**
   * Whether a task may give a name to an open file: with a capability, or if it opened the file
   * itself, since Linux 6.10. A file from another process may be in a directory that is closed to
   * the task.
   */
  @LinuxSource(file = "fs/namei.c", name = "LOOKUP_LINKAT_EMPTY")
  private static boolean mayLinkEmpty(Task current, int dirfd, long pathname)
      throws ErrnoException {
    if (dirfd == Fcntl.AT_FDCWD
        || current.cred().capable(Capability.CAP_DAC_READ_SEARCH)
        || (pathname != 0 && UserPath.bytes(current, pathname).length > 0)) {
      return true;
    }
    File file = FileCalls.fgetRaw(current, dirfd);
    try {
      return file.openedWith(current.cred());
    } finally {
      file.fput(current);
    }
  }

  /** Implements symlinkat(2), and symlink(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/namei.c", name = "do_symlinkat")
  long symlinkat(Task current, long target, int dirfd, long pathname) throws ErrnoException {
    byte[] text = UserPath.bytes(current, target);
    if (text.length == 0) {
      return -Errno.ENOENT;
    }
    byte[] path = UserPath.bytes(current, pathname);
    namei.symlink(current, text, UserPath.base(current, dirfd, path), path);
    return 0;
  }

  /** Implements mknodat(2), and mknod(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/namei.c", name = "do_mknodat")
  long mknodat(Task current, int dirfd, long pathname, int mode, int dev) throws ErrnoException {
    Namei.mayMknod(mode);
    byte[] path = UserPath.bytes(current, pathname);
    Dentry base = UserPath.base(current, dirfd, path);
    namei.mknod(current, base, path, mode, Integer.toUnsignedLong(dev));
    return 0;
  }

  // Attributes.

  /** Implements newfstatat(2). */
  @LinuxSource(file = "fs/stat.c", name = "vfs_statx")
  long newfstatat(Task current, int dirfd, long pathname, long statbuf, int flags)
      throws ErrnoException {
    if ((flags & ~STATX_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    Inode inode = UserPath.find(current, namei, dirfd, pathname, flags).inode();
    return FileCalls.putStat(current, inode, statbuf);
  }

  /** Implements readlinkat(2), and readlink(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/stat.c", name = "do_readlinkat")
  long readlinkat(Task current, int dirfd, long pathname, long buf, int bufsize)
      throws ErrnoException {
    if (bufsize <= 0) {
      return -Errno.EINVAL;
    }
    boolean empty = UserPath.bytes(current, pathname).length == 0; // a link opened with O_PATH
    int how = Fcntl.AT_SYMLINK_NOFOLLOW | (empty ? Fcntl.AT_EMPTY_PATH : 0);
    Inode link = UserPath.find(current, namei, dirfd, pathname, how).inode();
    if (empty && !link.isType(StatMode.S_IFLNK)) {
      return -Errno.ENOENT;
    }
    byte[] target = link.readlink(current);
    int bytes = Math.min(target.length, bufsize);
    if (!current.mm().accessOk(buf, bytes, true)) {
      return -Errno.EFAULT;
    }
    FileCalls.putBytes(buf, target, bytes);
    return bytes;
  }

  /** Implements statx(2). It always returns the fields of stat, and the filesystem's own fields. */
  @LinuxSource(
      file = "fs/stat.c",
      name = {"sys_statx", "vfs_statx", "cp_statx"})
  long statx(Task current, int dirfd, long pathname, int flags, int mask, long buffer)
      throws ErrnoException {
    if ((mask & Statx.STATX__RESERVED) != 0
        || (flags & Fcntl.AT_STATX_SYNC_TYPE) == Fcntl.AT_STATX_SYNC_TYPE
        || (flags & ~STATX_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    Inode inode = UserPath.find(current, namei, dirfd, pathname, flags).inode();
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(current, stat);
      long statx = arena.allocate(Statx.SIZE, Long.BYTES).address();
      fillStatx(statx, stat);
      inode.fillStatx(statx, mask);
      return current.mm().copyToUser(buffer, statx, Statx.SIZE);
    }
  }

  private static void fillStatx(long statx, long stat) {
    Statx.stxMask(statx, Statx.STATX_BASIC_STATS);
    Statx.stxBlksize(statx, (int) Stat.stBlksize(stat));
    Statx.stxNlink(statx, (int) Stat.stNlink(stat));
    Statx.stxUid(statx, Stat.stUid(stat));
    Statx.stxGid(statx, Stat.stGid(stat));
    Statx.stxMode(statx, (short) Stat.stMode(stat));
    Statx.stxIno(statx, Stat.stIno(stat));
    Statx.stxSize(statx, Stat.stSize(stat));
    Statx.stxBlocks(statx, Stat.stBlocks(stat));
    Statx.stxAtime(statx, Stat.stAtime(stat));
    Statx.stxAtimeNsec(statx, (int) Stat.stAtimeNsec(stat));
    Statx.stxCtime(statx, Stat.stCtime(stat));
    Statx.stxCtimeNsec(statx, (int) Stat.stCtimeNsec(stat));
    Statx.stxMtime(statx, Stat.stMtime(stat));
    Statx.stxMtimeNsec(statx, (int) Stat.stMtimeNsec(stat));
    Statx.stxRdevMajor(statx, major(Stat.stRdev(stat)));
    Statx.stxRdevMinor(statx, minor(Stat.stRdev(stat)));
    Statx.stxDevMajor(statx, major(Stat.stDev(stat)));
    Statx.stxDevMinor(statx, minor(Stat.stDev(stat)));
  }

  @LinuxSource(file = "include/linux/kdev_t.h", name = "new_decode_dev")
  private static int major(long dev) {
    return (int) (dev & 0xfff00) >> 8;
  }

  @LinuxSource(file = "include/linux/kdev_t.h", name = "new_decode_dev")
  private static int minor(long dev) {
    return (int) ((dev & 0xff) | (dev >> 12 & 0xfff00));
  }

  /** Implements statfs(2). */
  @LinuxSource(file = "fs/statfs.c", name = "user_statfs")
  long statfs(Task current, long pathname, long buf) throws ErrnoException {
    Dentry found = UserPath.find(current, namei, pathname, true);
    return putStatfs(current, found.inode().sb(), buf);
  }

  /** Implements fstatfs(2). */
  @LinuxSource(file = "fs/statfs.c", name = "fd_statfs")
  static long fstatfs(Task current, int fd, long buf) throws ErrnoException {
    File file = FileCalls.fgetRaw(current, fd);
    try {
      return putStatfs(current, file.inode().sb(), buf);
    } finally {
      file.fput(current);
    }
  }

  @LinuxSource(file = "fs/statfs.c", name = "do_statfs_native")
  private static int putStatfs(Task current, SuperBlock sb, long buf) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
      sb.fillStatfs(current, statfs);
      return current.mm().copyToUser(buf, statfs, Statfs.SIZE);
    }
  }
}
