// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * Calls on the storage of an open file, and on its durability. Each handler implements one call.
 */
final class StorageCalls {
  private static final int EXCLUSIVE_MODES =
      Fcntl.FALLOC_FL_COLLAPSE_RANGE | Fcntl.FALLOC_FL_INSERT_RANGE;
  private static final int PUNCH = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
  private static final int KNOWN_MODES =
      PUNCH | EXCLUSIVE_MODES | Fcntl.FALLOC_FL_ZERO_RANGE | Fcntl.FALLOC_FL_UNSHARE_RANGE;

  private final Kernel kernel;

  StorageCalls(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Implements fallocate(2), as far as the file supports it. */
  @LinuxSource(
      file = "fs/open.c",
      name = {"ksys_fallocate", "vfs_fallocate"})
  static long fallocate(Task current, int fd, int mode, long offset, long length)
      throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      if (offset < 0 || length <= 0) {
        return -Errno.EINVAL;
      }
      int result = checkMode(mode);
      if (result == 0) {
        result = checkFile(file);
      }
      if (result == 0 && offset + length < 0) {
        result = -Errno.EFBIG;
      }
      if (result != 0) {
        return result;
      }
      file.inode().sb().wantWrite(current);
      try {
        return file.op().fallocate(current, file, mode, offset, length);
      } finally {
        file.inode().sb().dropWrite();
      }
    } finally {
      file.fput(current);
    }
  }

  private static int checkMode(int mode) {
    boolean punch = (mode & Fcntl.FALLOC_FL_PUNCH_HOLE) != 0;
    if ((mode & ~KNOWN_MODES) != 0
        || (punch && (mode & Fcntl.FALLOC_FL_ZERO_RANGE) != 0)
        || (punch && (mode & Fcntl.FALLOC_FL_KEEP_SIZE) == 0)) {
      return -Errno.EOPNOTSUPP;
    }
    boolean collapse = (mode & Fcntl.FALLOC_FL_COLLAPSE_RANGE) != 0;
    boolean insert = (mode & Fcntl.FALLOC_FL_INSERT_RANGE) != 0;
    boolean unshare = (mode & Fcntl.FALLOC_FL_UNSHARE_RANGE) != 0;
    boolean mixed =
        (collapse && mode != Fcntl.FALLOC_FL_COLLAPSE_RANGE)
            || (insert && mode != Fcntl.FALLOC_FL_INSERT_RANGE)
            || (unshare
                && (mode & ~(Fcntl.FALLOC_FL_UNSHARE_RANGE | Fcntl.FALLOC_FL_KEEP_SIZE)) != 0);
    return mixed ? -Errno.EINVAL : 0;
  }

  private static int checkFile(File file) {
    if (!file.writable()) {
      return -Errno.EBADF;
    }
    return switch (file.inode().mode() & StatMode.S_IFMT) {
      case StatMode.S_IFIFO -> -Errno.ESPIPE;
      case StatMode.S_IFDIR -> -Errno.EISDIR;
      case StatMode.S_IFREG, StatMode.S_IFBLK -> 0;
      default -> -Errno.ENODEV;
    };
  }

  /** Implements fadvise64(2). Valid advice is accepted and has no effect. */
  @LinuxSource(file = "mm/fadvise.c", name = "generic_fadvise")
  static long fadvise64(Task current, int fd, long length, int advice) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      if (file.inode().isType(StatMode.S_IFIFO)) {
        return -Errno.ESPIPE;
      }
      return length < 0 || advice < 0 || advice > Fcntl.POSIX_FADV_NOREUSE ? -Errno.EINVAL : 0;
    } finally {
      file.fput(current);
    }
  }

  /**
   * Implements sync_file_range(2): performs all three steps, whatever the flags. A call that waits
   * reports errors as fsync does.
   */
  @LinuxSource(file = "fs/sync.c", name = "ksys_sync_file_range")
  static long syncFileRange(Task current, int fd, long offset, long nbytes, int flags)
      throws ErrnoException {
    if ((flags & ~Fcntl.SYNC_FILE_RANGE_ALL) != 0
        || offset < 0
        || nbytes < 0
        || offset + nbytes < 0) {
      return -Errno.EINVAL;
    }
    File file = FileCalls.fget(current, fd);
    try {
      Inode inode = file.inode();
      switch (inode.mode() & StatMode.S_IFMT) {
        case StatMode.S_IFREG, StatMode.S_IFBLK, StatMode.S_IFDIR, StatMode.S_IFLNK -> {}
        default -> {
          return -Errno.ESPIPE;
        }
      }
      Mapping mapping = Mapping.of(inode);
      long last = nbytes == 0 ? Long.MAX_VALUE : offset + nbytes - 1;
      if (mapping == null || flags == 0) {
        return 0;
      }
      mapping.writeBack(current, offset, last); // an error is kept for the check
      return (flags & ~Fcntl.SYNC_FILE_RANGE_WRITE) == 0 ? 0 : file.checkAndAdvanceWbErr();
    } finally {
      file.fput(current);
    }
  }

  /** Implements sync(2), which reports no errors. */
  @LinuxSource(file = "fs/sync.c", name = "ksys_sync")
  long sync(Task current) {
    kernel.syncAll(current);
    return 0;
  }

  /** Implements syncfs(2), which in Linux 4.20 does not report errors; fsync does. */
  @LinuxSource(file = "fs/sync.c", name = "sys_syncfs")
  static long syncfs(Task current, int fd) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      file.inode().sb().syncContained(current);
      return 0;
    } finally {
      file.fput(current);
    }
  }
}
