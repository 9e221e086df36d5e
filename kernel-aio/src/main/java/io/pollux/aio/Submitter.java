// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * Submits requests: from an iocb to its file. A submitting task holds one for a batch, allocated
 * from a slab. The iocb is copied before it is checked, so that a program cannot change checked
 * values.
 */
final class Submitter extends Slab.Item {
  private static final Slab<Submitter> SLAB = new Slab<>(Submitter::new);

  private static final KiComplete AIO_COMPLETE_RW = Submitter::aioCompleteRw;
  private static final KiComplete AIO_COMPLETE_RW_POLL = Submitter::aioCompleteRwPoll;
  private static final KiComplete AIO_COMPLETE_RW_INLINE = Submitter::aioCompleteRwInline;
  private static final KiComplete ABANDONED = (iocb, res, res2) -> {};

  /** The index of a request without one: its event's obj is the address of the iocb. */
  static final int NO_INDEX = -1;

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

  private final AioSubmitState state = new AioSubmitState();
  private final BvecIter bvecIter = new BvecIter();
  private final IocbCopy iocb = new IocbCopy();
  private @Nullable Kioctx batchOf;
  private @Nullable FixedBuffers buffers; // the context's
  private boolean polled;
  private @Nullable SqWork attempt; // retries the current read if it would block
  private boolean accepted; // the limit was checked when the entry was taken
  private boolean retry; // whether the last EAGAIN may be retried
  private boolean completed; // the file completed the current request before it threw
  private boolean consumed; // the file took memory for the current request before it threw

  private Submitter() {}

  /**
   * Starts a batch. From process context.
   *
   * @param nr maximum number of requests
   * @return a submitter; the same task calls {@link #end}
   */
  static Submitter start(Task current, Kioctx ctx, int nr) {
    Submitter submitter = SLAB.alloc(current);
    submitter.batchOf = ctx;
    submitter.buffers = ctx.buffers();
    submitter.polled = ctx.polled();
    submitter.accepted = false;
    submitter.retry = false;
    submitter.completed = false;
    submitter.consumed = false;
    submitter.state.start(current, ctx, nr);
    return submitter;
  }

  /** Finishes a batch. */
  void end(Task current) {
    try {
      state.end(current);
    } catch (Throwable e) {
      ctx().setFailed();
      throw e;
    } finally {
      batchOf = null;
      buffers = null;
      attempt = null;
      Slab.free(this);
    }
  }

  private Kioctx ctx() {
    Kioctx ctx = batchOf;
    assert ctx != null : "outside a batch";
    return ctx;
  }

  /** Returns the buffer for the next iocb, to be filled before {@link #submitOne}. */
  IocbCopy iocb() {
    return iocb;
  }

  /**
   * Submits the read in {@link #iocb} without blocking. If the read returns or completes with
   * EAGAIN, a worker retries it. Only a program that set RWF_NOWAIT sees EAGAIN.
   *
   * @param work created for this read; owned by the request if the result is 0
   * @return as {@link #submitOne}
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_sq_try_inline")
  int submitInline(Task current, int index, SqWork work) {
    attempt = work;
    try {
      return submitOne(current, index, index, 0);
    } finally {
      attempt = null;
    }
  }

  /** Submits an entry that was already taken from the SQ ring, without a check of the limit. */
  int submitAccepted(Task current, int index) {
    accepted = true;
    return submitOne(current, index, index, 0);
  }

  /**
   * Whether the last EAGAIN came from a full context or a lack of tags, so that a retry of the
   * entry may succeed. Any other EAGAIN is final.
   */
  boolean retry() {
    return retry;
  }

  /** Returns EAGAIN for an entry while the context is at its limit. */
  int refuse() {
    retry = true;
    return -Errno.EAGAIN;
  }

  /**
   * Submits the request in {@link #iocb}. From process context, inside a batch.
   *
   * @param index of the iocb, or {@link #NO_INDEX}
   * @param obj io_event.obj: the index, or the address of the iocb
   * @param key user address where KIOCB_KEY is stored, or 0
   * @return 0, or a negative errno with nothing left of the request
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.FIXES,
      why = "A submission that fails with EAGAIN puts the file. The posting leaks the reference.",
      test = "IoRingEnterTest#aDeviceWithoutARequestLeftAnswersAgainAndTheProgramReapsFirst")
  @Patch({7, 11, 16})
  @LinuxSource(
      file = "fs/aio.c",
      name = {"io_submit_one", "__io_submit_one"})
  int submitOne(Task current, int index, long obj, long key) {
    if (iocb.aioReserved2 != 0 || iocb.aioNbytes < 0) {
      return -Errno.EINVAL;
    }
    Kioctx ctx = ctx();
    boolean slot = ctx.ordinary();
    if (slot
        ? !ctx.getReqsAvailable()
        : polled ? ctx.requests() >= ctx.mostRequests() : !accepted && ctx.isFull()) {
      return refuse();
    }
    AioKiocb req = state.getReq(current);
    req.init(ctx, iocb.aioData, obj);
    int generation = req.generation();
    int result;
    try {
      result = eventfdGet(current, req);
      if (result == 0 && key != 0) {
        result = putKey(current, key);
      }
      if (result == 0) {
        result = start(current, req, index);
      }
    } catch (Throwable e) {
      completed = !abandon(req, generation, slot);
      throw e;
    }
    if (result == 0 && polled) {
      if (req.pollAgain()) { // usually the device had no free request: the program must reap first
        retry = req.has(Kiocb.IOCB_NO_TAG);
        req.file().fput();
        result = -Errno.EAGAIN;
      } else {
        state.issued(req);
      }
    }
    if (result != 0) {
      File eventfd = req.eventfd;
      if (eventfd != null) {
        req.eventfd = null;
        eventfd.fput();
      }
      if (slot) {
        ctx.putReqsAvailable();
      }
      state.unget(req);
    }
    return result;
  }

  /**
   * Releases what a request holds after its file threw. The file may still reference the request; a
   * later completion does nothing. If a device may have the request, and the request is polled or
   * has fixed memory, teardown waits for it.
   *
   * @param generation of the request, before its file was called
   * @return false if the file had completed the request: it has its event, or a worker retries it
   */
  private boolean abandon(AioKiocb req, int generation, boolean slot) {
    ctx().setFailed();
    boolean inDevice = consumed && (polled || buffers != null);
    consumed = false;
    if (req.generation() != generation) { // the object may have another request by now
      return false;
    }
    if (polled && req.pollCompleted()) {
      state.issued(req);
      return false;
    }
    File file = req.kiFilp; // stays: a device that completes the request may look for it
    req.kiComplete = inDevice ? AIO_COMPLETE_RW_POLL : ABANDONED;
    File eventfd = req.eventfd;
    req.eventfd = null;
    SqWork work = req.work;
    req.work = null;
    if (work != null) {
      work.free();
    }
    if (slot) {
      ctx().putReqsAvailable();
    }
    state.forget();
    if (eventfd != null) {
      eventfd.fput();
    }
    if (inDevice) {
      ctx().abandoned().add(req);
    } else if (file != null) {
      file.fput();
    }
    return true;
  }

  /**
   * Reports an exception of a file in a submission without a caller. The request was already
   * undone.
   *
   * @return -EIO, its result; 0 if the file had completed the request, which then needs no other
   *     event
   */
  int oops(Task current, Throwable thrown) {
    boolean done = completed;
    completed = false;
    ctx().setFailed();
    String consequence = done ? "the file had completed the request" : "the request fails with EIO";
    Oops.report(Thread.currentThread().getName(), thrown, consequence);
    if (current.plug() != null && !state.plugs()) {
      current.abandonCall(); // the file's own plug
    }
    return done ? 0 : -Errno.EIO;
  }

  /** Posts an event for a request that failed without a caller to see its errno. */
  void fail(Task current, long obj, int errno) {
    AioKiocb req = state.getReq(current);
    req.init(ctx(), iocb.aioData, obj);
    if (polled) {
      req.markFailed(errno);
      state.issued(req);
    } else {
      ctx().complete(req, errno, 0);
    }
  }

  private static int putKey(Task current, long key) {
    if (!current.mm().accessOk(key, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(key, AioAbi.KIOCB_KEY);
    return 0;
  }

  /** Takes a reference on the iocb's eventfd, if it names one. */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx_fdget")
  private int eventfdGet(Task current, AioKiocb req) {
    if ((iocb.aioFlags & AioAbi.IOCB_FLAG_RESFD) == 0) {
      return 0;
    }
    File file = FilesStruct.of(current).fget(iocb.aioResfd);
    if (file == null) {
      return -Errno.EBADF;
    }
    if (EventfdCtx.of(file) == null) {
      file.fput();
      return -Errno.EINVAL;
    }
    req.eventfd = file;
    return 0;
  }

  private int start(Task current, AioKiocb req, int index) {
    return switch (iocb.aioLioOpcode) {
      case AioAbi.IOCB_CMD_PREAD -> aioRw(current, req, index, true, false);
      case AioAbi.IOCB_CMD_PWRITE -> aioRw(current, req, index, false, false);
      case AioAbi.IOCB_CMD_PREADV -> aioRw(current, req, index, true, true);
      case AioAbi.IOCB_CMD_PWRITEV -> aioRw(current, req, index, false, true);
      case AioAbi.IOCB_CMD_FSYNC -> aioFsync(current, req, false);
      case AioAbi.IOCB_CMD_FDSYNC -> aioFsync(current, req, true);
      case AioAbi.IOCB_CMD_POLL -> aioPoll(current, req);
      default -> -Errno.EINVAL;
    };
  }

  /** Queues an fsync. */
  @LinuxSource(file = "fs/aio.c", name = "aio_fsync")
  private int aioFsync(Task current, AioKiocb req, boolean datasync) {
    if (polled
        || iocb.aioBuf != 0
        || iocb.aioOffset != 0
        || iocb.aioNbytes != 0
        || iocb.aioRwFlags != 0) {
      return -Errno.EINVAL;
    }
    File file = state.fileGet(current, iocb.aioFildes);
    if (file == null) {
      return -Errno.EBADF;
    }
    req.kiFilp = file; // before a method that may throw
    if (!file.op().hasFsync()) {
      file.fput();
      return -Errno.EINVAL;
    }
    AioFsync.queue(current, ctx().workQueue(), req, file, datasync);
    return 0;
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_poll")
  private int aioPoll(Task current, AioKiocb req) {
    long mask = iocb.aioBuf;
    if (polled
        || (mask & 0xffff) != mask
        || iocb.aioOffset != 0
        || iocb.aioNbytes != 0
        || iocb.aioRwFlags != 0) {
      return -Errno.EINVAL;
    }
    File file = state.fileGet(current, iocb.aioFildes);
    if (file == null) {
      return -Errno.EBADF;
    }
    req.kiFilp = file; // before a method that may throw
    int result = file.op().preparePoll();
    if (result == 0) {
      result = req.poll().arm(file, (int) mask);
    }
    if (result != 0) {
      file.fput();
    }
    return result;
  }

  /**
   * Reads or writes. The request owns the file's reference from aio_prep_rw until its completion.
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
  private int aioRw(Task current, AioKiocb req, int index, boolean read, boolean vectored) {
    File file = state.fileGet(current, iocb.aioFildes);
    if (file == null) {
      return -Errno.EBADF;
    }
    int result = aioPrepRw(current, req, file);
    if (result == 0) {
      result = checkFile(file, read);
    }
    if (result == 0 && ctx().hasThreads()) {
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
      work.repeat(req);
      return;
    }
    req.work = work;
    req.kiFlags |= Kiocb.IOCB_NOWAIT;
    req.kiComplete = AIO_COMPLETE_RW_INLINE;
    long wanted = iter.count();
    long result = file.op().readIter(current, req, iter);
    // else the repetition would lose what was read
    boolean cut = result >= 0 && result < wanted && file.op().canSeek();
    aioRwDone(req, cut ? -Errno.EAGAIN : result);
  }

  /**
   * Retries an attempted read, which may now block. The result becomes its event. By a worker,
   * inside a batch.
   */
  void repeat(Task current, AioKiocb req, int index) {
    req.kiFlags &= ~(Kiocb.IOCB_NOWAIT | Kiocb.IOCB_NO_TAG);
    req.kiComplete = AIO_COMPLETE_RW;
    req.kiPos = iocb.aioOffset;
    int generation = req.generation();
    long obj = req.userObj;
    FixedBuffers fixed = buffers;
    IovIter iter = fixed == null ? current.iovecIter() : bvecIter;
    boolean vectored = iocb.aioLioOpcode == AioAbi.IOCB_CMD_PREADV;
    long count = 0;
    long result;
    try {
      result = aioSetupRw(current, fixed, index, true, vectored, iter);
      count = iter.count();
      if (result == 0) {
        result = req.file().op().readIter(current, req, iter);
      }
    } catch (Throwable e) {
      consumed = iter.count() != count;
      if (abandon(req, generation, false)) {
        fail(current, obj, -Errno.EIO);
      }
      throw e;
    }
    aioRwDone(req, result);
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
  private static void aioRwDone(AioKiocb req, long result) {
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
  static void aioCompleteRw(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    File file = req.file();
    req.kiFilp = null; // with kiComplete still there: completed
    file.fput();
    req.ctx().complete(req, res, res2);
  }

  /** Completes an attempt, or queues a retry for a worker. From any context. */
  private static void aioCompleteRwInline(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    SqWork work = req.work;
    assert work != null : "an attempt that was completed twice";
    req.work = null;
    if (res == -Errno.EAGAIN) {
      work.repeat(req);
      return;
    }
    work.free();
    aioCompleteRw(req, res, res2);
  }

  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete_rw_poll")
  private static void aioCompleteRwPoll(Kiocb iocb, long res, long res2) {
    ((AioKiocb) iocb).markPolled(res, res2);
  }
}
