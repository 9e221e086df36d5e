// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/**
 * The start and the end of a read or write: its request is filled from an iocb, and completes by
 * one of three handlers. {@link Submitter} makes the call of the file in between.
 */
final class AioRw {
  static final KiComplete AIO_COMPLETE_RW = AioRw::aioCompleteRw;
  private static final KiComplete AIO_COMPLETE_RW_POLL = AioRw::aioCompleteRwPoll;
  static final KiComplete AIO_COMPLETE_RW_INLINE = AioRw::aioCompleteRwInline;

  private static final int IOPRIO_CLASS_SHIFT = 13;
  private static final int IOPRIO_CLASS_RT = 1;
  private static final int IOPRIO_CLASS_BE = 2;
  private static final int IOPRIO_CLASS_IDLE = 3;
  private static final int IOPRIO_BE_NR = 8;

  // Values with which a file asks for a restart of its call. No program sees them.
  @LinuxSource(file = "include/linux/errno.h", name = "ERESTARTSYS")
  private static final int ERESTARTSYS = 512;

  @LinuxSource(file = "include/linux/errno.h", name = "ERESTARTNOHAND")
  private static final int ERESTARTNOHAND = 514;

  @LinuxSource(file = "include/linux/errno.h", name = "ERESTART_RESTARTBLOCK")
  private static final int ERESTART_RESTARTBLOCK = 516;

  private AioRw() {}

  /** Checks that a file is open for the transfer and has a method for it. */
  static int checkFile(File file, boolean read) {
    if (!(read ? file.readable() : file.writable())) {
      return -Errno.EBADF;
    }
    return (read ? file.op().hasReadIter() : file.op().hasWriteIter()) ? 0 : -Errno.EINVAL;
  }

  /**
   * Fills a request from an iocb.
   *
   * @param polled whether the context polls
   * @return 0 or a negative errno
   */
  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_prep_rw")
  static int aioPrepRw(Task current, IocbCopy iocb, boolean polled, AioKiocb req, File file) {
    boolean hipri = (iocb.aioFlags & AioAbi.IOCB_FLAG_HIPRI) != 0;
    req.init(file, hipri ? AIO_COMPLETE_RW_POLL : AIO_COMPLETE_RW);
    req.kiPos = iocb.aioOffset;
    current.setTarget(file.inode().sb());
    if ((iocb.aioFlags & AioAbi.IOCB_FLAG_IOPRIO) != 0) {
      int result = ioprioCheckCap(current, Short.toUnsignedInt(iocb.aioReqprio));
      if (result != 0) {
        return result;
      }
      req.kiIoprio = iocb.aioReqprio;
    }
    int result = req.setRwFlags(iocb.aioRwFlags);
    if (result != 0) {
      return result;
    }
    if (hipri != polled) { // polled and other requests never mix on a context
      return -Errno.EINVAL;
    }
    if (!hipri) {
      req.kiFlags &= ~Kiocb.IOCB_HIPRI; // no thread will poll for it
      return 0;
    }
    if (req.eventfd != null) { // polled requests have no eventfd
      return -Errno.EINVAL;
    }
    if (!req.has(Kiocb.IOCB_DIRECT) || !file.op().hasIopoll()) {
      return -Errno.EOPNOTSUPP;
    }
    req.kiFlags |= Kiocb.IOCB_HIPRI;
    return 0;
  }

  /** Checks an I/O priority, and the capability for a real-time one. */
  @LinuxSource(file = "block/ioprio.c", name = "ioprio_check_cap")
  private static int ioprioCheckCap(Task current, int ioprio) {
    int level = ioprio & ((1 << IOPRIO_CLASS_SHIFT) - 1);
    return switch (ioprio >> IOPRIO_CLASS_SHIFT) {
      case IOPRIO_CLASS_RT -> {
        if (!current.process().capable()) {
          yield -Errno.EPERM;
        }
        yield level < IOPRIO_BE_NR ? 0 : -Errno.EINVAL;
      }
      case IOPRIO_CLASS_BE -> level < IOPRIO_BE_NR ? 0 : -Errno.EINVAL;
      case IOPRIO_CLASS_IDLE -> 0;
      case 0 -> level == 0 ? 0 : -Errno.EINVAL; // IOPRIO_CLASS_NONE
      default -> -Errno.EINVAL;
    };
  }

  /**
   * Completes a request that the file finished at once. A request that asks to restart the call
   * fails with EINTR, because other requests of the call may be in flight.
   */
  @Patch(6)
  @LinuxSource(file = "fs/aio.c", name = "aio_rw_done")
  static void aioRwDone(AioKiocb req, long result) {
    if (result != -Kiocb.EIOCBQUEUED) {
      KiComplete handler = req.kiComplete;
      assert handler != null;
      handler.complete(req, restartsCall(result) ? -Errno.EINTR : result, 0);
    }
  }

  private static boolean restartsCall(long result) {
    return (result <= -ERESTARTSYS && result >= -ERESTARTNOHAND)
        || result == -ERESTART_RESTARTBLOCK;
  }

  @Patch(6)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete_rw")
  private static void aioCompleteRw(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    req.ctx().complete(req, res, res2);
  }

  /** Completes an attempt, or queues a retry for a worker. From any context. */
  private static void aioCompleteRwInline(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    if (res != -Errno.EAGAIN) {
      req.ctx().complete(req, res, res2);
      return;
    }
    SqWork work = req.ctx().endAttempt(req);
    if (work != null) {
      work.repeat(req);
    }
  }

  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete_rw_poll")
  private static void aioCompleteRwPoll(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    if (Trace.on()) {
      AioTrace.complete(req.ctx(), req, res, res2);
    }
    req.markPolled(res, res2);
  }
}
