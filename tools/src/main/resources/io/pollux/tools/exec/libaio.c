/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libaio's functions, with the symbol versions that programs are linked with. libaio makes its system calls inline, bypassing
 * syscall(2). The functions return a result or a negative errno and do not set errno.
 */
#include "pollux.h"

#include <time.h>

typedef long context;
struct iocb;

struct io_event { /* libaio's layout: the pointers are the kernel's 64-bit fields */
  void *data;
  struct iocb *obj;
  unsigned long res;
  unsigned long res2;
};

typedef void (*callback)(context, struct iocb *, long, long);

struct sigset_argument {
  const sigset_t *mask;
  size_t size;
};

#define KERNEL_SIGSET_BYTES 8

/*
 * The thread has the given mask during the call, so that a signal that it does not block interrupts the call. The handler runs
 * after the call has returned.
 */
long pollux_io_pgetevents(long ctx, long min, long nr, long events, long timeout, const struct sigset_argument *argument) {
  bool masked = argument && kernel_running() && probe((intptr_t)argument, sizeof *argument, 0) == sizeof *argument &&
                argument->mask && argument->size == KERNEL_SIGSET_BYTES &&
                probe((intptr_t)argument->mask, KERNEL_SIGSET_BYTES, 0) == KERNEL_SIGSET_BYTES;
  return masked ? kernel_call_masked(SYS_io_pgetevents, ctx, min, nr, events, timeout, (long)argument, argument->mask)
                : CALL6(SYS_io_pgetevents, ctx, min, nr, events, timeout, argument);
}

EXPORT int io_setup(int events, context *ctx) {
  return (int)CALL2(SYS_io_setup, events, ctx);
}

EXPORT int io_destroy(context ctx) {
  return (int)CALL1(SYS_io_destroy, ctx);
}

EXPORT int io_submit(context ctx, long count, struct iocb **iocbs) {
  return (int)CALL3(SYS_io_submit, ctx, count, iocbs);
}

EXPORT int cancel_0_4(context ctx, struct iocb *iocb, struct io_event *event) {
  return (int)CALL3(SYS_io_cancel, ctx, iocb, event);
}

EXPORT int getevents_0_4(context ctx, long min, long count, struct io_event *events, struct timespec *timeout) {
  return (int)CALL5(SYS_io_getevents, ctx, min, count, events, timeout);
}

EXPORT int io_pgetevents(context ctx, long min, long count, struct io_event *events, struct timespec *timeout,
                         sigset_t *mask) {
  struct sigset_argument argument = {mask, KERNEL_SIGSET_BYTES};
  return (int)pollux_io_pgetevents(ctx, min, count, (long)events, (long)timeout, &argument);
}

EXPORT int io_queue_init(int events, context *ctx) {
  if (events <= 0) {
    return -EINVAL;
  }
  *ctx = 0;
  return io_setup(events, ctx);
}

EXPORT int io_queue_release(context ctx) {
  return io_destroy(ctx);
}

/* Calls each request's callback, which libaio stores in iocb.data, while there are events. */
EXPORT int io_queue_run(context ctx) {
  static struct timespec now;
  struct io_event event;
  int result;
  while ((result = getevents_0_4(ctx, 0, 1, &event, &now)) == 1) {
    ((callback)event.data)(ctx, event.obj, (long)event.res, (long)event.res2);
  }
  return result;
}

EXPORT int queue_wait_0_4(context ctx, struct timespec *timeout) {
  return getevents_0_4(ctx, 0, 0, NULL, timeout);
}

/* Versions before 0.3.96: cancel stores no event, and getevents waits for at least one. */

EXPORT int cancel_0_1(context ctx, struct iocb *iocb) {
  struct io_event event;
  return cancel_0_4(ctx, iocb, &event);
}

EXPORT int getevents_0_1(context ctx, long count, struct io_event *events, const struct timespec *timeout) {
  struct timespec copy;
  if (timeout) {
    copy = *timeout;
  }
  return getevents_0_4(ctx, 1, count, events, timeout ? &copy : NULL);
}

EXPORT int queue_wait_0_1(context ctx, const struct timespec *timeout) {
  struct timespec copy;
  if (timeout) {
    copy = *timeout;
  }
  return queue_wait_0_4(ctx, timeout ? &copy : NULL);
}

__asm__(".symver cancel_0_4, io_cancel@@LIBAIO_0.4");
__asm__(".symver cancel_0_1, io_cancel@LIBAIO_0.1");
__asm__(".symver getevents_0_4, io_getevents@@LIBAIO_0.4");
__asm__(".symver getevents_0_1, io_getevents@LIBAIO_0.1");
__asm__(".symver queue_wait_0_4, io_queue_wait@@LIBAIO_0.4");
__asm__(".symver queue_wait_0_1, io_queue_wait@LIBAIO_0.1");
