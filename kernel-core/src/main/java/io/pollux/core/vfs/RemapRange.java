// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * Shares a range of a file's blocks with another file: FICLONE, FICLONERANGE and FIDEDUPERANGE. The
 * filesystem implements {@link FileOperations#remapFileRange}.
 */
@LinuxSource(
    file = "fs/read_write.c",
    name = {"vfs_clone_file_range", "do_clone_file_range", "vfs_clone_file_prep"})
public final class RemapRange {
  private RemapRange() {}

  /**
   * Clones a range. From process context, without locks.
   *
   * @param current the calling task
   * @param from the file whose blocks are shared
   * @param pos its first byte; any value
   * @param to the file that gets them
   * @param toPos its first byte; any value
   * @param length bytes; 0 for all up to the end of the first file; any value
   * @return 0 or a negative errno
   * @throws ErrnoException EROFS
   */
  public static int clone(Task current, File from, long pos, File to, long toPos, long length)
      throws ErrnoException {
    int result = check(from, to);
    if (result == 0 && (!to.writable() || (to.flags() & Fcntl.O_APPEND) != 0)) {
      result = -Errno.EBADF;
    }
    if (result == 0 && !from.op().hasRemapFileRange()) {
      result = -Errno.EOPNOTSUPP;
    }
    return result != 0 ? result : run(current, from, pos, to, toPos, length, 0);
  }

  /**
   * Lets a file share the blocks of an equal range. From process context, without locks.
   *
   * @param current the calling task
   * @param from the file whose blocks are shared
   * @param pos its first byte; any value
   * @param to the file that gives up its own, which the task may write or owns
   * @param toPos its first byte; any value
   * @param length bytes; any value
   * @return 0, -EBADE if the ranges differ, or another negative errno
   * @throws ErrnoException EROFS
   */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {"vfs_dedupe_file_range_one", "allow_file_dedupe"})
  public static int dedupe(Task current, File from, long pos, File to, long toPos, long length)
      throws ErrnoException {
    int result = check(from, to);
    if (result != 0) {
      return result;
    }
    Cred cred = current.cred();
    boolean allowed =
        to.writable() || cred.capable(Capability.CAP_SYS_ADMIN) || cred.fsuid() == to.inode().uid();
    if (!allowed) {
      return -Errno.EPERM;
    }
    if (!to.op().hasRemapFileRange()) {
      return -Errno.EINVAL;
    }
    if (length < 0 || toPos < 0 || toPos > to.inode().size() - length) {
      return -Errno.EINVAL;
    }
    int flags = FileOperations.REMAP_FILE_DEDUP;
    return length == 0 ? 0 : run(current, from, pos, to, toPos, length, flags);
  }

  private static int run(
      Task current, File from, long pos, File to, long toPos, long length, int flags)
      throws ErrnoException {
    to.inode().sb().wantWrite(current);
    try {
      return locked(current, from, pos, to, toPos, length, flags);
    } finally {
      to.inode().sb().dropWrite();
    }
  }

  private static int check(File from, File to) {
    Inode source = from.inode();
    Inode target = to.inode();
    if (!source.isType(StatMode.S_IFREG) || !target.isType(StatMode.S_IFREG)) {
      boolean directory = source.isType(StatMode.S_IFDIR) || target.isType(StatMode.S_IFDIR);
      return directory ? -Errno.EISDIR : -Errno.EINVAL;
    }
    if (!from.readable()) {
      return -Errno.EBADF;
    }
    return source.sb() != target.sb() ? -Errno.EXDEV : 0;
  }

  @LinuxSource(file = "fs/inode.c", name = "lock_two_nondirectories")
  private static int locked(
      Task current, File from, long pos, File to, long toPos, long length, int flags) {
    Inode source = from.inode();
    Inode target = to.inode();
    Inode first = source.isOlderThan(target) ? source : target;
    Inode second = first == source ? target : source;
    first.iRwsem.downWrite(current);
    if (second != first) {
      second.iRwsem.downWriteNested(current, LockClass.I_RWSEM_NONDIR2);
    }
    try {
      return remap(current, from, pos, to, toPos, length, flags);
    } finally {
      if (second != first) {
        second.iRwsem.upWrite();
      }
      first.iRwsem.upWrite();
    }
  }

  /** Checks the ranges under the locks. */
  @LinuxSource(file = "mm/filemap.c", name = "generic_remap_checks")
  private static int remap(
      Task current, File from, long pos, File to, long toPos, long length, int flags) {
    long size = from.inode().size();
    if (pos < 0 || toPos < 0 || length < 0 || pos > size) {
      return -Errno.EINVAL;
    }
    long count = length == 0 ? size - pos : length;
    long mask = from.inode().sb().blockSize() - 1L;
    boolean toEnd = count == size - pos;
    if (count > size - pos || toPos > Long.MAX_VALUE - count - mask) {
      return -Errno.EINVAL;
    }
    if (count == 0) {
      return 0;
    }
    // a part of a block can be shared only if it is the last of both files
    boolean part = (count & mask) != 0;
    if (((pos | toPos) & mask) != 0 || (part && (!toEnd || toPos + count < to.inode().size()))) {
      return -Errno.EINVAL;
    }
    long blocks = count + mask & ~mask;
    if (from.inode() == to.inode() && toPos < pos + blocks && pos < toPos + blocks) {
      return -Errno.EINVAL;
    }
    return to.op().remapFileRange(current, from, pos, to, toPos, count, flags);
  }
}
