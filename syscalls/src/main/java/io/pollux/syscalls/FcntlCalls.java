// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileLocks;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.FOwnerEx;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Flock;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;

/**
 * fcntl and flock. Leases and directory notifications are EINVAL, as on GFS2 and without dnotify in
 * Linux. Files have no seals. Owners and signals are only stored: no file here sends signals.
 */
final class FcntlCalls {
  private static final int MAX_SIGNAL = 64;

  private FcntlCalls() {}

  /** Implements fcntl(2). */
  @LinuxSource(
      file = "fs/fcntl.c",
      name = {"do_fcntl", "check_fcntl_cmd"})
  static long fcntl(Task current, int fd, int command, long argument) {
    File file = FilesStruct.of(current).fgetRaw(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    current.setTarget(file.inode().sb());
    try {
      return switch (command) {
        case Fcntl.F_DUPFD -> FilesStruct.of(current).dup(fd, (int) argument);
        case Fcntl.F_DUPFD_CLOEXEC ->
            DescriptorCalls.closeOnExec(current, FilesStruct.of(current).dup(fd, (int) argument));
        case Fcntl.F_DUPFD_QUERY -> sameFile(current, file, (int) argument);
        case Fcntl.F_GETFD -> FilesStruct.of(current).getFd(fd);
        case Fcntl.F_SETFD -> FilesStruct.of(current).setFd(fd, (int) argument);
        case Fcntl.F_GETFL -> file.flags();
        default -> file.isPath() ? -Errno.EBADF : opened(current, fd, file, command, argument);
      };
    } finally {
      file.fput(current);
    }
  }

  /** Commands that a file opened with O_PATH does not support. */
  private static long opened(Task current, int fd, File file, int command, long argument) {
    return switch (command) {
      case Fcntl.F_SETFL -> file.setFl((int) argument);
      case Fcntl.F_GETLK, Fcntl.F_OFD_GETLK ->
          getLock(current, file, argument, command == Fcntl.F_OFD_GETLK);
      case Fcntl.F_SETLK, Fcntl.F_SETLKW ->
          setLock(current, fd, file, argument, false, command == Fcntl.F_SETLKW);
      case Fcntl.F_OFD_SETLK, Fcntl.F_OFD_SETLKW ->
          setLock(current, fd, file, argument, true, command == Fcntl.F_OFD_SETLKW);
      case Fcntl.F_GETOWN -> owner(file);
      case Fcntl.F_SETOWN -> setOwner(file, (int) argument);
      case Fcntl.F_GETOWN_EX -> ownerEx(current, file, argument);
      case Fcntl.F_SETOWN_EX -> setOwnerEx(current, file, argument);
      case Fcntl.F_GETOWNER_UIDS -> putLong(current, argument, 0); // both are root
      case Fcntl.F_GETSIG -> file.signal();
      case Fcntl.F_SETSIG -> setSignal(file, argument);
      case Fcntl.F_GETLEASE -> Fcntl.F_UNLCK;
      case Fcntl.F_GETPIPE_SZ -> file.op().pipeSize();
      case Fcntl.F_SETPIPE_SZ -> setPipeSize(file, argument);
      case Fcntl.F_ADD_SEALS -> file.writable() ? -Errno.EINVAL : -Errno.EPERM;
      case Fcntl.F_GET_RW_HINT -> putLong(current, argument, file.inode().writeHint());
      case Fcntl.F_SET_RW_HINT -> setHint(current, file.inode(), argument);
      default -> -Errno.EINVAL;
    };
  }

  @LinuxSource(file = "fs/fcntl.c", name = "f_dupfd_query")
  private static long sameFile(Task current, File file, int otherFd) {
    File other = FilesStruct.of(current).fgetRaw(otherFd);
    if (other == null) {
      return -Errno.EBADF;
    }
    other.fput(current);
    return other == file ? 1 : 0;
  }

  private static long putLong(Task current, long address, long value) {
    if (!current.mm().accessOk(address, Long.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putLong(address, value);
    return 0;
  }

  @LinuxSource(file = "fs/fcntl.c", name = "fcntl_rw_hint")
  private static long setHint(Task current, Inode inode, long address) {
    if (!current.mm().accessOk(address, Long.BYTES, false)) {
      return -Errno.EFAULT;
    }
    long hint = RawMemory.getLong(address);
    if (hint < 0 || hint > Fcntl.RWH_WRITE_LIFE_EXTREME) {
      return -Errno.EINVAL;
    }
    inode.setWriteHint((int) hint);
    return 0;
  }

  /** Pipes have one fixed size. Any other size is EPERM, as for a pipe that is too large. */
  @LinuxSource(file = "fs/pipe.c", name = "pipe_set_size")
  private static long setPipeSize(File file, long bytes) {
    int size = file.op().pipeSize();
    return size < 0 || (int) bytes == size ? size : -Errno.EPERM;
  }

  // Owners and signals.

  /** Returns the owner's number, negative for a process group; 0 for a thread, as in Linux. */
  @LinuxSource(file = "fs/fcntl.c", name = "f_getown")
  private static long owner(File file) {
    File.Owner owner = file.owner();
    if (owner == null) {
      return 0;
    }
    return owner.type() == Fcntl.F_OWNER_PGRP ? -owner.pid() : owner.pid();
  }

  @LinuxSource(file = "fs/fcntl.c", name = "f_setown")
  private static long setOwner(File file, int pid) {
    if (pid == Integer.MIN_VALUE) {
      return -Errno.EINVAL;
    }
    int type = pid < 0 ? Fcntl.F_OWNER_PGRP : Fcntl.F_OWNER_PID;
    file.setOwner(pid == 0 ? null : new File.Owner(type, Math.abs(pid)));
    return 0;
  }

  private static long ownerEx(Task current, File file, long address) {
    if (!current.mm().accessOk(address, FOwnerEx.SIZE, true)) {
      return -Errno.EFAULT;
    }
    File.Owner owner = file.owner();
    FOwnerEx.type(address, owner == null ? Fcntl.F_OWNER_TID : owner.type());
    FOwnerEx.pid(address, owner == null ? 0 : owner.pid());
    return 0;
  }

  private static long setOwnerEx(Task current, File file, long address) {
    if (!current.mm().accessOk(address, FOwnerEx.SIZE, false)) {
      return -Errno.EFAULT;
    }
    int type = FOwnerEx.type(address);
    int pid = FOwnerEx.pid(address);
    if (type < Fcntl.F_OWNER_TID || type > Fcntl.F_OWNER_PGRP) {
      return -Errno.EINVAL;
    }
    if (pid < 0) {
      return -Errno.ESRCH;
    }
    file.setOwner(pid == 0 ? null : new File.Owner(type, pid));
    return 0;
  }

  private static long setSignal(File file, long signal) {
    if (signal < 0 || signal > MAX_SIGNAL) {
      return -Errno.EINVAL;
    }
    file.setSignal((int) signal);
    return 0;
  }

  // Locks.

  /**
   * Implements F_GETLK and F_OFD_GETLK. Stores the first conflicting lock, or F_UNLCK with the
   * other fields unchanged.
   */
  @LinuxSource(
      file = "fs/locks.c",
      name = {"fcntl_getlk", "posix_lock_to_flock"})
  private static long getLock(Task current, File file, long address, boolean openFile) {
    if (!current.mm().accessOk(address, Flock.SIZE, false)) {
      return -Errno.EFAULT;
    }
    int type = Flock.lType(address);
    if (type != Fcntl.F_RDLCK && type != Fcntl.F_WRLCK && !(openFile && type == Fcntl.F_UNLCK)) {
      return -Errno.EINVAL;
    }
    FileLocks.Range[] range = new FileLocks.Range[1];
    int result = range(current, file, address, openFile, range);
    if (result != 0) {
      return result;
    }
    if (openFile && Flock.lPid(address) != 0) {
      return -Errno.EINVAL;
    }
    FileLocks.Range found = type == Fcntl.F_UNLCK ? null : file.inode().locks().test(range[0]);
    if (!current.mm().accessOk(address, Flock.SIZE, true)) {
      return -Errno.EFAULT;
    }
    if (found == null) {
      Flock.lType(address, (short) Fcntl.F_UNLCK);
      return 0;
    }
    Flock.lType(address, (short) found.type());
    Flock.lWhence(address, (short) Fcntl.SEEK_SET);
    Flock.lStart(address, found.start());
    Flock.lLen(address, found.end() == FileLocks.TO_END ? 0 : found.end() - found.start() + 1);
    Flock.lPid(address, found.pid());
    return 0;
  }

  @LinuxSource(
      file = "fs/locks.c",
      name = {"fcntl_setlk", "check_fmode_for_setlk"})
  private static long setLock(
      Task current, int fd, File file, long address, boolean openFile, boolean wait) {
    if (!current.mm().accessOk(address, Flock.SIZE, false)) {
      return -Errno.EFAULT;
    }
    FileLocks.Range[] range = new FileLocks.Range[1];
    int result = range(current, file, address, openFile, range);
    if (result != 0) {
      return result;
    }
    int type = range[0].type();
    if ((type == Fcntl.F_RDLCK && !file.readable())
        || (type == Fcntl.F_WRLCK && !file.writable())) {
      return -Errno.EBADF;
    }
    if (openFile && Flock.lPid(address) != 0) {
      return -Errno.EINVAL;
    }
    result = file.inode().locks().lock(current, file.table(), range[0], wait);
    if (result != 0 || openFile || type == Fcntl.F_UNLCK || sameFile(current, file, fd) == 1) {
      return result;
    }
    releaseAll(current, file);
    return -Errno.EBADF;
  }

  /**
   * Releases all locks of the process on a file. A thread that takes a lock after another thread
   * closed the descriptor calls it, because the release of the close missed the lock.
   */
  @LinuxSource(file = "fs/locks.c", name = "locks_remove_posix")
  private static void releaseAll(Task current, File file) {
    FileLocks.Range all = new FileLocks.Range(current.files(), Fcntl.F_UNLCK, 0, FileLocks.TO_END);
    int result = file.inode().locks().lock(current, file.table(), all, false);
    assert result == 0 : "a release of the whole file splits no lock";
  }

  /**
   * Reads a struct flock. Returns 0, -EINVAL, or -EOVERFLOW for a range that ends past the largest
   * offset.
   */
  @LinuxSource(file = "fs/locks.c", name = "flock64_to_posix_lock")
  private static int range(
      Task current, File file, long address, boolean openFile, FileLocks.Range[] into) {
    Inode inode = file.inode();
    long from;
    switch (Flock.lWhence(address)) {
      case Fcntl.SEEK_SET -> from = 0;
      case Fcntl.SEEK_CUR -> from = file.pos();
      // a device's node is empty
      case Fcntl.SEEK_END -> from = inode.isType(StatMode.S_IFBLK) ? 0 : inode.size();
      default -> {
        return -Errno.EINVAL;
      }
    }
    long offset = Flock.lStart(address);
    if (offset > Long.MAX_VALUE - from) {
      return -Errno.EOVERFLOW;
    }
    long start = from + offset;
    long length = Flock.lLen(address);
    if (start < 0) {
      return -Errno.EINVAL;
    }
    long end;
    if (length > 0) {
      if (length - 1 > Long.MAX_VALUE - start) {
        return -Errno.EOVERFLOW;
      }
      end = start + length - 1;
    } else if (length < 0) {
      if (start + length < 0) {
        return -Errno.EINVAL;
      }
      end = start - 1;
      start += length;
    } else {
      end = FileLocks.TO_END;
    }
    int type = Flock.lType(address);
    if (type < Fcntl.F_RDLCK || type > Fcntl.F_UNLCK) {
      return -Errno.EINVAL;
    }
    into[0] = new FileLocks.Range(openFile ? file : current.files(), type, start, end);
    return 0;
  }

  /** Implements flock(2). */
  @LinuxSource(
      file = "fs/locks.c",
      name = {"sys_flock", "flock_make_lock"})
  static long flock(Task current, int fd, int operation) {
    if ((operation & Fcntl.LOCK_MAND) != 0) {
      return 0; // as Linux since 5.15
    }
    int type;
    switch (operation & ~Fcntl.LOCK_NB) {
      case Fcntl.LOCK_SH -> type = Fcntl.F_RDLCK;
      case Fcntl.LOCK_EX -> type = Fcntl.F_WRLCK;
      case Fcntl.LOCK_UN -> type = Fcntl.F_UNLCK;
      default -> {
        return -Errno.EINVAL;
      }
    }
    File file = FilesStruct.of(current).fget(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    try {
      boolean wait = (operation & Fcntl.LOCK_NB) == 0;
      return file.inode().locks().flock(current, file.table(), file, type, wait);
    } finally {
      file.fput(current);
    }
  }
}
