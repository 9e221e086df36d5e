// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.aio.Aio;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Nr;
import io.pollux.uapi.Patch;

/** Dispatches a call by its number. Unknown numbers are ENOSYS. */
@Differs(
    patch = 13,
    kind = Differs.Kind.SIMPLER,
    why =
        "Both calls have x86-64 numbers only. The posting also gives io_setup2 the generic number"
            + " 294 and an entry in sys_ni.c.",
    test = "UnwiredCallsTest#ioSetup2HasNoGenericNumber")
@Patch({13, 26})
@LinuxSource(file = "arch/x86/entry/syscalls/syscall_64.tbl")
final class SyscallTable {
  private static final int CREAT_FLAGS = Fcntl.O_CREAT | Fcntl.O_WRONLY | Fcntl.O_TRUNC;

  private final FileCalls files;
  private final PathCalls paths;
  private final StorageCalls storage;
  private final EventCalls events;
  private final MountCalls mounts;
  private final Aio aio;

  SyscallTable(Kernel kernel) {
    files = new FileCalls(kernel.namei());
    paths = new PathCalls(kernel.namei());
    storage = new StorageCalls(kernel);
    events = new EventCalls(kernel.fileTable());
    mounts = new MountCalls(kernel);
    aio = kernel.aio();
  }

  @LinuxSource(file = "arch/x86/entry/common.c", name = "do_syscall_64")
  long call(Task current, int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    if (nr == Nr.IO_RING_ENTER) { // the most frequent call
      return aio.ioRingEnter(current, a0, (int) a1, (int) a2, (int) a3);
    }
    try {
      return dispatch(current, nr, a0, a1, a2, a3, a4, a5);
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @LinuxSource(file = "kernel/sys_ni.c", name = "sys_ni_syscall")
  private long dispatch(Task current, int nr, long a0, long a1, long a2, long a3, long a4, long a5)
      throws ErrnoException {
    return switch (nr) {
      case Nr.READ -> files.read(current, (int) a0, a1, a2);
      case Nr.WRITE -> files.write(current, (int) a0, a1, a2);
      case Nr.PREAD64 -> files.pread64(current, (int) a0, a1, a2, a3);
      case Nr.PWRITE64 -> files.pwrite64(current, (int) a0, a1, a2, a3);
      case Nr.READV -> files.preadv2(current, (int) a0, a1, a2, FileCalls.POS_OF_FILE, 0);
      case Nr.WRITEV -> files.pwritev2(current, (int) a0, a1, a2, FileCalls.POS_OF_FILE, 0);
      case Nr.PREADV -> files.preadv(current, (int) a0, a1, a2, a3);
      case Nr.PWRITEV -> files.pwritev(current, (int) a0, a1, a2, a3);
      case Nr.PREADV2 -> files.preadv2(current, (int) a0, a1, a2, a3, (int) a5);
      case Nr.PWRITEV2 -> files.pwritev2(current, (int) a0, a1, a2, a3, (int) a5);
      case Nr.OPEN -> files.openat(current, FileCalls.AT_FDCWD, a0, (int) a1, (int) a2);
      case Nr.OPENAT -> files.openat(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.CREAT -> files.openat(current, FileCalls.AT_FDCWD, a0, CREAT_FLAGS, (int) a1);
      case Nr.CLOSE -> FilesStruct.of(current).close(current, (int) a0);
      case Nr.DUP -> FilesStruct.of(current).dup((int) a0, 0);
      case Nr.DUP2 -> DescriptorCalls.dup2(current, (int) a0, (int) a1);
      case Nr.DUP3 -> DescriptorCalls.dup3(current, (int) a0, (int) a1, (int) a2);
      case Nr.FCNTL -> FcntlCalls.fcntl(current, (int) a0, (int) a1, a2);
      case Nr.FLOCK -> FcntlCalls.flock(current, (int) a0, (int) a1);
      case Nr.OPENAT2 -> files.openat2(current, (int) a0, a1, a2, a3);
      case Nr.STAT -> files.stat(current, a0, a1, true);
      case Nr.LSTAT -> files.stat(current, a0, a1, false);
      case Nr.FSTAT -> files.fstat(current, (int) a0, a1);
      case Nr.NEWFSTATAT -> paths.newfstatat(current, (int) a0, a1, a2, (int) a3);
      case Nr.STATX -> paths.statx(current, (int) a0, a1, (int) a2, (int) a3, a4);
      case Nr.STATFS -> paths.statfs(current, a0, a1);
      case Nr.FSTATFS -> PathCalls.fstatfs(current, (int) a0, a1);
      case Nr.ACCESS -> paths.faccessat(current, FileCalls.AT_FDCWD, a0, (int) a1);
      case Nr.FACCESSAT -> paths.faccessat(current, (int) a0, a1, (int) a2);
      case Nr.FACCESSAT2 -> paths.faccessat2(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.READLINK -> paths.readlinkat(current, FileCalls.AT_FDCWD, a0, a1, (int) a2);
      case Nr.READLINKAT -> paths.readlinkat(current, (int) a0, a1, a2, (int) a3);
      case Nr.GETCWD -> PathCalls.getcwd(current, a0, a1);
      case Nr.MKDIR -> paths.mkdirat(current, FileCalls.AT_FDCWD, a0, (int) a1);
      case Nr.MKDIRAT -> paths.mkdirat(current, (int) a0, a1, (int) a2);
      case Nr.RMDIR -> paths.unlinkat(current, FileCalls.AT_FDCWD, a0, Fcntl.AT_REMOVEDIR);
      case Nr.UNLINK -> paths.unlinkat(current, FileCalls.AT_FDCWD, a0, 0);
      case Nr.UNLINKAT -> paths.unlinkat(current, (int) a0, a1, (int) a2);
      case Nr.TRUNCATE -> paths.truncate(current, a0, a1);
      case Nr.FTRUNCATE -> StorageCalls.ftruncate(current, (int) a0, a1);
      case Nr.FALLOCATE -> StorageCalls.fallocate(current, (int) a0, (int) a1, a2, a3);
      case Nr.FADVISE64 -> StorageCalls.fadvise64(current, (int) a0, a2, (int) a3);
      case Nr.SYNC_FILE_RANGE -> StorageCalls.syncFileRange(current, (int) a0, a1, a2, (int) a3);
      case Nr.SYNC -> storage.sync(current);
      case Nr.SYNCFS -> StorageCalls.syncfs(current, (int) a0);
      case Nr.MOUNT -> mounts.mount(current, a0, a1, a2, a3, a4);
      case Nr.UMOUNT2 -> mounts.umount2(current, a0, (int) a1);
      case Nr.GETDENTS64 -> files.getdents64(current, (int) a0, a1, (int) a2);
      case Nr.LSEEK -> files.lseek(current, (int) a0, a1, (int) a2);
      case Nr.FSYNC -> files.fsync(current, (int) a0, false);
      case Nr.FDATASYNC -> files.fsync(current, (int) a0, true);
      case Nr.IOCTL -> IoctlCalls.ioctl(current, (int) a0, (int) a1, a2);
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
