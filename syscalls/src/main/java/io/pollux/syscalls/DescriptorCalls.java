// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;

/** Calls on descriptors themselves. Each handler implements one call. */
final class DescriptorCalls {
  private DescriptorCalls() {}

  /** Implements dup2(2). A duplicate onto itself only checks the descriptor. */
  @LinuxSource(file = "fs/file.c", name = "dup2")
  static int dup2(Task current, int fd, int as) {
    return fd == as ? exists(current, fd) : FilesStruct.of(current).dup3(current, fd, as);
  }

  private static int exists(Task current, int fd) {
    File file = FilesStruct.of(current).fgetRaw(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    file.fput(current);
    return fd;
  }

  /** Implements dup3(2). */
  @LinuxSource(file = "fs/file.c", name = "ksys_dup3")
  static int dup3(Task current, int fd, int as, int flags) {
    if ((flags & ~Fcntl.O_CLOEXEC) != 0 || fd == as) {
      return -Errno.EINVAL;
    }
    int made = FilesStruct.of(current).dup3(current, fd, as);
    return (flags & Fcntl.O_CLOEXEC) != 0 ? closeOnExec(current, made) : made;
  }

  /** Sets close-on-exec on a new descriptor. Returns its argument, a descriptor or an errno. */
  static int closeOnExec(Task current, int made) {
    if (made >= 0) {
      FilesStruct.of(current).setFd(made, Fcntl.FD_CLOEXEC); // another thread may have closed it
    }
    return made;
  }
}
