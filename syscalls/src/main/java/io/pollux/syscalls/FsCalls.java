// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FsStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.Permission;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/** Calls on the root, the working directory and the umask. Each handler implements one call. */
final class FsCalls {
  private static final int PATH_OF_DIRECTORY = Fcntl.O_PATH | Fcntl.O_DIRECTORY;
  private static final byte[] HERE = {'.'};

  private final Namei namei;

  FsCalls(Namei namei) {
    this.namei = namei;
  }

  /** Implements chdir(2). */
  @LinuxSource(file = "fs/open.c", name = "ksys_chdir")
  long chdir(Task current, long pathname) throws ErrnoException {
    return enter(current, directory(current, pathname));
  }

  private File directory(Task current, long pathname) throws ErrnoException {
    byte[] path = UserPath.bytes(current, pathname);
    return namei.open(
        current, UserPath.base(current, Fcntl.AT_FDCWD, path), path, PATH_OF_DIRECTORY, 0);
  }

  /** Implements chroot(2). */
  @LinuxSource(file = "fs/open.c", name = "ksys_chroot")
  long chroot(Task current, long pathname) throws ErrnoException {
    File directory = directory(current, pathname);
    int result = Permission.ofInode(current, directory.inode(), Permission.MAY_EXEC);
    if (result == 0 && !current.process().capable()) {
      result = -Errno.EPERM;
    }
    if (result != 0) {
      directory.fput(current);
      return result;
    }
    FsStruct.of(current).setRoot(current, directory);
    return 0;
  }

  /** Implements fchdir(2). */
  @LinuxSource(file = "fs/open.c", name = "sys_fchdir")
  long fchdir(Task current, int fd) throws ErrnoException {
    File file = FileCalls.fgetRaw(current, fd);
    try {
      if (!file.inode().isType(StatMode.S_IFDIR)) {
        return -Errno.ENOTDIR;
      }
      // the walk to "." checks the permission too
      return enter(current, namei.open(current, file.dentry(), HERE, PATH_OF_DIRECTORY, 0));
    } finally {
      file.fput(current);
    }
  }

  private static long enter(Task current, File directory) {
    int result = Permission.ofInode(current, directory.inode(), Permission.MAY_EXEC);
    if (result != 0) {
      directory.fput(current);
      return result;
    }
    FsStruct.of(current).setPwd(current, directory);
    return 0;
  }

  /** Implements getcwd(2). */
  @LinuxSource(file = "fs/d_path.c", name = "sys_getcwd")
  static long getcwd(Task current, long buf, long size) throws ErrnoException {
    byte[] path = FsStruct.of(current).pwdPath();
    int bytes = path.length + 1;
    if (Long.compareUnsigned(size, bytes) < 0) {
      return -Errno.ERANGE;
    }
    if (bytes > Namei.PATH_MAX) {
      return -Errno.ENAMETOOLONG;
    }
    if (!current.mm().accessOk(buf, bytes, true)) {
      return -Errno.EFAULT;
    }
    FileCalls.putBytes(buf, path, path.length);
    FileCalls.putBytes(buf + path.length, new byte[] {0}, 1);
    return bytes;
  }

  /** Implements umask(2). */
  @LinuxSource(file = "kernel/sys.c", name = "sys_umask")
  static long umask(Task current, int mask) {
    return FsStruct.of(current).setUmask(mask);
  }
}
