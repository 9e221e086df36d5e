// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * The reads and writes of a {@link Submitter}: from the submitter's copy of an iocb to the call of
 * the file, and the completion handlers. Valid during a batch.
 */
final class AioRw {
  private static final KiComplete AIO_COMPLETE_RW = AioRw::aioCompleteRw;
  private static final KiComplete AIO_COMPLETE_RW_POLL = AioRw::aioCompleteRwPoll;
  private static final KiComplete AIO_COMPLETE_RW_INLINE = AioRw::aioCompleteRwInline;

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

  private final IocbCopy iocb; // the submitter's
  private final BvecIter bvecIter = new BvecIter();
  private @Nullable FixedBuffers buffers; // the context's
  private boolean polled;
  private boolean threads; // the context's submission thread or workers execute requests
  private boolean consumed; // the file took memory for the current request before it threw

  AioRw(IocbCopy iocb) {
    this.iocb = iocb;
  }

  /** Starts a batch. */
  void start(Kioctx ctx) {
    buffers = ctx.buffers();
    polled = ctx.polled();
    threads = ctx.hasThreads();
    consumed = false;
  }

  /** Finishes a batch. */
  void end() {
    buffers = null;
  }

  /**
   * Returns whether the file took memory for the last request before it threw, so that a device may
   * have the request. Resets it.
   */
  boolean takeConsumed() {
    boolean took = consumed;
    consumed = false;
    return took;
  }

  /**
   * Reads or writes. The request owns the file's reference from aio_prep_rw until its completion.
   *
   * @param file with a reference, which is put if this returns an errno
   * @param index of the fixed buffer
   * @param attempt retries a read that would block, or null; owned by the request if the result is
   *     0
   * @return 0, or a negative errno; the request then holds nothing
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.SIMPLER,
      why =
          "A write takes no freeze protection, and its completion has no kiocb_end_write: no"
              + " filesystem here can be frozen.",
      test = "UnwiredCallsTest#aFilesystemCannotBeFrozen")
  @LinuxSource(
      file = "fs/aio.c",
      name = {"aio_read", "aio_write"})
  int aioRw(
      Task current,
      AioKiocb req,
      File file,
      int index,
      boolean read,
      boolean vectored,
      @Nullable SqWork attempt) {
    int result = aioPrepRw(current, req, file);
    if (result == 0) {
      result = checkFile(file, read);
    }
    if (result == 0 && threads) {
      result = file.op().hold();
    }
    FixedBuffers fixed = buffers;
    IovIter iter = fixed == null ? current.iovecIter() : bvecIter;
    if (result == 0) {
      result = aioSetupRw(current, fixed, index, read, vectored, iter);
    }
    long count = iter.count();
    if (result == 0 && (req.kiPos < 0 || req.kiPos + count < 0)) {
      result = -Errno.EINVAL; // C: rw_verify_area
    }
    if (result != 0) {
      file.fput();
      return result;
    }
    try {
      if (read && attempt != null) {
        aioReadInline(current, req, iter, attempt);
      } else if (read) {
        aioRwDone(req, file.op().readIter(current, req, iter));
      } else {
        req.kiFlags |= Kiocb.IOCB_WRITE;
        aioRwDone(req, file.op().writeIter(current, req, iter));
      }
    } catch (Throwable e) {
      consumed = iter.count() != count;
      throw e;
    }
    return 0;
  }

  /** Attempts a read. A file with a position may return a short count if the rest would block. */
  private void aioReadInline(Task current, AioKiocb req, IovIter iter, SqWork work) {
    File file = req.file();
    if (req.has(Kiocb.IOCB_NOWAIT)) { // set by the program, which gets the result
      work.free();
      aioRwDone(req, file.op().readIter(current, req, iter));
      return;
    }
    if (!file.canNowait()) {
      req.endUse(req.generation()); // the file has not seen the request
      work.repeat(req);
      return;
    }
    req.work = work;
    req.kiFlags |= Kiocb.IOCB_NOWAIT;
    req.kiComplete = AIO_COMPLETE_RW_INLINE;
    long wanted = iter.count();
    long result = file.op().readIter(current, req, iter);
    // a retry would skip data that a file without a position has consumed
    boolean cut = result >= 0 && result < wanted && file.op().canSeek();
    aioRwDone(req, cut ? -Errno.EAGAIN : result);
  }

  /**
   * Retries an attempted read, which may now block. By a worker.
   *
   * @return the result, for {@link #aioRwDone}
   */
  long repeat(Task current, AioKiocb req, int index) {
    req.kiFlags &= ~(Kiocb.IOCB_NOWAIT | Kiocb.IOCB_NO_TAG);
    req.kiComplete = AIO_COMPLETE_RW;
    req.kiPos = iocb.aioOffset;
    FixedBuffers fixed = buffers;
    IovIter iter = fixed == null ? current.iovecIter() : bvecIter;
    boolean vectored = iocb.aioLioOpcode == AioAbi.IOCB_CMD_PREADV;
    int result = aioSetupRw(current, fixed, index, true, vectored, iter);
    if (result != 0) {
      return result;
    }
    long count = iter.count();
    try {
      return req.file().op().readIter(current, req, iter);
    } catch (Throwable e) {
      consumed = iter.count() != count;
      throw e;
    }
  }

  private static int checkFile(File file, boolean read) {
    if (!(read ? file.readable() : file.writable())) {
      return -Errno.EBADF;
    }
    return (read ? file.op().hasReadIter() : file.op().hasWriteIter()) ? 0 : -Errno.EINVAL;
  }

  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_prep_rw")
  private int aioPrepRw(Task current, AioKiocb req, File file) {
    boolean hipri = (iocb.aioFlags & AioAbi.IOCB_FLAG_HIPRI) != 0;
    req.init(file, hipri ? AIO_COMPLETE_RW_POLL : AIO_COMPLETE_RW);
    req.kiPos = iocb.aioOffset;
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

  @Patch(24)
  @LinuxSource(file = "fs/aio.c", name = "aio_setup_rw")
  private int aioSetupRw(
      Task current,
      @Nullable FixedBuffers fixed,
      int index,
      boolean read,
      boolean vectored,
      IovIter iter) {
    long buf = iocb.aioBuf;
    long nbytes = iocb.aioNbytes;
    if (fixed != null) {
      return vectored ? -Errno.EINVAL : fixed.iter(index, read, buf, nbytes, (BvecIter) iter);
    }
    IovecIter iovec = (IovecIter) iter;
    return vectored
        ? iovec.importIovec(current.mm(), read, buf, nbytes)
        : iovec.importSingleRange(current.mm(), read, buf, nbytes);
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
    ((AioKiocb) iocb).markPolled(res, res2);
  }
}
