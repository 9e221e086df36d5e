/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * aio in a process whose kernel is in another process. A request runs inside io_submit, as in Linux for files without
 * asynchronous I/O. The contexts are in this process, and a child of fork has none of them. There are no rings.
 */
#include "pollux.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>
#include <time.h>

#define MOST_CONTEXTS 1024
#define MOST_EVENTS 65536 /* of all contexts: fs.aio-max-nr */
#define ABSURD_EVENTS (0x10000000u / sizeof(struct io_event))
#define PAUSE_NANOS 20000000l /* between checks for signals */
#define WRITE_FLAGS (IOCB_FLAG_RESFD | IOCB_FLAG_IOPRIO)

struct context {
  uint32_t id; /* as in a ring, but without its magic number, so that libraries make calls */
  uint32_t size;
  uint32_t zero[6];
  uint32_t count; /* under the lock, with the rest */
  uint32_t first;
  struct io_event events[];
};

static struct context *contexts[MOST_CONTEXTS]; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t reserved; /* events of all contexts; likewise */
static uint32_t changes; /* a futex: events were added */

void client_aio_in_child(void) {
  memset(contexts, 0, sizeof contexts);
  reserved = 0;
  pthread_mutex_init(&lock, NULL);
}

/* Under the lock. */
static int index_of(long id) {
  int i = 0;
  while (i < MOST_CONTEXTS && (id == 0 || (long)(intptr_t)contexts[i] != id)) {
    i++;
  }
  return i;
}

static bool readable(long address, long bytes) {
  return probe(address, bytes, 0) == bytes;
}

static long setup(long events, long to) {
  unsigned long id;
  if (!readable(to, sizeof id)) {
    return -EFAULT;
  }
  memcpy(&id, (void *)to, sizeof id);
  if (id != 0 || (unsigned)events == 0 || (unsigned)events > ABSURD_EVENTS) {
    return -EINVAL;
  }
  if ((unsigned)events > MOST_EVENTS) {
    return -EAGAIN;
  }
  struct context *made = calloc(1, sizeof *made + (unsigned)events * sizeof(struct io_event));
  if (!made) {
    return -ENOMEM;
  }
  made->size = (uint32_t)events;
  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < MOST_CONTEXTS && contexts[i]) {
    i++;
  }
  if (i < MOST_CONTEXTS && reserved + made->size <= MOST_EVENTS) {
    contexts[i] = made;
    reserved += made->size;
  } else {
    i = MOST_CONTEXTS;
  }
  pthread_mutex_unlock(&lock);
  if (i == MOST_CONTEXTS) {
    free(made);
    return -EAGAIN;
  }
  memcpy((void *)to, &made, sizeof made);
  return 0;
}

static long destroy(long id) {
  pthread_mutex_lock(&lock);
  int i = index_of(id);
  struct context *context = i < MOST_CONTEXTS ? contexts[i] : NULL;
  if (context) {
    contexts[i] = NULL;
    reserved -= context->size;
  }
  pthread_mutex_unlock(&lock);
  free(context);
  return context ? 0 : -EINVAL;
}

static long call(call_function *kernel, int fd, long nr, long a1, long a2, long a3, long a4, long a5) {
  return ours(fd) ? kernel(nr, fd, a1, a2, a3, a4, a5) : machine_call(nr, fd, a1, a2, a3, a4, a5);
}

static long poll_now(int fd, int events) {
  struct pollfd set = {fd, (short)events, 0};
  if (ours(fd)) {
    return events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
  }
  long ready = machine_call(SYS_poll, (long)&set, 1, 0, 0, 0, 0);
  return ready < 0 ? ready : set.revents;
}

/* Checks a request as io_submit does. Returns 0 or the error of io_submit. */
static long check(call_function *kernel, const struct iocb *iocb) {
  long flags = call(kernel, (int)iocb->aio_fildes, SYS_fcntl, F_GETFL, 0, 0, 0, 0);
  if (iocb->aio_reserved2 || (int64_t)iocb->aio_nbytes < 0 || (iocb->aio_flags & ~(unsigned)WRITE_FLAGS)) {
    return -EINVAL;
  }
  if (flags < 0 || (flags & O_PATH)) {
    return -EBADF;
  }
  switch (iocb->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
      return (flags & O_ACCMODE) == O_WRONLY ? -EBADF : 0;
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
      return (flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
      return iocb->aio_buf || iocb->aio_offset || iocb->aio_nbytes || iocb->aio_rw_flags ? -EINVAL : 0;
    case IOCB_CMD_POLL: /* one that has to wait is refused, because no thread could complete it */
      return (uint16_t)iocb->aio_buf != iocb->aio_buf || iocb->aio_offset || iocb->aio_nbytes || iocb->aio_rw_flags ||
                     poll_now((int)iocb->aio_fildes, (int)iocb->aio_buf) <= 0
                 ? -EINVAL
                 : 0;
    default:
      return -EINVAL;
  }
}

/* Runs a request. Returns the result of its event. */
static long run(call_function *kernel, const struct iocb *iocb) {
  int fd = (int)iocb->aio_fildes;
  struct iovec one = {(void *)(uintptr_t)iocb->aio_buf, iocb->aio_nbytes};
  bool write = iocb->aio_lio_opcode == IOCB_CMD_PWRITE || iocb->aio_lio_opcode == IOCB_CMD_PWRITEV;
  switch (iocb->aio_lio_opcode) {
    case IOCB_CMD_FSYNC:
      return call(kernel, fd, SYS_fsync, 0, 0, 0, 0, 0);
    case IOCB_CMD_FDSYNC:
      return call(kernel, fd, SYS_fdatasync, 0, 0, 0, 0, 0);
    case IOCB_CMD_POLL:
      return poll_now(fd, (int)iocb->aio_buf);
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITEV:
      return call(kernel, fd, write ? SYS_pwritev2 : SYS_preadv2, (long)iocb->aio_buf, (long)iocb->aio_nbytes, iocb->aio_offset, 0,
                  iocb->aio_rw_flags);
    default:
      if (iocb->aio_rw_flags == 0 && ours(fd)) {
        return call(kernel, fd, write ? SYS_pwrite64 : SYS_pread64, (long)iocb->aio_buf, (long)iocb->aio_nbytes, iocb->aio_offset, 0, 0);
      }
      return call(kernel, fd, write ? SYS_pwritev2 : SYS_preadv2, (long)&one, 1, iocb->aio_offset, 0, iocb->aio_rw_flags);
  }
}

/* Reserves room for an event, or stores it. Returns 0 or a negative errno. */
static long add(long id, const struct io_event *event) {
  long result = -EINVAL;
  pthread_mutex_lock(&lock);
  int i = index_of(id);
  if (i < MOST_CONTEXTS) {
    struct context *context = contexts[i];
    result = context->count < context->size ? 0 : -EAGAIN;
    if (result == 0 && event) {
      context->events[(context->first + context->count++) % context->size] = *event;
    }
  }
  pthread_mutex_unlock(&lock);
  if (event) {
    __atomic_add_fetch(&changes, 1, __ATOMIC_RELEASE);
    machine_call(SYS_futex, (long)&changes, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, 0, 0);
  }
  return result;
}

static long submit_one(call_function *kernel, long id, long address) {
  struct iocb iocb;
  if (!readable(address, sizeof iocb)) {
    return -EFAULT;
  }
  memcpy(&iocb, (void *)address, sizeof iocb);
  long result = check(kernel, &iocb);
  result = result ? result : add(id, NULL);
  if (result) {
    return result;
  }
  struct io_event event = {.data = iocb.aio_data, .obj = (uint64_t)address, .res = run(kernel, &iocb)};
  result = add(id, &event);
  if (iocb.aio_flags & IOCB_FLAG_RESFD) {
    uint64_t one = 1;
    machine_call(SYS_write, (int)iocb.aio_resfd, (long)&one, sizeof one, 0, 0, 0);
  }
  return result;
}

static long submit(call_function *kernel, long id, long count, long list) {
  pthread_mutex_lock(&lock);
  bool exists = index_of(id) < MOST_CONTEXTS;
  pthread_mutex_unlock(&lock);
  if (!exists || count < 0) {
    return -EINVAL;
  }
  long done = 0;
  long result = 0;
  while (done < count && result == 0) {
    long address;
    if (!readable(list + done * (long)sizeof address, sizeof address)) {
      result = -EFAULT;
      break;
    }
    memcpy(&address, (void *)(list + done * (long)sizeof address), sizeof address);
    result = submit_one(kernel, id, address);
    done += result == 0;
  }
  return done > 0 ? done : result;
}

/* Moves events to the program. Returns how many, or -EINVAL. */
static long take(long id, long most, struct io_event *to) {
  long taken = 0;
  pthread_mutex_lock(&lock);
  int i = index_of(id);
  struct context *context = i < MOST_CONTEXTS ? contexts[i] : NULL;
  while (context && taken < most && context->count > 0) {
    to[taken++] = context->events[context->first];
    context->first = (context->first + 1) % context->size;
    context->count--;
  }
  pthread_mutex_unlock(&lock);
  return context ? taken : -EINVAL;
}

static int64_t now(void) {
  struct timespec time;
  machine_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0, 0, 0, 0);
  return time.tv_sec * 1000000000l + time.tv_nsec;
}

static long getevents(long id, long least, long most, long to, long timeout) {
  int64_t until = INT64_MAX;
  if (timeout) {
    struct timespec span;
    if (!readable(timeout, sizeof span)) {
      return -EFAULT;
    }
    memcpy(&span, (void *)timeout, sizeof span);
    until = span.tv_sec > INT32_MAX ? INT64_MAX : now() + span.tv_sec * 1000000000l + span.tv_nsec;
  }
  if (least < 0 || most < 0 || least > most) {
    return -EINVAL;
  }
  if (most > MOST_EVENTS) {
    most = MOST_EVENTS;
  }
  long bytes = most * (long)sizeof(struct io_event);
  if (bytes > 0 && probe(to, bytes, 1) != bytes) {
    return -EFAULT;
  }
  long done = 0;
  while (true) {
    uint32_t seen = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
    long taken = take(id, most - done, (struct io_event *)to + done);
    if (taken < 0) {
      return done > 0 ? done : taken;
    }
    done += taken;
    if (done >= least || now() >= until) {
      return done;
    }
    if (has_signals()) {
      return done > 0 ? done : -EINTR;
    }
    int64_t left = until - now();
    struct timespec pause = {0, left < PAUSE_NANOS ? (left > 0 ? left : 0) : PAUSE_NANOS};
    machine_call(SYS_futex, (long)&changes, FUTEX_WAIT_PRIVATE, seen, (long)&pause, 0, 0);
  }
}

long client_aio(call_function *kernel, long nr, long a0, long a1, long a2, long a3, long a4) {
  switch (nr) {
    case SYS_io_setup:
      return setup(a0, a1);
    case SYS_io_destroy:
      return destroy(a0);
    case SYS_io_submit:
      return submit(kernel, a0, a1, a2);
    case SYS_io_getevents:
    case SYS_io_pgetevents:
      return getevents(a0, a1, a2, a3, a4);
    case SYS_io_cancel: {
      pthread_mutex_lock(&lock);
      bool exists = index_of(a0) < MOST_CONTEXTS;
      pthread_mutex_unlock(&lock);
      return exists && !readable(a1, sizeof(struct iocb)) ? -EFAULT : -EINVAL; /* every request is complete */
    }
    default: {
      static volatile int said;
      if (!said) {
        said = 1;
        say("exec: a process whose kernel is in another process has no rings (ENOSYS)");
      }
      return -ENOSYS;
    }
  }
}
