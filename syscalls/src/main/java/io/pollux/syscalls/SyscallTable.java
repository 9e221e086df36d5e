// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.aio.Aio;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.syscalls.XattrCalls.By;
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
  private static final int CWD = Fcntl.AT_FDCWD;
  private static final int CREAT_FLAGS = Fcntl.O_CREAT | Fcntl.O_WRONLY | Fcntl.O_TRUNC;

  private final FileCalls files;
  private final PathCalls paths;
  private final AttrCalls attrs;
  private final XattrCalls xattrs;
  private final FsCalls fs;
  private final StorageCalls storage;
  private final EventCalls events;
  private final MountCalls mounts;
  private final Aio aio;

  SyscallTable(Kernel kernel) {
    files = new FileCalls(kernel.namei());
    paths = new PathCalls(kernel.namei());
    attrs = new AttrCalls(kernel.namei());
    xattrs = new XattrCalls(kernel.namei());
    fs = new FsCalls(kernel.namei());
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
      case Nr.OPEN -> files.openat(current, CWD, a0, (int) a1, (int) a2);
      case Nr.OPENAT -> files.openat(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.CREAT -> files.openat(current, CWD, a0, CREAT_FLAGS, (int) a1);
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
      case Nr.ACCESS -> attrs.faccessat(current, CWD, a0, (int) a1);
      case Nr.FACCESSAT -> attrs.faccessat(current, (int) a0, a1, (int) a2);
      case Nr.FACCESSAT2 -> attrs.faccessat2(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.READLINK -> paths.readlinkat(current, CWD, a0, a1, (int) a2);
      case Nr.READLINKAT -> paths.readlinkat(current, (int) a0, a1, a2, (int) a3);
      case Nr.GETCWD -> FsCalls.getcwd(current, a0, a1);
      case Nr.MKDIR -> paths.mkdirat(current, CWD, a0, (int) a1);
      case Nr.MKDIRAT -> paths.mkdirat(current, (int) a0, a1, (int) a2);
      case Nr.RMDIR -> paths.unlinkat(current, CWD, a0, Fcntl.AT_REMOVEDIR);
      case Nr.UNLINK -> paths.unlinkat(current, CWD, a0, 0);
      case Nr.UNLINKAT -> paths.unlinkat(current, (int) a0, a1, (int) a2);
      case Nr.RENAME -> paths.renameat2(current, CWD, a0, CWD, a1, 0);
      case Nr.RENAMEAT -> paths.renameat2(current, (int) a0, a1, (int) a2, a3, 0);
      case Nr.RENAMEAT2 -> paths.renameat2(current, (int) a0, a1, (int) a2, a3, (int) a4);
      case Nr.LINK -> paths.linkat(current, CWD, a0, CWD, a1, 0);
      case Nr.LINKAT -> paths.linkat(current, (int) a0, a1, (int) a2, a3, (int) a4);
      case Nr.SYMLINK -> paths.symlinkat(current, a0, CWD, a1);
      case Nr.SYMLINKAT -> paths.symlinkat(current, a0, (int) a1, a2);
      case Nr.MKNOD -> paths.mknodat(current, CWD, a0, (int) a1, (int) a2);
      case Nr.MKNODAT -> paths.mknodat(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.TRUNCATE -> attrs.truncate(current, a0, a1);
      case Nr.FTRUNCATE -> AttrCalls.ftruncate(current, (int) a0, a1);
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
      default -> attributes(current, nr, a0, a1, a2, a3, a4);
    };
  }

  /** Dispatches the calls on attributes. */
  private long attributes(Task current, int nr, long a0, long a1, long a2, long a3, long a4)
      throws ErrnoException {
    return switch (nr) {
      case Nr.CHMOD -> attrs.fchmodat(current, CWD, a0, (int) a1);
      case Nr.FCHMODAT -> attrs.fchmodat(current, (int) a0, a1, (int) a2);
      case Nr.FCHMODAT2 -> attrs.fchmodat2(current, (int) a0, a1, (int) a2, (int) a3);
      case Nr.FCHMOD -> AttrCalls.fchmod(current, (int) a0, (int) a1);
      case Nr.CHOWN -> attrs.fchownat(current, CWD, a0, (int) a1, (int) a2, 0);
      case Nr.LCHOWN ->
          attrs.fchownat(current, CWD, a0, (int) a1, (int) a2, Fcntl.AT_SYMLINK_NOFOLLOW);
      case Nr.FCHOWNAT -> attrs.fchownat(current, (int) a0, a1, (int) a2, (int) a3, (int) a4);
      case Nr.FCHOWN -> AttrCalls.fchown(current, (int) a0, (int) a1, (int) a2);
      case Nr.UTIMENSAT -> attrs.utimensat(current, (int) a0, a1, a2, (int) a3);
      case Nr.FUTIMESAT -> attrs.futimesat(current, (int) a0, a1, a2);
      case Nr.UTIMES -> attrs.futimesat(current, CWD, a0, a1);
      case Nr.UTIME -> attrs.utime(current, a0, a1);
      case Nr.SETXATTR -> xattrs.set(current, By.PATH, a0, a1, a2, a3, (int) a4);
      case Nr.LSETXATTR -> xattrs.set(current, By.LINK, a0, a1, a2, a3, (int) a4);
      case Nr.FSETXATTR -> xattrs.set(current, By.FD, a0, a1, a2, a3, (int) a4);
      case Nr.GETXATTR -> xattrs.get(current, By.PATH, a0, a1, a2, a3);
      case Nr.LGETXATTR -> xattrs.get(current, By.LINK, a0, a1, a2, a3);
      case Nr.FGETXATTR -> xattrs.get(current, By.FD, a0, a1, a2, a3);
      case Nr.LISTXATTR -> xattrs.list(current, By.PATH, a0, a1, a2);
      case Nr.LLISTXATTR -> xattrs.list(current, By.LINK, a0, a1, a2);
      case Nr.FLISTXATTR -> xattrs.list(current, By.FD, a0, a1, a2);
      case Nr.REMOVEXATTR -> xattrs.remove(current, By.PATH, a0, a1);
      case Nr.LREMOVEXATTR -> xattrs.remove(current, By.LINK, a0, a1);
      case Nr.FREMOVEXATTR -> xattrs.remove(current, By.FD, a0, a1);
      default -> process(current, nr, a0, a1, a2);
    };
  }

  /** Dispatches the calls on what belongs to the process: root, working directory, IDs. */
  private long process(Task current, int nr, long a0, long a1, long a2) throws ErrnoException {
    Cred cred = current.process().cred();
    return switch (nr) {
      case Nr.CHDIR -> fs.chdir(current, a0);
      case Nr.FCHDIR -> fs.fchdir(current, (int) a0);
      case Nr.CHROOT -> fs.chroot(current, a0);
      case Nr.UMASK -> FsCalls.umask(current, (int) a0);
      case Nr.GETUID -> Integer.toUnsignedLong(cred.uids().real());
      case Nr.GETEUID -> Integer.toUnsignedLong(cred.uids().effective());
      case Nr.GETGID -> Integer.toUnsignedLong(cred.gids().real());
      case Nr.GETEGID -> Integer.toUnsignedLong(cred.gids().effective());
      case Nr.SETUID -> CredCalls.setuid(current, (int) a0);
      case Nr.SETGID -> CredCalls.setgid(current, (int) a0);
      case Nr.SETRESUID -> CredCalls.setresuid(current, (int) a0, (int) a1, (int) a2);
      case Nr.SETRESGID -> CredCalls.setresgid(current, (int) a0, (int) a1, (int) a2);
      case Nr.GETRESUID -> CredCalls.getres(current, cred.uids(), a0, a1, a2);
      case Nr.GETRESGID -> CredCalls.getres(current, cred.gids(), a0, a1, a2);
      case Nr.SETGROUPS -> CredCalls.setgroups(current, (int) a0, a1);
      case Nr.GETGROUPS -> CredCalls.getgroups(current, (int) a0, a1);
      default -> -Errno.ENOSYS;
    };
  }
}
