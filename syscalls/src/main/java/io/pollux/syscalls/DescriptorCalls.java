// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;

/**
 * The calls about descriptors as such. There is no execve here, so FD_CLOEXEC is taken and means nothing. Each
 * handler implements one call.
 */
final class DescriptorCalls {
  private DescriptorCalls() {}

  /** Implements dup2(2): a descriptor as itself is only looked at. */
  @LinuxSource(file = "fs/file.c", name = "dup2")
  static int dup2(Task current, int fd, int as) {
    return fd == as ? exists(current, fd) : current.files().dup3(current, fd, as);
  }

  private static int exists(Task current, int fd) {
    File file = current.files().fget(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    file.fput(current);
    return fd;
  }

  /** Implements dup3(2). */
  @LinuxSource(file = "fs/file.c", name = "ksys_dup3")
  static int dup3(Task current, int fd, int as, int flags) {
    return (flags & ~Fcntl.O_CLOEXEC) != 0 || fd == as ? -Errno.EINVAL : current.files().dup3(current, fd, as);
  }

  /** Implements fcntl(2) for F_DUPFD, F_GETFL and F_SETFL; EINVAL for all else. */
  @LinuxSource(file = "fs/fcntl.c", name = "do_fcntl")
  static int fcntl(Task current, int fd, int command, long argument) {
    File file = current.files().fget(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    try {
      return switch (command) {
        case Fcntl.F_DUPFD, Fcntl.F_DUPFD_CLOEXEC -> current.files().dup(fd, (int) argument);
        case Fcntl.F_GETFL -> file.flags();
        case Fcntl.F_SETFL -> file.setFl((int) argument);
        default -> -Errno.EINVAL;
      };
    } finally {
      file.fput(current);
    }
  }
}
