/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * syscall(2). aio calls always go to the kernel. Calls on files go to this library's function of the same name. All others go
 * to the host.
 */
#include "pollux.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

#define IO_SETUP2 335
#define IO_RING_ENTER 336
#define FCHMODAT2 452 /* Linux 6.6 */

/* The C library's fchmodat does more than the call, which the host may lack. */
static long fchmodat2(int dirfd, const char *path, mode_t mode, int flags) {
  IN_KERNEL(dirfd, path) {
    return answer(CALL4(FCHMODAT2, dirfd, kernel_path, mode, flags));
  }
  return answer(machine_call(FCHMODAT2, dirfd, (long)path, mode, flags, 0, 0));
}

/* io_pgetevents sets the calling thread's mask during the call. The host delivers the signals, so its mask is set. */
struct sigset_argument {
  const sigset_t *mask;
  size_t size;
};

struct how;
long openat2(int dirfd, const char *path, const struct how *how, size_t size);
int prlimit64(pid_t process, __rlimit_resource_t resource, const struct rlimit64 *limit, struct rlimit64 *old);

long pollux_io_pgetevents(long ctx, long min, long nr, long events, long timeout, const struct sigset_argument *argument);

EXPORT long syscall(long nr, ...) {
  va_list list;
  va_start(list, nr);
  long a = va_arg(list, long);
  long b = va_arg(list, long);
  long c = va_arg(list, long);
  long d = va_arg(list, long);
  long e = va_arg(list, long);
  long f = va_arg(list, long);
  va_end(list);
  switch (nr) {
    case IO_RING_ENTER:
    case IO_SETUP2:
    case SYS_io_setup:
    case SYS_io_destroy:
    case SYS_io_getevents:
    case SYS_io_submit:
    case SYS_io_cancel:
      return answer(kernel_call(nr, a, b, c, d, e, f));
    case SYS_io_pgetevents:
      return answer(pollux_io_pgetevents(a, b, c, d, e, (const struct sigset_argument *)f));
    case SYS_open:
      return open((const char *)a, (int)b, (mode_t)c);
    case SYS_openat:
      return openat((int)a, (const char *)b, (int)c, (mode_t)d);
    case SYS_openat2:
      return openat2((int)a, (const char *)b, (const struct how *)c, (size_t)d);
    case SYS_creat:
      return creat((const char *)a, (mode_t)b);
    case SYS_stat:
      return stat((const char *)a, (struct stat *)b);
    case SYS_lstat:
      return lstat((const char *)a, (struct stat *)b);
    case SYS_newfstatat:
      return fstatat((int)a, (const char *)b, (struct stat *)c, (int)d);
    case SYS_statx:
      return statx((int)a, (const char *)b, (int)c, (unsigned)d, (struct statx *)e);
    case SYS_statfs:
      return statfs((const char *)a, (struct statfs *)b);
    case SYS_access:
      return access((const char *)a, (int)b);
    case SYS_faccessat:
      return faccessat((int)a, (const char *)b, (int)c, 0);
    case SYS_faccessat2:
      return faccessat((int)a, (const char *)b, (int)c, (int)d);
    case SYS_readlink:
      return readlink((const char *)a, (char *)b, (size_t)c);
    case SYS_readlinkat:
      return readlinkat((int)a, (const char *)b, (char *)c, (size_t)d);
    case SYS_unlink:
      return unlink((const char *)a);
    case SYS_unlinkat:
      return unlinkat((int)a, (const char *)b, (int)c);
    case SYS_mkdir:
      return mkdir((const char *)a, (mode_t)b);
    case SYS_mkdirat:
      return mkdirat((int)a, (const char *)b, (mode_t)c);
    case SYS_rmdir:
      return rmdir((const char *)a);
    case SYS_truncate:
      return truncate((const char *)a, b);
    case SYS_rename:
      return rename((const char *)a, (const char *)b);
    case SYS_renameat:
      return renameat((int)a, (const char *)b, (int)c, (const char *)d);
    case SYS_renameat2:
      return renameat2((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
    case SYS_link:
      return link((const char *)a, (const char *)b);
    case SYS_linkat:
      return linkat((int)a, (const char *)b, (int)c, (const char *)d, (int)e);
    case SYS_symlink:
      return symlink((const char *)a, (const char *)b);
    case SYS_symlinkat:
      return symlinkat((const char *)a, (int)b, (const char *)c);
    case SYS_mknod:
      return mknod((const char *)a, (mode_t)b, (dev_t)c);
    case SYS_mknodat:
      return mknodat((int)a, (const char *)b, (mode_t)c, (dev_t)d);
    case SYS_chmod:
      return chmod((const char *)a, (mode_t)b);
    case SYS_fchmodat:
      return fchmodat((int)a, (const char *)b, (mode_t)c, 0);
    case SYS_chown:
      return chown((const char *)a, (uid_t)b, (gid_t)c);
    case SYS_lchown:
      return lchown((const char *)a, (uid_t)b, (gid_t)c);
    case SYS_fchownat:
      return fchownat((int)a, (const char *)b, (uid_t)c, (gid_t)d, (int)e);
    case SYS_utime:
      return utime((const char *)a, (const struct utimbuf *)b);
    case SYS_utimes:
      return utimes((const char *)a, (const struct timeval *)b);
    case SYS_chdir:
      return chdir((const char *)a);
    case SYS_fchdir:
      return fchdir((int)a);
    case SYS_mount:
      return mount((const char *)a, (const char *)b, (const char *)c, (unsigned long)d, (const void *)e);
    case SYS_umount2:
      return umount2((const char *)a, (int)b);
    case SYS_getcwd:
      return answer(pollux_getcwd((char *)a, (size_t)b));
    case SYS_futimesat:
      return futimesat((int)a, (const char *)b, (const struct timeval *)c);
    case FCHMODAT2:
      return fchmodat2((int)a, (const char *)b, (mode_t)c, (int)d);
    case SYS_umask:
      return (long)umask((mode_t)a);
    case SYS_setxattr:
      return setxattr((const char *)a, (const char *)b, (const void *)c, (size_t)d, (int)e);
    case SYS_lsetxattr:
      return lsetxattr((const char *)a, (const char *)b, (const void *)c, (size_t)d, (int)e);
    case SYS_getxattr:
      return getxattr((const char *)a, (const char *)b, (void *)c, (size_t)d);
    case SYS_lgetxattr:
      return lgetxattr((const char *)a, (const char *)b, (void *)c, (size_t)d);
    case SYS_listxattr:
      return listxattr((const char *)a, (char *)b, (size_t)c);
    case SYS_llistxattr:
      return llistxattr((const char *)a, (char *)b, (size_t)c);
    case SYS_removexattr:
      return removexattr((const char *)a, (const char *)b);
    case SYS_lremovexattr:
      return lremovexattr((const char *)a, (const char *)b);
    case SYS_close:
      return close((int)a);
    case SYS_close_range:
      return close_range((unsigned)a, (unsigned)b, (int)c);
    case SYS_dup2:
      return dup2((int)a, (int)b);
    case SYS_dup3:
      return dup3((int)a, (int)b, (int)c);
    case SYS_poll:
      return poll((struct pollfd *)a, (nfds_t)b, (int)c);
    case SYS_copy_file_range:
      return copy_file_range((int)a, (off64_t *)b, (int)c, (off64_t *)d, (size_t)e, (unsigned)f);
    case SYS_sendfile:
      return sendfile((int)a, (int)b, (off_t *)c, (size_t)d);
    case SYS_prlimit64:
      return prlimit64((pid_t)a, (__rlimit_resource_t)b, (const struct rlimit64 *)c, (struct rlimit64 *)d);
    case SYS_setrlimit:
      return setrlimit((__rlimit_resource_t)a, (const struct rlimit *)b);
    case SYS_getrlimit:
      return getrlimit((__rlimit_resource_t)a, (struct rlimit *)b);
    case SYS_sync:
      return (sync(), 0);
    case SYS_exit_group:
      _exit((int)a);
    case SYS_mmap:
      if (!(d & MAP_ANONYMOUS) && ours((int)e)) {
        return (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
      }
      break;
    case SYS_fcntl:
      if (ours((int)a)) { /* the C library's F_GETOWN differs from the system call's */
        return (int)b == F_GETOWN ? answer(kernel_call(nr, a, b, c, d, e, f)) : fcntl((int)a, (int)b, c);
      }
      break;
    case SYS_utimensat:
      if (!b ? ours((int)a) : true) {
        return b ? utimensat((int)a, (const char *)b, (const struct timespec *)c, (int)d) : futimens((int)a, (const struct timespec *)c);
      }
      break;
    case SYS_read:
    case SYS_write:
    case SYS_pread64:
    case SYS_pwrite64:
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv:
    case SYS_pwritev:
    case SYS_preadv2:
    case SYS_pwritev2:
    case SYS_lseek:
    case SYS_fstat:
    case SYS_fstatfs:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync_file_range:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fadvise64:
    case SYS_getdents64:
    case SYS_ioctl:
    case SYS_dup:
    case SYS_syncfs:
    case SYS_flock:
    case SYS_fchmod:
    case SYS_fchown:
    case SYS_fsetxattr:
    case SYS_fgetxattr:
    case SYS_flistxattr:
    case SYS_fremovexattr:
      if (ours((int)a)) {
        return answer(kernel_call(nr, a, b, c, d, e, f));
      }
      break;
    case SYS_readahead:
      if (ours((int)a)) {
        return readahead((int)a, b, (size_t)c);
      }
      break;
    default:
      break;
  }
  return answer(machine_call(nr, a, b, c, d, e, f));
}
