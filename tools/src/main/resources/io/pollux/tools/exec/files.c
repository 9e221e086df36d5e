/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls on descriptors. A descriptor is the kernel's if it was opened there. */
#include "pollux.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

EXPORT int close(int fd) {
  if (ours(fd)) {
    if (!kernel_running() || in_vfork_child()) { /* possibly after the kernel stopped: this process owns only the placeholder */
      return (int)answer(machine_call(SYS_close, fd, 0, 0, 0, 0, 0));
    }
    int result = (int)answer(CALL1(SYS_close, fd));
    streams_follow(fd);
    return result;
  }
  if (is_hidden(fd)) {
    errno = EBADF;
    return -1;
  }
  return NEXT(close)(fd);
}

EXPORT int close_range(unsigned first, unsigned last, int flags) {
  if (flags != 0 || first > last || !kernel_running() || in_vfork_child()) {
    return NEXT(close_range)(first, last, flags); /* only flags, or a child with placeholders at most */
  }
  for (unsigned fd = first; fd <= last && fd < FD_LIMIT; fd++) {
    if (ours((int)fd)) {
      CALL1(SYS_close, fd);
    }
  }
  return close_range_of_machine(first, last);
}

EXPORT void closefrom(int first) {
  close_range(first < 0 ? 0 : (unsigned)first, ~0u, 0);
}

/* Reading and writing. */

EXPORT ssize_t read(int fd, void *buffer, size_t size) {
  if (ours(fd)) {
    return answer(CALL3(SYS_read, fd, buffer, size));
  }
  return NEXT(read)(fd, buffer, size);
}

EXPORT ssize_t write(int fd, const void *buffer, size_t size) {
  if (ours(fd)) {
    return answer(CALL3(SYS_write, fd, buffer, size));
  }
  return NEXT(write)(fd, buffer, size);
}

EXPORT ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
  if (ours(fd)) {
    return answer(CALL4(SYS_pread64, fd, buffer, size, offset));
  }
  return NEXT(pread)(fd, buffer, size, offset);
}

EXPORT ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
  return pread(fd, buffer, size, offset);
}

EXPORT ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset) {
  if (ours(fd)) {
    return answer(CALL4(SYS_pwrite64, fd, buffer, size, offset));
  }
  return NEXT(pwrite)(fd, buffer, size, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset) {
  return pwrite(fd, buffer, size, offset);
}

EXPORT ssize_t readv(int fd, const struct iovec *vector, int count) {
  if (ours(fd)) {
    return answer(CALL3(SYS_readv, fd, vector, count));
  }
  return NEXT(readv)(fd, vector, count);
}

EXPORT ssize_t writev(int fd, const struct iovec *vector, int count) {
  if (ours(fd)) {
    return answer(CALL3(SYS_writev, fd, vector, count));
  }
  return NEXT(writev)(fd, vector, count);
}

EXPORT ssize_t preadv(int fd, const struct iovec *vector, int count, off_t offset) {
  if (ours(fd)) {
    return answer(CALL4(SYS_preadv, fd, vector, count, offset));
  }
  return NEXT(preadv)(fd, vector, count, offset);
}

EXPORT ssize_t preadv64(int fd, const struct iovec *vector, int count, off64_t offset) {
  return preadv(fd, vector, count, offset);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *vector, int count, off_t offset) {
  if (ours(fd)) {
    return answer(CALL4(SYS_pwritev, fd, vector, count, offset));
  }
  return NEXT(pwritev)(fd, vector, count, offset);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *vector, int count, off64_t offset) {
  return pwritev(fd, vector, count, offset);
}

EXPORT ssize_t preadv2(int fd, const struct iovec *vector, int count, off_t offset, int flags) {
  if (ours(fd)) {
    return answer(CALL6(SYS_preadv2, fd, vector, count, offset, 0, flags));
  }
  return NEXT(preadv2)(fd, vector, count, offset, flags);
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *vector, int count, off64_t offset, int flags) {
  return preadv2(fd, vector, count, offset, flags);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *vector, int count, off_t offset, int flags) {
  if (ours(fd)) {
    return answer(CALL6(SYS_pwritev2, fd, vector, count, offset, 0, flags));
  }
  return NEXT(pwritev2)(fd, vector, count, offset, flags);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *vector, int count, off64_t offset, int flags) {
  return pwritev2(fd, vector, count, offset, flags);
}

/* The compiler calls these for reads with checks. */
EXPORT ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room) {
  if (size > room) {
    abort();
  }
  return read(fd, buffer, size);
}

EXPORT ssize_t __pread_chk(int fd, void *buffer, size_t size, off_t offset, size_t room) {
  if (size > room) {
    abort();
  }
  return pread(fd, buffer, size, offset);
}

EXPORT ssize_t __pread64_chk(int fd, void *buffer, size_t size, off64_t offset, size_t room) {
  return __pread_chk(fd, buffer, size, offset, room);
}

/* Copies between two descriptors. Not supported: the caller falls back to read and write. */

EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags) {
  if (ours(in) || ours(out)) {
    errno = EXDEV;
    return -1;
  }
  return NEXT(copy_file_range)(in, in_at, out, out_at, size, flags);
}

EXPORT ssize_t sendfile(int out, int in, off_t *at, size_t size) {
  if (ours(in) || ours(out)) {
    errno = EINVAL;
    return -1;
  }
  return NEXT(sendfile)(out, in, at, size);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *at, size_t size) {
  return sendfile(out, in, at, size);
}

/* Position and status. */

EXPORT off_t lseek(int fd, off_t offset, int whence) {
  if (ours(fd)) {
    return answer(CALL3(SYS_lseek, fd, offset, whence));
  }
  return NEXT(lseek)(fd, offset, whence);
}

EXPORT off64_t lseek64(int fd, off64_t offset, int whence) {
  return lseek(fd, offset, whence);
}

EXPORT int fstat(int fd, struct stat *status) {
  if (ours(fd)) {
    return (int)answer(CALL2(SYS_fstat, fd, status));
  }
  return NEXT(fstat)(fd, status);
}

EXPORT int fstat64(int fd, struct stat64 *status) {
  return fstat(fd, (struct stat *)status);
}

EXPORT int __fxstat(int version, int fd, struct stat *status) {
  (void)version;
  return fstat(fd, status);
}

EXPORT int __fxstat64(int version, int fd, struct stat64 *status) {
  (void)version;
  return fstat(fd, (struct stat *)status);
}

EXPORT int fstatfs(int fd, struct statfs *status) {
  if (ours(fd)) {
    return (int)answer(CALL2(SYS_fstatfs, fd, status));
  }
  return NEXT(fstatfs)(fd, status);
}

EXPORT int fstatfs64(int fd, struct statfs64 *status) {
  return fstatfs(fd, (struct statfs *)status);
}

/* Durability, size, advice. */

EXPORT int fsync(int fd) {
  return ours(fd) ? (int)answer(CALL1(SYS_fsync, fd)) : NEXT(fsync)(fd);
}

EXPORT int fdatasync(int fd) {
  return ours(fd) ? (int)answer(CALL1(SYS_fdatasync, fd)) : NEXT(fdatasync)(fd);
}

EXPORT int syncfs(int fd) {
  return ours(fd) ? (int)answer(CALL1(SYS_syncfs, fd)) : NEXT(syncfs)(fd);
}

EXPORT void sync(void) {
  if (kernel_running()) {
    CALL1(SYS_sync, 0);
  }
  NEXT(sync)();
}

EXPORT int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  if (ours(fd)) {
    return (int)answer(CALL4(SYS_sync_file_range, fd, offset, size, flags));
  }
  return NEXT(sync_file_range)(fd, offset, size, flags);
}

EXPORT int ftruncate(int fd, off_t length) {
  return ours(fd) ? (int)answer(CALL2(SYS_ftruncate, fd, length)) : NEXT(ftruncate)(fd, length);
}

EXPORT int ftruncate64(int fd, off64_t length) {
  return ftruncate(fd, length);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t size) {
  if (ours(fd)) {
    return (int)answer(CALL4(SYS_fallocate, fd, mode, offset, size));
  }
  return NEXT(fallocate)(fd, mode, offset, size);
}

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t size) {
  if (ours(fd)) {
    return (int)-CALL4(SYS_fallocate, fd, 0, offset, size);
  }
  return NEXT(posix_fallocate)(fd, offset, size);
}

EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return posix_fallocate(fd, offset, size);
}

EXPORT int posix_fadvise(int fd, off_t offset, off_t size, int advice) {
  if (ours(fd)) {
    return (int)-CALL4(SYS_fadvise64, fd, offset, size, advice);
  }
  return NEXT(posix_fadvise)(fd, offset, size, advice);
}

EXPORT int posix_fadvise64(int fd, off64_t offset, off64_t size, int advice) {
  return posix_fadvise(fd, offset, size, advice);
}

EXPORT ssize_t readahead(int fd, off64_t offset, size_t size) {
  if (ours(fd)) {
    return answer(CALL4(SYS_fadvise64, fd, offset, size, POSIX_FADV_WILLNEED));
  }
  return NEXT(readahead)(fd, offset, size);
}

EXPORT int flock(int fd, int operation) {
  int (*next)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
  return ours(fd) ? (int)answer(CALL2(SYS_flock, fd, operation)) : next(fd, operation);
}

/*
 * Duplicates. A child of vfork has its own descriptors but shares the kernel with its parent, so it cannot duplicate a
 * descriptor of the kernel.
 */

EXPORT int dup(int fd) {
  return ours(fd) ? (int)answer(CALL1(SYS_dup, fd)) : NEXT(dup)(fd);
}

static int dup_in_child(int fd, int as, int flags) {
  return (int)answer(ours(fd) ? -ENOSYS : machine_call(SYS_dup3, fd, as, flags, 0, 0, 0));
}

static int dup_as(int fd, int as, int flags) {
  if (ours(fd)) {
    return (int)answer(CALL3(SYS_dup3, fd, as, flags));
  }
  if (ours(as) && machine_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0) {
    CALL1(SYS_close, as);
  }
  return NEXT(dup3)(fd, as, flags);
}

EXPORT int dup3(int fd, int as, int flags) {
  if ((ours(fd) || ours(as)) && in_vfork_child()) {
    return dup_in_child(fd, as, flags);
  }
  int result = dup_as(fd, as, flags);
  streams_follow(result);
  return result;
}

EXPORT int dup2(int fd, int as) {
  if (fd != as) {
    return dup3(fd, as, 0);
  }
  return ours(fd) ? (int)answer(CALL2(SYS_dup2, fd, as)) : NEXT(dup2)(fd, as);
}

/* Checks that an owner exists. Only the host knows its processes. Threads have a check of their own. */
static long check_owner(int type, int pid) {
  if (pid == 0) {
    return 0;
  }
  long result = type == F_OWNER_TID ? machine_call(SYS_tkill, pid, 0, 0, 0, 0, 0)
                                    : machine_call(SYS_kill, type == F_OWNER_PGRP ? -pid : pid, 0, 0, 0, 0, 0);
  return result == -ESRCH ? -ESRCH : 0;
}

/* ESRCH, unless the descriptor cannot have an owner. */
static long no_owner(int fd) {
  long result = CALL2(SYS_fcntl, fd, F_GETSIG);
  return result < 0 ? result : -ESRCH;
}

static long kernel_fcntl(int fd, int command, long argument) {
  switch (command) {
    case F_GETFD: /* of the placeholder, also in a child that has no kernel */
    case F_SETFD:
      return machine_call(SYS_fcntl, fd, command, argument, 0, 0, 0);
    case F_SETOWN: {
      int pid = (int)argument;
      long missing = pid == INT_MIN ? 0 : check_owner(pid < 0 ? F_OWNER_PGRP : F_OWNER_PID, pid < 0 ? -pid : pid);
      return missing ? no_owner(fd) : CALL3(SYS_fcntl, fd, command, argument);
    }
    case F_SETOWN_EX: {
      struct f_owner_ex *owner = (struct f_owner_ex *)argument;
      if (probe(argument, sizeof *owner, 0) == sizeof *owner && owner->pid > 0 && check_owner((int)owner->type, owner->pid)) {
        return no_owner(fd);
      }
      return CALL3(SYS_fcntl, fd, command, argument);
    }
    default:
      return CALL3(SYS_fcntl, fd, command, argument);
  }
}

/* The owner. A process group is negative, which is not an error, so F_GETOWN_EX fetches it. */
static int owner_of(int fd) {
  struct f_owner_ex owner;
  long result = CALL3(SYS_fcntl, fd, F_GETOWN_EX, &owner);
  return result < 0 ? (int)answer(result) : owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
}

EXPORT int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long);
  va_end(list);
  if (!ours(fd)) {
    return NEXT(fcntl)(fd, command, argument);
  }
  return command == F_GETOWN ? owner_of(fd) : (int)answer(kernel_fcntl(fd, command, argument));
}

EXPORT int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long);
  va_end(list);
  return fcntl(fd, command, argument);
}

EXPORT int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  long argument = va_arg(list, long);
  va_end(list);
  return ours(fd) ? (int)answer(CALL3(SYS_ioctl, fd, request, argument)) : NEXT(ioctl)(fd, request, argument);
}

#define FILE_EVENTS (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

/* Files of the kernel are always ready for these events; host files are polled. */
EXPORT int ppoll(struct pollfd *set, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  bool any = false;
  bool ready_now = false;
  /* The host rejects unmapped memory and too many files. */
  if (kernel_running() && count > 0 && count <= FD_LIMIT) {
    int64_t bytes = (int64_t)(count * sizeof *set);
    if (probe((int64_t)(intptr_t)set, bytes, 1) == bytes) {
      for (nfds_t i = 0; i < count; i++) {
        any |= ours(set[i].fd);
        ready_now |= ours(set[i].fd) && (set[i].events & FILE_EVENTS);
      }
    }
  }
  if (!any) {
    return NEXT(ppoll)(set, count, timeout, mask);
  }
  /* As on the host, the timeout is checked before the files. */
  if (timeout && probe((int64_t)(intptr_t)timeout, sizeof *timeout, 0) == sizeof *timeout
      && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000L)) {
    errno = EINVAL;
    return -1;
  }
  struct pollfd *others = malloc(count * sizeof *others);
  if (!others) {
    errno = ENOMEM;
    return -1;
  }
  for (nfds_t i = 0; i < count; i++) {
    others[i] = set[i];
    if (ours(set[i].fd)) {
      others[i].fd = -1;
    }
  }
  struct timespec none = {0, 0};
  int ready = NEXT(ppoll)(others, count, ready_now ? &none : timeout, mask);
  if (ready >= 0) {
    ready = 0;
    for (nfds_t i = 0; i < count; i++) {
      set[i].revents = ours(set[i].fd) ? (short)(set[i].events & FILE_EVENTS) : others[i].revents;
      ready += set[i].revents != 0;
    }
  }
  int saved = errno;
  free(others);
  errno = saved;
  return ready;
}

EXPORT int poll(struct pollfd *set, nfds_t count, int timeout) {
  struct timespec until = {timeout / 1000, timeout % 1000 * 1000000L};
  return ppoll(set, count, timeout < 0 ? NULL : &until, NULL);
}

/* The compiler calls these for polls with checks. */
EXPORT int __poll_chk(struct pollfd *set, nfds_t count, int timeout, size_t room) {
  if (room / sizeof *set < count) {
    abort();
  }
  return poll(set, count, timeout);
}

EXPORT int __ppoll_chk(struct pollfd *set, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room) {
  if (room / sizeof *set < count) {
    abort();
  }
  return ppoll(set, count, timeout, mask);
}

/*
 * Mappings of files. A private one is a copy: it does not show later changes of the file, which Linux leaves open. The pages
 * after the end of the file are zero. This kernel does not support shared mappings.
 */

static long read_all(int fd, char *to, size_t size, off_t offset) {
  size_t done = 0;
  while (done < size) {
    long result = CALL4(SYS_pread64, fd, to + done, size - done, offset + (off_t)done);
    if (result == -EINTR) {
      continue;
    }
    if (result <= 0) {
      return result;
    }
    done += (size_t)result;
  }
  return 0;
}

static long map_copy(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  struct stat status;
  long open_flags = CALL3(SYS_fcntl, fd, F_GETFL, 0);
  long result = open_flags < 0 ? open_flags : CALL2(SYS_fstat, fd, &status);
  if (result < 0) {
    return result;
  }
  if (size == 0 || (offset & 4095)) {
    return -EINVAL;
  }
  if ((open_flags & O_PATH) || (open_flags & O_ACCMODE) == O_WRONLY) {
    return open_flags & O_PATH ? -EBADF : -EACCES;
  }
  if (!S_ISREG(status.st_mode)) {
    return -ENODEV;
  }
  long at = machine_call(SYS_mmap, (long)address, (long)size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (at < 0 && at >= -4095) {
    return at;
  }
  size_t present = status.st_size > offset ? (size_t)(status.st_size - offset) : 0;
  result = read_all(fd, (char *)at, present < size ? present : size, offset);
  if (result == 0 && protection != (PROT_READ | PROT_WRITE)) {
    result = machine_call(SYS_mprotect, at, (long)size, protection, 0, 0, 0);
  }
  if (result < 0) {
    machine_call(SYS_munmap, at, (long)size, 0, 0, 0, 0);
    return result;
  }
  return at;
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  if ((flags & MAP_ANONYMOUS) || !ours(fd)) {
    return NEXT(mmap)(address, size, protection, flags, fd, offset);
  }
  if ((flags & MAP_TYPE) == MAP_PRIVATE) {
    return (void *)answer(map_copy(address, size, protection, flags, fd, offset));
  }
  static volatile int said;
  if (!said) {
    said = 1;
    say("exec: files of the image can't be mapped shared (ENODEV)");
  }
  errno = ENODEV;
  return MAP_FAILED;
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset) {
  return mmap(address, size, protection, flags, fd, offset);
}
