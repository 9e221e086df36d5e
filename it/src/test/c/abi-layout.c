// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI in numbers, against two headers at once: Linux's own and the one that "pollux header" writes. The compiler does the
 * work; the program only says so.
 *
 *     cc -std=gnu11 -O2 -Wall -Wextra -Werror -Idir-of-pollux_aio.h abi-layout.c -o abi-layout && ./abi-layout
 */
#include <linux/aio_abi.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "pollux_aio.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)

/* Offset, width and sign of a field. */
#define FIELD(type, field, offset, width) \
	_Static_assert(offsetof(type, field) == (offset) && sizeof(((type *)0)->field) == sizeof(width), #type "." #field); \
	_Static_assert(((__typeof__(((type *)0)->field))-1 < 1) == ((width)-1 < 1), "sign of " #type "." #field)

/* An array that starts where a header ends. */
#define ENTRIES(type, field, offset, entry) \
	_Static_assert(offsetof(type, field) == (offset) && sizeof(((type *)0)->field[0]) == sizeof(entry), #type "." #field)

#define VALUE(name, value) _Static_assert((name) == (value), #name)

/* What Linux has, and ours is the same. aio_rw_flags is an int there. */
SIZE(struct iocb, 64);
FIELD(struct iocb, aio_data, 0, uint64_t);
FIELD(struct iocb, aio_key, 8, uint32_t);
FIELD(struct iocb, aio_rw_flags, 12, int32_t);
FIELD(struct iocb, aio_lio_opcode, 16, uint16_t);
FIELD(struct iocb, aio_reqprio, 18, int16_t);
FIELD(struct iocb, aio_fildes, 20, uint32_t);
FIELD(struct iocb, aio_buf, 24, uint64_t);
FIELD(struct iocb, aio_nbytes, 32, uint64_t);
FIELD(struct iocb, aio_offset, 40, int64_t);
FIELD(struct iocb, aio_reserved2, 48, uint64_t);
FIELD(struct iocb, aio_flags, 56, uint32_t);
FIELD(struct iocb, aio_resfd, 60, uint32_t);
SIZE(struct pollux_iocb, 64);
FIELD(struct pollux_iocb, aio_data, 0, uint64_t);
FIELD(struct pollux_iocb, aio_key, 8, uint32_t);
FIELD(struct pollux_iocb, aio_rw_flags, 12, uint32_t);
FIELD(struct pollux_iocb, aio_lio_opcode, 16, uint16_t);
FIELD(struct pollux_iocb, aio_reqprio, 18, int16_t);
FIELD(struct pollux_iocb, aio_fildes, 20, uint32_t);
FIELD(struct pollux_iocb, aio_buf, 24, uint64_t);
FIELD(struct pollux_iocb, aio_nbytes, 32, uint64_t);
FIELD(struct pollux_iocb, aio_offset, 40, int64_t);
FIELD(struct pollux_iocb, aio_reserved2, 48, uint64_t);
FIELD(struct pollux_iocb, aio_flags, 56, uint32_t);
FIELD(struct pollux_iocb, aio_resfd, 60, uint32_t);

SIZE(struct io_event, 32);
FIELD(struct io_event, data, 0, uint64_t);
FIELD(struct io_event, obj, 8, uint64_t);
FIELD(struct io_event, res, 16, int64_t);
FIELD(struct io_event, res2, 24, int64_t);
SIZE(struct pollux_io_event, 32);
FIELD(struct pollux_io_event, data, 0, uint64_t);
FIELD(struct pollux_io_event, obj, 8, uint64_t);
FIELD(struct pollux_io_event, res, 16, int64_t);
FIELD(struct pollux_io_event, res2, 24, int64_t);

SIZE(aio_context_t, 8);
SIZE(struct pollux_aio_sigset, 16);
FIELD(struct pollux_aio_sigset, sigmask, 0, uint64_t);
FIELD(struct pollux_aio_sigset, sigsetsize, 8, uint64_t);

/* The rings. */
SIZE(struct aio_iocb_ring, 64);
FIELD(struct aio_iocb_ring, head, 0, uint32_t);
FIELD(struct aio_iocb_ring, tail, 4, uint32_t);
FIELD(struct aio_iocb_ring, nr_events, 8, uint32_t);
FIELD(struct aio_iocb_ring, sq_thread_cpu, 12, uint32_t);
FIELD(struct aio_iocb_ring, sq_flags, 16, uint32_t);
ENTRIES(struct aio_iocb_ring, iocbs, 64, struct iocb);

SIZE(struct aio_io_event_ring, 32);
FIELD(struct aio_io_event_ring, head, 0, uint32_t);
FIELD(struct aio_io_event_ring, tail, 4, uint32_t);
FIELD(struct aio_io_event_ring, nr_events, 8, uint32_t);
ENTRIES(struct aio_io_event_ring, events, 32, struct io_event);

SIZE(struct aio_ring, 32);
FIELD(struct aio_ring, id, 0, uint32_t);
FIELD(struct aio_ring, nr, 4, uint32_t);
FIELD(struct aio_ring, head, 8, uint32_t);
FIELD(struct aio_ring, tail, 12, uint32_t);
FIELD(struct aio_ring, magic, 16, uint32_t);
FIELD(struct aio_ring, compat_features, 20, uint32_t);
FIELD(struct aio_ring, incompat_features, 24, uint32_t);
FIELD(struct aio_ring, header_length, 28, uint32_t);
ENTRIES(struct aio_ring, events, 32, struct io_event);

/* Operations. */
VALUE(IOCB_CMD_PREAD, 0);
VALUE(IOCB_CMD_PWRITE, 1);
VALUE(IOCB_CMD_FSYNC, 2);
VALUE(IOCB_CMD_FDSYNC, 3);
VALUE(IOCB_CMD_POLL, 5);
VALUE(IOCB_CMD_NOOP, 6);
VALUE(IOCB_CMD_PREADV, 7);
VALUE(IOCB_CMD_PWRITEV, 8);

/* Flags. */
VALUE(IOCB_FLAG_RESFD, 1);
VALUE(IOCB_FLAG_IOPRIO, 2);
VALUE(IOCB_FLAG_HIPRI, 4);
VALUE(RWF_HIPRI, 1);
VALUE(RWF_DSYNC, 2);
VALUE(RWF_SYNC, 4);
VALUE(RWF_NOWAIT, 8);
VALUE(RWF_APPEND, 16);
VALUE(IOCTX_FLAG_USERIOCB, 1);
VALUE(IOCTX_FLAG_IOPOLL, 2);
VALUE(IOCTX_FLAG_FIXEDBUFS, 4);
VALUE(IOCTX_FLAG_SCQRING, 8);
VALUE(IOCTX_FLAG_SQTHREAD, 16);
VALUE(IOCTX_FLAG_SQWQ, 32);
VALUE(IOCTX_FLAG_SQPOLL, 64);
VALUE(IORING_FLAG_SUBMIT, 1);
VALUE(IORING_FLAG_GETEVENTS, 2);
VALUE(IORING_SQ_NEED_WAKEUP, 1);

/* Other numbers. */
VALUE(AIO_RING_MAGIC, 0xa10a10a1);
VALUE(AIO_RING_COMPAT_FEATURES, 1);
VALUE(AIO_RING_INCOMPAT_FEATURES, 0);
VALUE(AIO_FIXED_BUF_MAX, 4 * 1024 * 1024);

/* Calls. */
VALUE(__NR_io_setup, 206);
VALUE(__NR_io_destroy, 207);
VALUE(__NR_io_getevents, 208);
VALUE(__NR_io_submit, 209);
VALUE(__NR_io_cancel, 210);
VALUE(__NR_io_pgetevents, 333);
VALUE(__NR_io_setup2, 335);
VALUE(__NR_io_ring_enter, 336);

int main(void)
{
	puts("ok");
	return 0;
}
