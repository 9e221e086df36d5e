// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.aio.Aio;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Nr;
import io.pollux.uapi.Patch;

/** From a number to a handler. A number with none answers ENOSYS. */
@Patch({13, 26})
@LinuxSource(file = "arch/x86/entry/syscalls/syscall_64.tbl")
final class SyscallTable {
  private final FileCalls files;
  private final EventCalls events;
  private final Aio aio;

  SyscallTable(Kernel kernel) {
    files = new FileCalls(kernel.namei());
    events = new EventCalls(kernel.fileTable());
    aio = kernel.aio();
  }

  @LinuxSource(file = "arch/x86/entry/common.c", name = "do_syscall_64")
  long call(Task current, int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    if (nr == Nr.IO_RING_ENTER) { // the one that is called a million times a second
      return aio.ioRingEnter(current, a0, (int) a1, (int) a2, (int) a3);
    }
    try {
      return dispatch(current, nr, a0, a1, a2, a3, a4, a5);
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  private long dispatch(Task current, int nr, long a0, long a1, long a2, long a3, long a4, long a5)
      throws ErrnoException {
    return switch (nr) {
      case Nr.READ -> files.read(current, (int) a0, a1, a2);
      case Nr.WRITE -> files.write(current, (int) a0, a1, a2);
      case Nr.PREAD64 -> files.pread64(current, (int) a0, a1, a2, a3);
      case Nr.PWRITE64 -> files.pwrite64(current, (int) a0, a1, a2, a3);
      case Nr.PREADV -> files.preadv2(current, (int) a0, a1, a2, a3, 0);
      case Nr.PWRITEV -> files.pwritev2(current, (int) a0, a1, a2, a3, 0);
      case Nr.PREADV2 -> files.preadv2(current, (int) a0, a1, a2, a3, (int) a5);
      case Nr.PWRITEV2 -> files.pwritev2(current, (int) a0, a1, a2, a3, (int) a5);
      case Nr.OPEN -> files.openat(current, FileCalls.AT_FDCWD, a0, (int) a1, (int) a2);
      case Nr.OPENAT -> files.openat(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.CLOSE -> current.files().close(current, (int) a0);
      case Nr.DUP -> current.files().dup((int) a0, 0);
      case Nr.DUP2 -> DescriptorCalls.dup2(current, (int) a0, (int) a1);
      case Nr.DUP3 -> DescriptorCalls.dup3(current, (int) a0, (int) a1, (int) a2);
      case Nr.FCNTL -> DescriptorCalls.fcntl(current, (int) a0, (int) a1, a2);
      case Nr.STAT -> files.stat(current, a0, a1, true);
      case Nr.LSTAT -> files.stat(current, a0, a1, false);
      case Nr.FSTAT -> files.fstat(current, (int) a0, a1);
      case Nr.NEWFSTATAT -> files.newfstatat(current, (int) a0, a1, a2, (int) a3);
      case Nr.READLINK -> files.readlink(current, a0, a1, (int) a2);
      case Nr.GETDENTS64 -> files.getdents64(current, (int) a0, a1, (int) a2);
      case Nr.LSEEK -> files.lseek(current, (int) a0, a1, (int) a2);
      case Nr.FSYNC -> files.fsync(current, (int) a0, false);
      case Nr.FDATASYNC -> files.fsync(current, (int) a0, true);
      case Nr.IOCTL -> files.ioctl(current, (int) a0, (int) a1, a2);
      case Nr.EVENTFD2 -> events.eventfd2(current, (int) a0, (int) a1);
      case Nr.PIPE2 -> events.pipe2(current, a0, (int) a1);
      case Nr.POLL -> events.poll(current, a0, (int) a1, (int) a2);
      case Nr.PRLIMIT64 -> ProcessCalls.prlimit64(current, (int) a0, (int) a1, a2, a3);
      case Nr.MMAP -> MemoryCalls.mmap(current, a0, a1, (int) a2, (int) a3, (int) a4, a5);
      case Nr.MUNMAP -> MemoryCalls.munmap(current, a0, a1);
      case Nr.IO_SETUP2 -> aio.ioSetup2(current, (int) a0, (int) a1, a2, a3, a4, a5);
      case Nr.IO_SETUP -> aio.ioSetup(current, (int) a0, a1);
      case Nr.IO_SUBMIT -> aio.ioSubmit(current, a0, a1, a2);
      case Nr.IO_CANCEL -> aio.ioCancel(current, a0, a1, a2);
      case Nr.IO_GETEVENTS -> aio.ioGetevents(current, a0, a1, a2, a3, a4);
      case Nr.IO_PGETEVENTS -> aio.ioPgetevents(current, a0, a1, a2, a3, a4, a5);
      case Nr.IO_DESTROY -> aio.ioDestroy(current, a0);
      default -> -Errno.ENOSYS;
    };
  }
}
