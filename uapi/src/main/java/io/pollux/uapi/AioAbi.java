// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Constants of the AIO interface after the series, by their C names. */
@LinuxSource(file = "include/uapi/linux/aio_abi.h")
public final class AioAbi {
  /** Read into one buffer. */
  public static final int IOCB_CMD_PREAD = 0;

  /** Write from one buffer. */
  public static final int IOCB_CMD_PWRITE = 1;

  /** Write back data and metadata. */
  public static final int IOCB_CMD_FSYNC = 2;

  /** Write back data. */
  public static final int IOCB_CMD_FDSYNC = 3;

  /** One-shot poll. */
  public static final int IOCB_CMD_POLL = 5;

  /** Defined, not implemented: EINVAL. */
  public static final int IOCB_CMD_NOOP = 6;

  /** Read into an iovec array. */
  public static final int IOCB_CMD_PREADV = 7;

  /** Write from an iovec array. */
  public static final int IOCB_CMD_PWRITEV = 8;

  /** Signal the eventfd in aio_resfd. */
  public static final int IOCB_FLAG_RESFD = 1 << 0;

  /** aio_reqprio is valid. */
  public static final int IOCB_FLAG_IOPRIO = 1 << 1;

  /** Complete by polling. */
  @Patch(15)
  public static final int IOCB_FLAG_HIPRI = 1 << 2;

  /** The iocbs are mapped from user space and named by index. */
  @Patch(14)
  public static final int IOCTX_FLAG_USERIOCB = 1 << 0;

  /** Every request of the context is polled. */
  @Patch(15)
  public static final int IOCTX_FLAG_IOPOLL = 1 << 1;

  /** Buffers are pinned at setup. */
  @Patch(24)
  public static final int IOCTX_FLAG_FIXEDBUFS = 1 << 2;

  /** Submission and completion rings are mapped from user space. */
  @Patch(26)
  public static final int IOCTX_FLAG_SCQRING = 1 << 3;

  /** A kernel thread submits from the SQ ring (after the fifth posting). */
  public static final int IOCTX_FLAG_SQTHREAD = 1 << 4;

  /** Entries go to a work queue (after the fifth posting). */
  public static final int IOCTX_FLAG_SQWQ = 1 << 5;

  /** The kernel thread spins on the SQ ring (our own). */
  public static final int IOCTX_FLAG_SQPOLL = 1 << 6;

  /** io_ring_enter: take entries from the SQ ring. */
  @Patch(26)
  public static final int IORING_FLAG_SUBMIT = 1 << 0;

  /** io_ring_enter: wait for events. */
  @Patch(26)
  public static final int IORING_FLAG_GETEVENTS = 1 << 1;

  /** sq_flags: the SQPOLL thread sleeps until io_ring_enter is called. */
  public static final int IORING_SQ_NEED_WAKEUP = 1 << 0;

  /** aio_ring.magic. */
  public static final int AIO_RING_MAGIC = 0xa10a10a1;

  /** aio_ring.compat_features. */
  public static final int AIO_RING_COMPAT_FEATURES = 1;

  /** aio_ring.incompat_features. */
  public static final int AIO_RING_INCOMPAT_FEATURES = 0;

  /** The value that the kernel stores in aio_key. */
  public static final int KIOCB_KEY = 0;

  /** Limit of the requests of all contexts together. */
  public static final int AIO_MAX_NR = 0x10000;

  /** Larger batches are plugged. */
  @Patch(9)
  public static final int AIO_PLUG_THRESHOLD = 2;

  /** Number of requests handled in bulk. */
  @Patch(20)
  public static final int AIO_IOPOLL_BATCH = 8;

  /** Maximum size of a fixed buffer in bytes. */
  public static final int AIO_FIXED_BUF_MAX = 4 << 20;

  /** Maximum number of iovecs in one call. */
  public static final int UIO_MAXIOV = 1024;

  /** Poll for completion. */
  public static final int RWF_HIPRI = 0x01;

  /** O_DSYNC for this request. */
  public static final int RWF_DSYNC = 0x02;

  /** O_SYNC for this request. */
  public static final int RWF_SYNC = 0x04;

  /** Do not block: EAGAIN. */
  public static final int RWF_NOWAIT = 0x08;

  /** O_APPEND for this request. */
  public static final int RWF_APPEND = 0x10;

  private AioAbi() {}
}
