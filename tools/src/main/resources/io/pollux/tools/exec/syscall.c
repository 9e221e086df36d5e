/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * syscall(2): aio calls are the kernel's, whatever they are about; calls on files go where the C library's function of
 * the same name goes; all else is the machine's.
 */
#include "pollux.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define IO_SETUP2 335
#define IO_RING_ENTER 336

/* io_pgetevents changes the mask of the calling thread for its time; the machine's signals obey the machine's. */
struct sigset_argument {
  const sigset_t *mask;
  size_t size;
};

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
    case SYS_close:
      return close((int)a);
    case SYS_close_range:
      return close_range((unsigned)a, (unsigned)b, (int)c);
    case SYS_fchdir:
      return fchdir((int)a);
    case SYS_dup2:
      return dup2((int)a, (int)b);
    case SYS_dup3:
      return dup3((int)a, (int)b, (int)c);
    case SYS_exit_group:
      _exit((int)a);
    case SYS_mmap:
      if (!(d & MAP_ANONYMOUS) && ours((int)e)) {
        return (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
      }
      break;
    case SYS_fcntl:
      if (ours((int)a)) {
        return fcntl((int)a, (int)b, c);
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
      if (ours((int)a)) {
        return answer(kernel_call(nr, a, b, c, d, e, f));
      }
      break;
    default:
      break;
  }
  return answer(machine_call(nr, a, b, c, d, e, f));
}
