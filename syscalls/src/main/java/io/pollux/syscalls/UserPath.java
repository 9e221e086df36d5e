// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FsStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/** Paths as programs give them: a descriptor of a directory, and a string in user memory. */
final class UserPath {
  // with AT_EMPTY_PATH, a null pointer counts as empty since Linux 6.11
  private static final byte[] NO_PATH = {};

  private UserPath() {}

  /** Copies a path. An empty one is valid here. */
  @LinuxSource(file = "fs/namei.c", name = "getname_flags")
  static byte[] bytes(Task current, long address) throws ErrnoException {
    byte[] path = current.mm().stringFromUser(address, Namei.PATH_MAX);
    if (path == null) {
      throw new ErrnoException(Errno.EFAULT);
    }
    if (path.length == Namei.PATH_MAX) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
    return path;
  }

  /**
   * Returns the start directory of a path, null for the root. An empty path is ENOENT, even with an
   * invalid descriptor.
   */
  @LinuxSource(file = "fs/namei.c", name = "path_init")
  static @Nullable Dentry base(Task current, int dirfd, byte[] path) throws ErrnoException {
    if (path.length == 0) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return path[0] == '/' ? null : baseOf(current, dirfd);
  }

  /** Returns the directory of a descriptor, or the working directory; null for the root. */
  static @Nullable Dentry baseOf(Task current, int dirfd) throws ErrnoException {
    if (dirfd == Fcntl.AT_FDCWD) {
      return FsStruct.of(current).pwd();
    }
    File directory = FileCalls.fgetRaw(current, dirfd);
    try {
      if (!directory.inode().isType(StatMode.S_IFDIR)) {
        throw new ErrnoException(Errno.ENOTDIR);
      }
      return directory.dentry();
    } finally {
      directory.fput(current);
    }
  }

  /** Finds a path relative to the working directory. */
  static Dentry find(Task current, Namei namei, long pathname, boolean follow)
      throws ErrnoException {
    return find(current, namei, Fcntl.AT_FDCWD, pathname, follow ? 0 : Fcntl.AT_SYMLINK_NOFOLLOW);
  }

  /**
   * Finds a path.
   *
   * @param flags AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH count
   */
  @LinuxSource(file = "fs/namei.c", name = "user_path_at_empty")
  static Dentry find(Task current, Namei namei, int dirfd, long pathname, int flags)
      throws ErrnoException {
    boolean mayBeEmpty = (flags & Fcntl.AT_EMPTY_PATH) != 0;
    byte[] path = pathname == 0 && mayBeEmpty ? NO_PATH : bytes(current, pathname);
    if (path.length > 0 || !mayBeEmpty) {
      boolean follow = (flags & Fcntl.AT_SYMLINK_NOFOLLOW) == 0;
      return namei.lookup(current, base(current, dirfd, path), path, follow);
    }
    if (dirfd == Fcntl.AT_FDCWD) {
      return namei.lookup(current, FsStruct.of(current).pwd(), new byte[] {'.'}, true);
    }
    File file = FileCalls.fgetRaw(current, dirfd);
    try {
      Dentry opened = file.dentry();
      // a pipe, for example, has no name: this dentry is for its inode only
      return opened != null ? opened : new Dentry(null, "", file.inode());
    } finally {
      file.fput(current);
    }
  }
}
