// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import java.lang.foreign.Arena;

/** ioctl: requests common to all files, and dispatch to the file's own. */
final class IoctlCalls {
  private static final int SECTOR_SHIFT = 9; // of st_blocks

  private IoctlCalls() {}

  /** Implements ioctl(2). */
  @LinuxSource(file = "fs/ioctl.c", name = {"ksys_ioctl", "do_vfs_ioctl"})
  static long ioctl(Task current, int fd, int cmd, long arg) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      return switch (cmd) {
        case FileIoctl.FIOCLEX -> current.files().setFd(fd, Fcntl.FD_CLOEXEC);
        case FileIoctl.FIONCLEX -> current.files().setFd(fd, 0);
        case FileIoctl.FIONBIO -> nonblock(current, file, arg);
        case FileIoctl.FIOASYNC -> async(current, file, arg);
        case FileIoctl.FIOQSIZE -> putStored(current, file.inode(), arg);
        case FileIoctl.FIGETBSZ -> putBlockSize(current, file.inode(), arg);
        case FileIoctl.FICLONE -> clone(current, file, (int) arg);
        case FileIoctl.FICLONERANGE -> cloneRange(current, file, arg);
        case FileIoctl.FIDEDUPERANGE -> dedupe(current, arg);
        case FileIoctl.FIBMAP -> blockDeviceOr(file, cmd, arg, current, -Errno.EINVAL);
        case FileIoctl.FS_IOC_SETFLAGS -> onlyRead(current, arg, Integer.BYTES);
        case FileIoctl.FS_IOC_FSSETXATTR -> onlyRead(current, arg, FileIoctl.FSXATTR_SIZE);
        case FileIoctl.FS_IOC_FIEMAP -> -Errno.EOPNOTSUPP;
        case FileIoctl.FIONREAD ->
            file.inode().isType(StatMode.S_IFREG)
                ? putInt(current, arg, (int) (file.inode().size() - file.pos()))
                : file.op().ioctl(current, file, cmd, arg);
        default -> file.op().ioctl(current, file, cmd, arg);
      };
    } finally {
      file.fput(current);
    }
  }

  private static long blockDeviceOr(File file, int cmd, long arg, Task current, long otherwise) {
    return file.inode().isType(StatMode.S_IFREG) ? otherwise : file.op().ioctl(current, file, cmd, arg);
  }

  /** Requests that no file supports. The argument is read before the error is returned. */
  @LinuxSource(file = "fs/file_attr.c", name = {"ioctl_setflags", "ioctl_fssetxattr"})
  private static long onlyRead(Task current, long arg, long bytes) {
    return current.mm().accessOk(arg, bytes, false) ? -Errno.ENOTTY : -Errno.EFAULT;
  }

  private static long putInt(Task current, long arg, int value) {
    if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, value);
    return 0;
  }

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fionbio")
  private static long nonblock(Task current, File file, long arg) {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    file.setNonblock(RawMemory.getInt(arg) != 0);
    return 0;
  }

  /** No file here sends signals, so O_ASYNC cannot be set. */
  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fioasync")
  private static long async(Task current, File file, long arg) {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    boolean on = RawMemory.getInt(arg) != 0;
    return on == ((file.flags() & Fcntl.O_ASYNC) != 0) ? 0 : -Errno.ENOTTY;
  }

  private static long putStored(Task current, Inode inode, long arg) {
    if (!inode.isType(StatMode.S_IFREG) && !inode.isType(StatMode.S_IFDIR) && !inode.isType(StatMode.S_IFLNK)) {
      return -Errno.ENOTTY;
    }
    if (!current.mm().accessOk(arg, Long.BYTES, true)) {
      return -Errno.EFAULT;
    }
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(stat);
      RawMemory.putLong(arg, Stat.stBlocks(stat) << SECTOR_SHIFT);
    }
    return 0;
  }

  private static long putBlockSize(Task current, Inode inode, long arg) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
      inode.sb().fillStatfs(current, statfs);
      return putInt(current, arg, (int) Statfs.fBsize(statfs));
    }
  }

  // Sharing blocks: unsupported, but the checks come first, as in Linux.

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_file_clone")
  private static long clone(Task current, File file, int from) throws ErrnoException {
    File source = FileCalls.fget(current, from);
    try {
      if (!source.inode().isType(StatMode.S_IFREG) || !file.inode().isType(StatMode.S_IFREG)) {
        boolean directory = source.inode().isType(StatMode.S_IFDIR) || file.inode().isType(StatMode.S_IFDIR);
        return directory ? -Errno.EISDIR : -Errno.EINVAL;
      }
      if (!source.readable() || !file.writable()) {
        return -Errno.EBADF;
      }
      return source.inode().sb() != file.inode().sb() ? -Errno.EXDEV : -Errno.EOPNOTSUPP;
    } finally {
      source.fput(current);
    }
  }

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_file_clone_range")
  private static long cloneRange(Task current, File file, long arg) throws ErrnoException {
    if (!current.mm().accessOk(arg, FileIoctl.FILE_CLONE_RANGE_SIZE, false)) {
      return -Errno.EFAULT;
    }
    return clone(current, file, (int) RawMemory.getLong(arg));
  }

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_file_dedupe_range")
  private static long dedupe(Task current, long arg) {
    return current.mm().accessOk(arg, FileIoctl.FILE_DEDUPE_RANGE_SIZE, false) ? -Errno.EOPNOTSUPP : -Errno.EFAULT;
  }
}
