// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;

/** Files that share blocks: FICLONE, FICLONERANGE and FIDEDUPERANGE. */
final class CloneCalls {
  /** The most bytes that a call compares for each element. */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "XFS_MAX_DEDUPE_LEN")
  private static final long MAX_DEDUPE = 16 << 20;

  private CloneCalls() {}

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_file_clone")
  static long clone(Task current, File file, int from, long pos, long toPos, long length)
      throws ErrnoException {
    File source = FileCalls.fget(current, from);
    try {
      return RemapRange.clone(current, source, pos, file, toPos, length);
    } finally {
      source.fput(current);
    }
  }

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_file_clone_range")
  static long cloneRange(Task current, File file, long arg) throws ErrnoException {
    if (!current.mm().accessOk(arg, FileIoctl.FILE_CLONE_RANGE_SIZE, false)) {
      return -Errno.EFAULT;
    }
    return clone(
        current,
        file,
        (int) RawMemory.getLong(arg),
        RawMemory.getLong(arg + Long.BYTES),
        RawMemory.getLong(arg + 3 * Long.BYTES),
        RawMemory.getLong(arg + 2 * Long.BYTES));
  }

  /** Compares a range with others, and shares its blocks with those that are equal. */
  @LinuxSource(
      file = "fs/ioctl.c",
      name = {"ioctl_file_dedupe_range", "vfs_dedupe_file_range"})
  static long dedupe(Task current, File from, long arg) {
    int head = FileIoctl.FILE_DEDUPE_RANGE_SIZE;
    int each = FileIoctl.FILE_DEDUPE_RANGE_INFO_SIZE;
    if (!current.mm().accessOk(arg, head, false)) {
      return -Errno.EFAULT;
    }
    long pos = RawMemory.getLong(arg);
    long length = RawMemory.getLong(arg + 8);
    long countAndReserved = RawMemory.getLong(arg + 16);
    int count = (int) (countAndReserved & 0xffff);
    if (head + count * each > HostMemory.PAGE_SIZE) {
      return -Errno.ENOMEM;
    }
    if (!current.mm().accessOk(arg, head + count * each, true)) {
      return -Errno.EFAULT;
    }
    if (!from.inode().isType(StatMode.S_IFREG) || !from.readable()) {
      return from.inode().isType(StatMode.S_IFDIR) ? -Errno.EISDIR : -Errno.EINVAL;
    }
    if (countAndReserved >>> 16 != 0 || pos < 0 || length < 0) {
      return -Errno.EINVAL;
    }
    if (pos > from.inode().size() - length) {
      return -Errno.EINVAL;
    }
    long bytes = Math.min(length, MAX_DEDUPE);
    for (int i = 0; i < count; i++) {
      dedupeOne(current, from, pos, bytes, arg + head + (long) i * each);
    }
    return 0;
  }

  private static void dedupeOne(Task current, File from, long pos, long bytes, long info) {
    long fd = RawMemory.getLong(info);
    long toPos = RawMemory.getLong(info + 8);
    int result;
    try {
      if (fd != (int) fd) {
        throw new ErrnoException(Errno.EBADF);
      }
      File to = FileCalls.fget(current, (int) fd);
      try {
        result = RemapRange.dedupe(current, from, pos, to, toPos, bytes);
      } finally {
        to.fput(current);
      }
    } catch (ErrnoException e) {
      result = -e.errno();
    }
    boolean same = result == 0;
    RawMemory.putLong(info + 16, same ? bytes : 0);
    int status =
        same
            ? FileIoctl.FILE_DEDUPE_RANGE_SAME
            : result == -Errno.EBADE ? FileIoctl.FILE_DEDUPE_RANGE_DIFFERS : result;
    RawMemory.putInt(info + 24, status);
  }
}
