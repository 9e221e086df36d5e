/* SPDX-License-Identifier: GPL-2.0-only */
/* Directory streams. The C library's DIR begins with a descriptor. The kernel's begins with a word that is no descriptor. */
#include "pollux.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* readdir_r */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define OURS 0x7275786c6c6f50ffull

struct stream {
  uint64_t ours;
  int fd;
  long at;      /* d_off of the last entry read, for telldir */
  size_t next;  /* in buffer */
  size_t end;
  struct dirent entry;
  char buffer[32768] __attribute__((aligned(16)));
};

/* The format of getdents64, the same as the C library's struct dirent64. */
struct record {
  uint64_t ino;
  int64_t off;
  uint16_t reclen;
  uint8_t type;
  char name[];
};

static struct stream *stream_of(DIR *dir) {
  struct stream *stream = (struct stream *)dir;
  return stream && stream->ours == OURS ? stream : NULL;
}

static DIR *open_stream(int fd) {
  struct stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    errno = ENOMEM;
    return NULL;
  }
  stream->ours = OURS;
  stream->fd = fd;
  return (DIR *)stream;
}

EXPORT DIR *fdopendir(int fd) {
  if (!ours(fd)) {
    return NEXT(fdopendir)(fd);
  }
  long flags = CALL2(SYS_fcntl, fd, F_GETFL);
  struct stat status;
  if (flags < 0 || answer(CALL2(SYS_fstat, fd, &status)) != 0) {
    errno = flags < 0 ? (int)-flags : errno;
    return NULL;
  }
  if (!S_ISDIR(status.st_mode)) {
    errno = ENOTDIR;
    return NULL;
  }
  return open_stream(fd);
}

static DIR *open_at(int dirfd, const char *kernel_path) {
  int fd = (int)answer(CALL4(SYS_openat, dirfd, kernel_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd < 0) {
    return NULL;
  }
  DIR *dir = open_stream(fd);
  if (!dir) {
    CALL1(SYS_close, fd);
  }
  return dir;
}

EXPORT DIR *opendir(const char *path) {
  IN_KERNEL(AT_FDCWD, path) {
    return open_at(AT_FDCWD, kernel_path);
  }
  return NEXT(opendir)(path);
}

static struct dirent *read_stream(struct stream *stream) {
  if (stream->next >= stream->end) {
    long filled = answer(CALL3(SYS_getdents64, stream->fd, stream->buffer, sizeof stream->buffer));
    if (filled <= 0) {
      return NULL;
    }
    stream->next = 0;
    stream->end = (size_t)filled;
  }
  struct record *record = (struct record *)(stream->buffer + stream->next);
  stream->next += record->reclen;
  stream->at = record->off;
  stream->entry.d_ino = record->ino;
  stream->entry.d_off = record->off;
  stream->entry.d_reclen = record->reclen;
  stream->entry.d_type = record->type;
  strncpy(stream->entry.d_name, record->name, sizeof stream->entry.d_name - 1);
  return &stream->entry;
}

EXPORT struct dirent *readdir(DIR *dir) {
  struct stream *stream = stream_of(dir);
  return stream ? read_stream(stream) : NEXT(readdir)(dir);
}

EXPORT struct dirent64 *readdir64(DIR *dir) {
  struct stream *stream = stream_of(dir);
  return stream ? (struct dirent64 *)read_stream(stream) : NEXT(readdir64)(dir);
}

/* The interface of programs from before readdir was thread-safe. */
EXPORT int readdir_r(DIR *dir, struct dirent *entry, struct dirent **result) {
  struct stream *stream = stream_of(dir);
  if (!stream) {
    return NEXT(readdir_r)(dir, entry, result);
  }
  int saved = errno;
  errno = 0;
  struct dirent *read = read_stream(stream);
  int error = read ? 0 : errno;
  errno = saved;
  if (read) {
    *entry = *read;
  }
  *result = read ? entry : NULL;
  return error;
}

EXPORT int readdir64_r(DIR *dir, struct dirent64 *entry, struct dirent64 **result) {
  return readdir_r(dir, (struct dirent *)entry, (struct dirent **)result);
}

EXPORT ssize_t getdents64(int fd, void *buffer, size_t size) {
  return ours(fd) ? answer(CALL3(SYS_getdents64, fd, buffer, size)) : NEXT(getdents64)(fd, buffer, size);
}

typedef int (*filter)(const struct dirent *);
typedef int (*order)(const struct dirent **, const struct dirent **);

static void free_all(struct dirent **names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(names[i]);
  }
  free(names);
}

/* Lists a directory and closes it. */
static int scan(DIR *dir, struct dirent ***list, filter wanted, order before) {
  if (!dir) {
    return -1;
  }
  struct dirent **names = NULL;
  size_t count = 0, room = 0;
  int error = 0;
  while (error == 0) {
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (!entry) {
      error = errno;
      break;
    }
    if (wanted && !wanted(entry)) {
      continue;
    }
    if (count == room) {
      room = room ? 2 * room : 64;
      struct dirent **more = reallocarray(names, room, sizeof *names);
      if (!more) {
        error = ENOMEM;
        break;
      }
      names = more;
    }
    names[count] = malloc(sizeof **names);
    if (!names[count]) {
      error = ENOMEM;
      break;
    }
    *names[count++] = *entry;
  }
  closedir(dir);
  if (error) {
    free_all(names, count);
    errno = error;
    return -1;
  }
  if (before && count > 1) {
    qsort(names, count, sizeof *names, (int (*)(const void *, const void *))before);
  }
  *list = names;
  return (int)count;
}

/* The C library's own versions bypass opendir and readdir. */
EXPORT int scandirat(int dirfd, const char *path, struct dirent ***list, filter wanted, order before) {
  IN_KERNEL(dirfd, path) {
    return scan(open_at(dirfd, kernel_path), list, wanted, before);
  }
  return NEXT(scandirat)(dirfd, path, list, wanted, before);
}

EXPORT int scandirat64(int dirfd, const char *path, struct dirent64 ***list, int (*wanted)(const struct dirent64 *),
                       int (*before)(const struct dirent64 **, const struct dirent64 **)) {
  return scandirat(dirfd, path, (struct dirent ***)list, (filter)wanted, (order)before);
}

EXPORT int scandir(const char *path, struct dirent ***list, filter wanted, order before) {
  return scandirat(AT_FDCWD, path, list, wanted, before);
}

EXPORT int scandir64(const char *path, struct dirent64 ***list, int (*wanted)(const struct dirent64 *),
                     int (*before)(const struct dirent64 **, const struct dirent64 **)) {
  return scandir(path, (struct dirent ***)list, (filter)wanted, (order)before);
}

EXPORT int closedir(DIR *dir) {
  struct stream *stream = stream_of(dir);
  if (!stream) {
    return NEXT(closedir)(dir);
  }
  int fd = stream->fd;
  free(stream);
  return (int)answer(CALL1(SYS_close, fd));
}

EXPORT int dirfd(DIR *dir) {
  struct stream *stream = stream_of(dir);
  return stream ? stream->fd : NEXT(dirfd)(dir);
}

EXPORT long telldir(DIR *dir) {
  struct stream *stream = stream_of(dir);
  return stream ? stream->at : NEXT(telldir)(dir);
}

EXPORT void seekdir(DIR *dir, long at) {
  struct stream *stream = stream_of(dir);
  if (!stream) {
    NEXT(seekdir)(dir, at);
    return;
  }
  CALL3(SYS_lseek, stream->fd, at, SEEK_SET);
  stream->at = at;
  stream->next = stream->end = 0;
}

EXPORT void rewinddir(DIR *dir) {
  if (stream_of(dir)) {
    seekdir(dir, 0);
  } else {
    NEXT(rewinddir)(dir);
  }
}
