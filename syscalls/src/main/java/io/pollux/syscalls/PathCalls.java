// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
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
  private static final int FACCESSAT2_FLAGS =
      Fcntl.AT_EACCESS | Fcntl.AT_SYMLINK_NOFOLLOW | Fcntl.AT_EMPTY_PATH;

  // with AT_EMPTY_PATH, a null pointer counts as empty since Linux 6.11
  private static final byte[] NO_PATH = {};

  private final Namei namei;

  PathCalls(Namei namei) {
    this.namei = namei;
  }

  // Creation and removal.

  /** Implements mkdirat(2), and mkdir(2) with AT_FDCWD. There is no umask. */
  @LinuxSource(file = "fs/namei.c", name = "do_mkdirat")
  long mkdirat(Task current, int dirfd, long pathname, int mode) throws ErrnoException {
    byte[] path = FileCalls.path(current, pathname);
    namei.mkdir(current, FileCalls.base(current, dirfd, path), path, mode);
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
    byte[] path = FileCalls.path(current, pathname);
    Dentry base = FileCalls.base(current, dirfd, path);
    if ((flags & Fcntl.AT_REMOVEDIR) != 0) {
      namei.rmdir(current, base, path);
    } else {
      namei.unlink(current, base, path);
    }
    return 0;
  }

  /** Implements truncate(2). */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_sys_truncate", "vfs_truncate"})
  long truncate(Task current, long pathname, long length) throws ErrnoException {
    if (length < 0) {
      return -Errno.EINVAL;
    }
    Inode inode = namei.lookup(current, null, FileCalls.path(current, pathname), true).inode();
    if (inode.isType(StatMode.S_IFDIR)) {
      return -Errno.EISDIR;
    }
    if (!inode.isType(StatMode.S_IFREG)) {
      return -Errno.EINVAL;
    }
    if (inode.sb().readOnly()) {
      return -Errno.EROFS;
    }
    inode.setSize(current, length);
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
    boolean follow = (flags & Fcntl.AT_SYMLINK_NOFOLLOW) == 0;
    Inode inode = find(current, dirfd, pathname, follow, (flags & Fcntl.AT_EMPTY_PATH) != 0);
    return FileCalls.putStat(current.mm(), inode, statbuf);
  }

  /**
   * Finds the inode of a path. If the path is empty and may be, returns the inode of the
   * descriptor.
   */
  private Inode find(Task current, int dirfd, long pathname, boolean follow, boolean mayBeEmpty)
      throws ErrnoException {
    byte[] path = pathname == 0 && mayBeEmpty ? NO_PATH : FileCalls.path(current, pathname);
    if (path.length > 0 || !mayBeEmpty) {
      return namei.lookup(current, FileCalls.base(current, dirfd, path), path, follow).inode();
    }
    if (dirfd == FileCalls.AT_FDCWD) {
      return namei.lookup(current, null, new byte[] {'/'}, follow).inode();
    }
    File file = FileCalls.fgetRaw(current, dirfd);
    try {
      return file.inode();
    } finally {
      file.fput(current);
    }
  }

  /**
   * Implements faccessat(2), and access(2) with AT_FDCWD. Programs have root's privileges. Only a
   * read-only filesystem, or a file without any execute permission, denies access.
   */
  @LinuxSource(file = "fs/open.c", name = "do_faccessat")
  long faccessat(Task current, int dirfd, long pathname, int mode) throws ErrnoException {
    return faccessat2(current, dirfd, pathname, mode, 0);
  }

  /** Implements faccessat2(2), which is newer than the series. */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_faccessat", "inode_permission"})
  long faccessat2(Task current, int dirfd, long pathname, int mode, int flags)
      throws ErrnoException {
    if ((mode & ~(Fcntl.R_OK | Fcntl.W_OK | Fcntl.X_OK)) != 0 || (flags & ~FACCESSAT2_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    boolean follow = (flags & Fcntl.AT_SYMLINK_NOFOLLOW) == 0;
    Inode inode = find(current, dirfd, pathname, follow, (flags & Fcntl.AT_EMPTY_PATH) != 0);
    boolean onDisk =
        inode.isType(StatMode.S_IFREG)
            || inode.isType(StatMode.S_IFDIR)
            || inode.isType(StatMode.S_IFLNK);
    if ((mode & Fcntl.W_OK) != 0 && onDisk && inode.sb().readOnly()) {
      return -Errno.EROFS;
    }
    boolean nobody = (inode.mode() & StatMode.S_IXUGO) == 0 && !inode.isType(StatMode.S_IFDIR);
    return (mode & Fcntl.X_OK) != 0 && nobody ? -Errno.EACCES : 0;
  }

  /** Implements readlinkat(2), and readlink(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/stat.c", name = "do_readlinkat")
  long readlinkat(Task current, int dirfd, long pathname, long buf, int bufsize)
      throws ErrnoException {
    if (bufsize <= 0) {
      return -Errno.EINVAL;
    }
    Inode link = find(current, dirfd, pathname, false, pathIsEmpty(current, pathname));
    if (!link.isType(StatMode.S_IFLNK) && pathIsEmpty(current, pathname)) {
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

  /** An empty path names the descriptor itself, a link opened with O_PATH and O_NOFOLLOW. */
  private static boolean pathIsEmpty(Task current, long pathname) throws ErrnoException {
    return FileCalls.path(current, pathname).length == 0;
  }

  /** Implements getcwd(2): the working directory is always the root. */
  @LinuxSource(file = "fs/dcache.c", name = "sys_getcwd")
  static long getcwd(Task current, long buf, long size) {
    byte[] path = {'/', 0};
    if (Long.compareUnsigned(size, path.length) < 0) {
      return -Errno.ERANGE;
    }
    if (!current.mm().accessOk(buf, path.length, true)) {
      return -Errno.EFAULT;
    }
    FileCalls.putBytes(buf, path, path.length);
    return path.length;
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
    boolean follow = (flags & Fcntl.AT_SYMLINK_NOFOLLOW) == 0;
    Inode inode = find(current, dirfd, pathname, follow, (flags & Fcntl.AT_EMPTY_PATH) != 0);
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(stat);
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
    Dentry found = namei.lookup(current, null, FileCalls.path(current, pathname), true);
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
