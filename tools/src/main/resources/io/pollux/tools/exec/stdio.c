/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams. The C library opens and reads its streams without the functions that this library replaces. A stream on a file of
 * the kernel therefore has its own functions (fopencookie).
 */
#include "pollux.h"

#include <fcntl.h>
#include <pthread.h>
#include <mntent.h>
#include <stdio.h>
#include <stdio_ext.h>

/* The descriptor of each stream of the kernel, for fileno. */
struct opened {
  struct opened *next;
  FILE *stream;
  int fd;
};

static struct opened *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t cookie_read(void *cookie, char *buffer, size_t size) {
  return answer(CALL3(SYS_read, ((struct opened *)cookie)->fd, buffer, size));
}

static ssize_t cookie_write(void *cookie, const char *buffer, size_t size) {
  ssize_t written = answer(CALL3(SYS_write, ((struct opened *)cookie)->fd, buffer, size));
  return written < 0 ? 0 : written; /* as fopencookie requires */
}

static int cookie_seek(void *cookie, off64_t *offset, int whence) {
  long at = answer(CALL3(SYS_lseek, ((struct opened *)cookie)->fd, *offset, whence));
  if (at >= 0) {
    *offset = at;
  }
  return at < 0 ? -1 : 0;
}

/* Streams that stand in for the C library's standard streams while their descriptors are the kernel's. */
static FILE *replacement[3];

static int cookie_close(void *cookie) {
  struct opened *mine = cookie;
  for (int fd = 0; fd < 3; fd++) {
    replacement[fd] = replacement[fd] == mine->stream ? NULL : replacement[fd];
  }
  pthread_mutex_lock(&lock);
  for (struct opened **at = &all; *at; at = &(*at)->next) {
    if (*at == mine) {
      *at = mine->next;
      break;
    }
  }
  pthread_mutex_unlock(&lock);
  int result = close(mine->fd);
  free(mine);
  return result;
}

static FILE *stream_on(int fd, const char *mode) {
  struct opened *made = malloc(sizeof *made);
  if (!made) {
    return NULL;
  }
  cookie_io_functions_t functions = {cookie_read, cookie_write, cookie_seek, cookie_close};
  made->fd = fd;
  made->stream = fopencookie(made, mode, functions);
  if (!made->stream) {
    free(made);
    return NULL;
  }
  pthread_mutex_lock(&lock);
  made->next = all;
  all = made;
  pthread_mutex_unlock(&lock);
  return made->stream;
}

/* The flags of open for a mode of fopen, or -1. */
static int flags_of(const char *mode) {
  int flags = *mode == 'r'   ? O_RDONLY
              : *mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
              : *mode == 'a' ? O_WRONLY | O_CREAT | O_APPEND
                             : -1;
  if (flags < 0) {
    return -1;
  }
  for (const char *more = mode + 1; *more && *more != ','; more++) {
    flags = *more == '+'   ? (flags & ~O_ACCMODE) | O_RDWR
            : *more == 'x' ? flags | O_EXCL
            : *more == 'e' ? flags | O_CLOEXEC
                           : flags;
  }
  return flags;
}

EXPORT FILE *fopen(const char *path, const char *mode) {
  char buffer[KERNEL_PATH_MAX];
  const char *kernel_path;
  if (!below_mount(AT_FDCWD, path, buffer, &kernel_path)) {
    return NEXT(fopen)(kernel_path, mode);
  }
  int flags = flags_of(mode);
  if (flags < 0) {
    errno = EINVAL;
    return NULL;
  }
  int fd = open(path, flags, 0666);
  if (fd < 0) {
    return NULL;
  }
  FILE *stream = stream_on(fd, mode);
  if (!stream) {
    close(fd);
    errno = ENOMEM;
  }
  return stream;
}

EXPORT FILE *fopen64(const char *path, const char *mode) {
  return fopen(path, mode);
}

EXPORT FILE *fdopen(int fd, const char *mode) {
  if (!ours(fd)) {
    return NEXT(fdopen)(fd, mode);
  }
  int wanted = flags_of(mode);
  long flags = CALL2(SYS_fcntl, fd, F_GETFL);
  if (wanted < 0 || flags < 0) {
    errno = flags < 0 ? (int)-flags : EINVAL;
    return NULL;
  }
  int access = (int)flags & O_ACCMODE;
  if (access != O_RDWR && access != (wanted & O_ACCMODE)) {
    errno = EINVAL;
    return NULL;
  }
  if ((wanted & O_APPEND) && !(flags & O_APPEND)) {
    CALL3(SYS_fcntl, fd, F_SETFL, flags | O_APPEND);
  }
  return stream_on(fd, mode);
}

/* Returns the record of a stream of the kernel, or null. */
static struct opened *opened_of(FILE *stream) {
  struct opened *found = NULL;
  pthread_mutex_lock(&lock);
  for (struct opened *at = all; at && !found; at = at->next) {
    found = at->stream == stream ? at : NULL;
  }
  pthread_mutex_unlock(&lock);
  return found;
}

#define NO_READS 0x4      /* _IO_NO_READS */
#define NO_WRITES 0x8     /* _IO_NO_WRITES */
#define APPENDING 0x1000  /* _IO_IS_APPENDING */

/* Gives a stream of the kernel another descriptor and an empty buffer. */
static void put_other(struct opened *mine, int fd, int flags) {
  FILE *stream = mine->stream;
  int access = flags & O_ACCMODE;
  close(mine->fd);
  mine->fd = fd;
  __fpurge(stream);
  clearerr(stream);
  stream->_flags &= ~(NO_READS | NO_WRITES | APPENDING);
  stream->_flags |= (access == O_WRONLY ? NO_READS : access == O_RDONLY ? NO_WRITES : 0) | (flags & O_APPEND ? APPENDING : 0);
  stream->_offset = -1; /* unknown */
  stream->_mode = 0;    /* neither bytes nor wide characters yet */
}

/*
 * Replaces a standard stream of the C library by one of the kernel with the same descriptor, and assigns it to the stream's
 * variable.
 */
static FILE *replace_standard(FILE **standard, int fd, const char *mode) {
  FILE *before = *standard;
  int number = NEXT(fileno)(before);
  fflush(before);
  if (number >= 0 && number != fd) {
    if (dup2(fd, number) != number) {
      close(fd);
      return NULL;
    }
    close(fd);
    fd = number;
  }
  FILE *made = stream_on(fd, mode);
  if (!made) {
    close(fd);
    errno = ENOMEM;
    return NULL;
  }
  *standard = made;
  return made;
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *stream) {
  char buffer[KERNEL_PATH_MAX];
  const char *kernel_path;
  struct opened *mine = opened_of(stream);
  if (path ? !below_mount(AT_FDCWD, path, buffer, &kernel_path) : !mine) {
    return NEXT(freopen)(path ? kernel_path : NULL, mode, stream);
  }
  FILE **standard = stream == stdin ? &stdin : stream == stdout ? &stdout : stream == stderr ? &stderr : NULL;
  if (!mine && !standard) {
    say("exec: a stream on a file of the machine can't be opened again on one of the image");
    errno = EOPNOTSUPP;
    return NULL;
  }
  int flags = flags_of(mode);
  if (flags < 0) {
    errno = EINVAL;
    return NULL;
  }
  if (mine) {
    fflush(stream);
  }
  char itself[64];
  if (!path) {
    snprintf(itself, sizeof itself, "/proc/self/fd/%d", mine->fd);
    path = itself;
  }
  int fd = open(path, flags, 0666);
  if (fd < 0) {
    int error = errno;
    if (mine) {
      fclose(stream); /* a stream that cannot be reopened is closed */
    }
    errno = error;
    return NULL;
  }
  if (mine) {
    put_other(mine, fd, flags);
    return stream;
  }
  return replace_standard(standard, fd, mode);
}

static FILE *library_stream[3];

__attribute__((constructor(120))) static void standard_streams(void) {
  library_stream[0] = stdin;
  library_stream[1] = stdout;
  library_stream[2] = stderr;
}

/* Moves buffered data to the stream that the descriptor now belongs to. */
static void move_pending(FILE *from, FILE *to) {
  size_t pending = from->_IO_write_ptr > from->_IO_write_base ? (size_t)(from->_IO_write_ptr - from->_IO_write_base) : 0;
  if (pending > 0) {
    fwrite(from->_IO_write_base, 1, pending, to);
    __fpurge(from);
  }
}

void streams_follow(int fd) {
  if ((unsigned)fd > 2 || from_machine() || !library_stream[fd]) {
    return;
  }
  FILE **standard = fd == 0 ? &stdin : fd == 1 ? &stdout : &stderr;
  bool replaced = opened_of(*standard) != NULL;
  if (ours(fd) == replaced) {
    return;
  }
  if (replaced) {
    move_pending(*standard, library_stream[fd]);
    *standard = library_stream[fd];
    return;
  }
  if (!replacement[fd]) {
    replacement[fd] = stream_on(fd, fd == 0 ? "r" : "w");
    if (!replacement[fd]) {
      return;
    }
    if (fd == 2) {
      setvbuf(replacement[fd], NULL, _IONBF, 0);
    }
  }
  if (fd == 0) {
    __fpurge(replacement[fd]);
  }
  clearerr(replacement[fd]);
  replacement[fd]->_offset = -1; /* unknown */
  move_pending(*standard, replacement[fd]);
  *standard = replacement[fd];
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream) {
  return freopen(path, mode, stream);
}

/*
 * Called before the kernel stops, because the C library flushes its streams only afterwards. A stream that another thread uses
 * is flushed without its lock, as the C library does.
 */
void streams_flush(void) {
  pthread_mutex_lock(&lock);
  for (struct opened *at = all; at; at = at->next) {
    fflush_unlocked(at->stream);
  }
  pthread_mutex_unlock(&lock);
}

/* Printing to a descriptor, which makes its calls inside the C library. */

EXPORT int vdprintf(int fd, const char *format, va_list list) {
  if (!ours(fd)) {
    return NEXT(vdprintf)(fd, format, list);
  }
  char *text;
  int length = vasprintf(&text, format, list);
  if (length < 0) {
    return -1;
  }
  ssize_t at = 0;
  while (at < length) {
    ssize_t written = write(fd, text + at, (size_t)(length - at));
    if (written <= 0) {
      length = -1;
      break;
    }
    at += written;
  }
  int saved = errno;
  free(text);
  errno = saved;
  return length;
}

EXPORT int dprintf(int fd, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int result = vdprintf(fd, format, list);
  va_end(list);
  return result;
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list list) {
  (void)flag;
  return vdprintf(fd, format, list);
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...) {
  (void)flag;
  va_list list;
  va_start(list, format);
  int result = vdprintf(fd, format, list);
  va_end(list);
  return result;
}

EXPORT int fileno(FILE *stream) {
  struct opened *mine = opened_of(stream);
  return mine ? mine->fd : NEXT(fileno)(stream);
}

EXPORT int fileno_unlocked(FILE *stream) {
  return fileno(stream);
}

/* Streams that the C library opens internally. */

EXPORT FILE *tmpfile(void) {
  const char *directory = P_tmpdir;
  IN_KERNEL(AT_FDCWD, directory) {
    int fd = open(P_tmpdir, O_RDWR | O_TMPFILE | O_EXCL, 0600);
    return fd < 0 ? NULL : stream_on(fd, "w+");
  }
  return NEXT(tmpfile)();
}

EXPORT FILE *tmpfile64(void) {
  return tmpfile();
}

EXPORT FILE *setmntent(const char *path, const char *mode) {
  IN_KERNEL(AT_FDCWD, path) {
    return fopen(path, mode);
  }
  return NEXT(setmntent)(path, mode);
}
