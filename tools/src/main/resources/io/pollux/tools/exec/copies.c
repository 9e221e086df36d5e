/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments of a call in another process's kernel. What they point to is copied to the window, and back after the call. An
 * unreadable pointer is replaced by an address that the kernel refuses, so that errors occur in the kernel's order.
 */
#include "pollux.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define WILD 8 /* an address that no process has */
#define MOST_BYTES (128l << 10) /* of a buffer that is not data */
#define MOST_DATA (WINDOW_BYTES - 4096)
#define FCHMODAT2 452

/* How an argument is passed. */
enum how { VALUE, PATH, IN, OUT, INOUT, OUT_OF_NEXT, IN_OF_NEXT };

struct argument {
  unsigned char how;
  unsigned short bytes; /* IN, OUT, INOUT; of the *_OF_NEXT the next argument has it */
};

struct call {
  short nr;
  struct argument arguments[6];
};

#define V {VALUE, 0}
#define P {PATH, 0}
#define I(type) {IN, sizeof(type)}
#define O(type) {OUT, sizeof(type)}
#define R {OUT_OF_NEXT, 0}
#define W {IN_OF_NEXT, 0}

/* Calls with no pointers are not in the list, nor those of the functions below. */
static const struct call calls[] = {
    {SYS_open, {P}},
    {SYS_openat, {V, P}},
    {SYS_openat2, {V, P, W, V}},
    {SYS_stat, {P, O(struct stat)}},
    {SYS_lstat, {P, O(struct stat)}},
    {SYS_fstat, {V, O(struct stat)}},
    {SYS_newfstatat, {V, P, O(struct stat)}},
    {SYS_statx, {V, P, V, V, O(struct statx)}},
    {SYS_statfs, {P, O(struct statfs)}},
    {SYS_fstatfs, {V, O(struct statfs)}},
    {SYS_faccessat, {V, P}},
    {SYS_faccessat2, {V, P}},
    {SYS_readlinkat, {V, P, R, V}},
    {SYS_getcwd, {R, V}},
    {SYS_chdir, {P}},
    {SYS_mkdirat, {V, P}},
    {SYS_unlinkat, {V, P}},
    {SYS_renameat2, {V, P, V, P}},
    {SYS_linkat, {V, P, V, P}},
    {SYS_symlinkat, {P, V, P}},
    {SYS_mknodat, {V, P}},
    {SYS_fchmodat, {V, P}},
    {FCHMODAT2, {V, P}},
    {SYS_fchownat, {V, P}},
    {SYS_utimensat, {V, P, I(struct timespec[2])}},
    {SYS_futimesat, {V, P, I(struct timeval[2])}},
    {SYS_utimes, {P, I(struct timeval[2])}},
    {SYS_utime, {P, I(long[2])}},
    {SYS_truncate, {P}},
    {SYS_getdents64, {V, R, V}},
    {SYS_prlimit64, {V, V, I(struct rlimit64), O(struct rlimit64)}},
    {SYS_mount, {P, P, P, V, P}},
    {SYS_umount2, {P}},
    {SYS_setxattr, {P, P, W, V}},
    {SYS_lsetxattr, {P, P, W, V}},
    {SYS_fsetxattr, {V, P, W, V}},
    {SYS_getxattr, {P, P, R, V}},
    {SYS_lgetxattr, {P, P, R, V}},
    {SYS_fgetxattr, {V, P, R, V}},
    {SYS_listxattr, {P, R, V}},
    {SYS_llistxattr, {P, R, V}},
    {SYS_flistxattr, {V, R, V}},
    {SYS_removexattr, {P, P}},
    {SYS_lremovexattr, {P, P}},
    {SYS_fremovexattr, {V, P}},
};

/* Copies between memory that may be unmapped and the window. Returns the number of bytes. */

static long copy(bool in, void *window, const void *address, long bytes) {
  struct iovec here = {window, (size_t)bytes};
  struct iovec there = {(void *)address, (size_t)bytes};
  long pid = machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long copied = machine_call(in ? SYS_process_vm_readv : SYS_process_vm_writev, pid, (long)&here, 1, (long)&there, 1, 0);
  if (copied == -ENOSYS || copied == -EPERM) { /* forbidden */
    memcpy(in ? window : (void *)address, in ? address : window, (size_t)bytes);
    return bytes;
  }
  return copied < 0 ? 0 : copied;
}

static bool copy_in(void *window, long address, long bytes) {
  return bytes == 0 || copy(true, window, (const void *)address, bytes) == bytes;
}

static bool copy_out(long address, void *window, long bytes) {
  return bytes == 0 || copy(false, window, (const void *)address, bytes) == bytes;
}

/* Copies a string. Returns its bytes with the 0, at most PATH_MAX; 0 if it cannot be read. */
static long string_in(char *window, long address) {
  long bytes = 0;
  while (bytes < PATH_MAX) {
    long in_page = PATH_MAX - ((address + bytes) & (PATH_MAX - 1));
    long step = in_page < PATH_MAX - bytes ? in_page : PATH_MAX - bytes;
    if (!copy_in(window + bytes, address + bytes, step)) {
      return 0;
    }
    char *end = memchr(window + bytes, 0, (size_t)step);
    if (end) {
      return end + 1 - window;
    }
    bytes += step;
  }
  return bytes;
}

/* Reads and writes: in pieces of the window's size, while they are full. */
static long transfer(const struct window_of_thread *window, long (*send)(long, const long *), long nr, const long a[6], bool write) {
  long done = 0;
  long size = (unsigned long)a[2] > SSIZE_MAX ? SSIZE_MAX : a[2];
  long in_page = a[1] & 4095; /* O_DIRECT needs the alignment */
  do {
    long piece = size - done < MOST_DATA ? size - done : MOST_DATA;
    long arguments[6] = {a[0], window->there + in_page, piece, a[3] + done};
    if (write && !copy_in(window->here + in_page, a[1] + done, piece)) {
      arguments[1] = WILD;
    }
    long result = send(nr, arguments);
    if (result > 0 && !write && !copy_out(a[1] + done, window->here + in_page, result)) {
      result = -EFAULT;
    }
    if (result <= 0) {
      return done > 0 ? done : result;
    }
    done += result;
    if (result < piece) {
      break;
    }
  } while (done < size);
  return done;
}

/* Reads and writes with a vector, which becomes one buffer in the window. A larger one is shortened. */
static long transfer_vector(const struct window_of_thread *window, long (*send)(long, const long *), long nr, const long a[6],
                            bool write) {
  struct iovec vector[IOV_MAX];
  long count = a[2];
  if (count < 0 || count > IOV_MAX || !copy_in(vector, a[1], count * (long)sizeof *vector)) {
    long arguments[6] = {a[0], count < 0 || count > IOV_MAX ? window->there : WILD, count, a[3], a[4], a[5]};
    return send(nr, arguments);
  }
  long in_page = count > 0 ? (long)vector[0].iov_base & 4095 : 0;
  char *data = window->here + 4096 + in_page;
  long bytes = 0;
  long room = MOST_DATA - 4096;
  bool wild = false;
  for (long i = 0; i < count; i++) {
    if ((ssize_t)vector[i].iov_len < 0) {
      return -EINVAL;
    }
    long part = (long)vector[i].iov_len < room - bytes ? (long)vector[i].iov_len : room - bytes;
    wild |= write && !copy_in(data + bytes, (long)vector[i].iov_base, part);
    vector[i].iov_len = (size_t)part;
    bytes += part;
  }
  *(struct iovec *)window->here = (struct iovec){(void *)(wild ? WILD : window->there + 4096 + in_page), (size_t)bytes};
  long arguments[6] = {a[0], window->there, 1, a[3], a[4], a[5]};
  long result = send(nr, arguments);
  long at = 0;
  for (long i = 0; i < count && !write && at < result; i++) {
    long part = (long)vector[i].iov_len < result - at ? (long)vector[i].iov_len : result - at;
    if (!copy_out((long)vector[i].iov_base, data + at, part)) {
      return at > 0 ? at : -EFAULT;
    }
    at += part;
  }
  return result;
}

/* A call with one pointer to a structure that the kernel may read and change. */
static long with_structure(const struct window_of_thread *window, long (*send)(long, const long *), long nr, const long a[6],
                           long bytes) {
  long arguments[6] = {a[0], a[1], window->there, a[3], a[4], a[5]};
  bool readable = a[2] && copy_in(window->here, a[2], bytes);
  if (!readable) {
    arguments[2] = a[2] ? WILD : 0;
  }
  long result = send(nr, arguments);
  return readable && result >= 0 && !copy_out(a[2], window->here, bytes) ? -EFAULT : result;
}

static long with_fcntl(const struct window_of_thread *window, long (*send)(long, const long *), const long a[6]) {
  switch (a[1]) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return with_structure(window, send, SYS_fcntl, a, sizeof(struct flock));
    case F_GETOWN_EX:
    case F_SETOWN_EX:
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
    case F_GET_FILE_RW_HINT:
    case F_SET_FILE_RW_HINT:
      return with_structure(window, send, SYS_fcntl, a, 8);
    default:
      return send(SYS_fcntl, a);
  }
}

static long with_ioctl(const struct window_of_thread *window, long (*send)(long, const long *), const long a[6]) {
  unsigned request = (unsigned)a[1];
  long bytes = _IOC_DIR(request) == _IOC_NONE ? 8 : _IOC_SIZE(request);
  if (request == FS_IOC_FIEMAP) {
    struct fiemap head;
    if (copy_in(&head, a[2], sizeof head)) {
      long most = (MOST_BYTES - (long)sizeof head) / (long)sizeof(struct fiemap_extent);
      bytes = sizeof head + (head.fm_extent_count < most ? head.fm_extent_count : most) * (long)sizeof(struct fiemap_extent);
    }
  }
  if (request == FICLONE || !a[2]) {
    return send(SYS_ioctl, a);
  }
  return with_structure(window, send, SYS_ioctl, a, bytes);
}

static const struct call *find(long nr) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (calls[i].nr == nr) {
      return &calls[i];
    }
  }
  return NULL;
}

static long round_up(long bytes) {
  return (bytes + 15) & ~15l;
}

static long by_list(const struct window_of_thread *window, long (*send)(long, const long *), const struct call *call,
                    const long a[6]) {
  long arguments[6];
  long at[6];
  long lengths[6] = {0}; /* to copy out */
  long used = 0;
  memcpy(arguments, a, sizeof arguments);
  for (int i = 0; i < 6; i++) {
    enum how how = call->arguments[i].how;
    if (how == VALUE || !a[i]) {
      continue;
    }
    char *here = window->here + used;
    long bytes = call->arguments[i].bytes;
    bool readable = true;
    if (how == OUT_OF_NEXT || how == IN_OF_NEXT) {
      bytes = (unsigned long)a[i + 1] < (unsigned long)MOST_BYTES ? a[i + 1] : MOST_BYTES;
      arguments[i + 1] = bytes;
    }
    if (how == PATH) {
      bytes = string_in(here, a[i]);
      readable = bytes > 0;
    } else if (how == IN || how == IN_OF_NEXT) {
      readable = copy_in(here, a[i], bytes);
    } else {
      lengths[i] = bytes;
    }
    at[i] = used;
    arguments[i] = readable ? window->there + used : WILD;
    used += round_up(bytes);
  }
  long result = send(call->nr, arguments);
  for (int i = 0; i < 6 && result >= 0; i++) {
    long bytes = call->arguments[i].how == OUT_OF_NEXT && result < lengths[i] ? result : lengths[i];
    if (bytes > 0 && !copy_out(a[i], window->here + at[i], bytes)) {
      return -EFAULT;
    }
  }
  return result;
}

long call_with_copies(const struct window_of_thread *window, long (*send)(long nr, const long a[6]), long nr, const long a[6]) {
  switch (nr) {
    case SYS_read:
    case SYS_pread64:
      return transfer(window, send, nr, a, false);
    case SYS_write:
    case SYS_pwrite64:
      return transfer(window, send, nr, a, true);
    case SYS_readv:
    case SYS_preadv:
    case SYS_preadv2:
      return transfer_vector(window, send, nr, a, false);
    case SYS_writev:
    case SYS_pwritev:
    case SYS_pwritev2:
      return transfer_vector(window, send, nr, a, true);
    case SYS_fcntl:
      return with_fcntl(window, send, a);
    case SYS_ioctl:
      return with_ioctl(window, send, a);
    default: {
      const struct call *call = find(nr);
      return call ? by_list(window, send, call, a) : send(nr, a);
    }
  }
}
