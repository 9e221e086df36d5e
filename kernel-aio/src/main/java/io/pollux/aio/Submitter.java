// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
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

  /** The index of a request without one: its event's obj is the address of the iocb. */
  static final int NO_INDEX = -1;

  private final AioSubmitState state = new AioSubmitState();
  private final IocbCopy iocb = new IocbCopy();
  private final BvecIter bvecIter = new BvecIter();
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
    submitter.polled = ctx.polled();
    submitter.accepted = false;
    submitter.retry = false;
    submitter.completed = false;
    submitter.buffers = ctx.buffers();
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
      if (Trace.on()) {
        current.setTraceId(0);
      }
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
    boolean slot = !polled && ctx.ordinary();
    if (slot
        ? !ctx.getReqsAvailable()
        : polled ? ctx.requests() >= ctx.mostRequests() : !accepted && ctx.isFull()) {
      return refuse();
    }
    AioKiocb req = state.getReq(current);
    req.init(ctx, iocb.aioData, obj);
    if (Trace.on()) {
      AioTrace.submit(current, ctx, req, iocb);
    }
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
      if (Trace.on()) {
        AioTrace.submitFailed(current, ctx, req, result);
      }
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
   * Releases what a request holds after its file threw, unless a completion has ended the request
   * at the same time. The file may still reference the request; a later completion posts no event.
   * If a device may have the request, it keeps its file, and teardown waits for it.
   *
   * @param generation of the request, before its file was called
   * @return false if the file had completed the request: it has its event, or a worker retries it
   */
  private boolean abandon(AioKiocb req, int generation, boolean slot) {
    Kioctx ctx = ctx();
    ctx.setFailed();
    boolean inDevice = consumed;
    consumed = false;
    if (polled && req.pollCompleted()) {
      state.issued(req);
      return false;
    }
    // no poller has a polled request yet, and a completion only marks it
    if (!(polled ? req.abandon(generation) : ctx.abandon(req, generation, slot))) {
      return false;
    }
    File file = req.kiFilp; // kept: a device may read it when it completes the request
    File eventfd = req.eventfd;
    req.eventfd = null;
    SqWork work = req.work;
    req.work = null;
    if (work != null) {
      work.free();
    }
    state.forget();
    if (eventfd != null) {
      eventfd.fput();
    }
    if (file == null) {
      return true;
    }
    if (inDevice) {
      ctx.abandoned().add(req, file);
    } else {
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
    String where = Thread.currentThread().getName();
    Oops.report(where, thrown, consequence + current.shutDownTarget());
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
      if (Trace.on()) {
        AioTrace.complete(ctx(), req, errno, 0);
      }
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
    current.setTarget(file.inode().sb());
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
    current.setTarget(file.inode().sb());
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
    int result = AioRw.aioPrepRw(current, iocb, polled, req, file);
    if (result == 0) {
      result = AioRw.checkFile(file, read);
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
        AioRw.aioRwDone(req, file.op().readIter(current, req, iter));
      } else {
        req.kiFlags |= Kiocb.IOCB_WRITE;
        AioRw.aioRwDone(req, file.op().writeIter(current, req, iter));
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
      AioRw.aioRwDone(req, file.op().readIter(current, req, iter));
      return;
    }
    if (!file.canNowait()) {
      req.endUse(req.generation()); // the file has not seen the request
      work.repeat(req);
      return;
    }
    req.work = work;
    req.kiFlags |= Kiocb.IOCB_NOWAIT;
    req.kiComplete = AioRw.AIO_COMPLETE_RW_INLINE;
    long wanted = iter.count();
    long result = file.op().readIter(current, req, iter);
    // a retry would skip data that a file without a position has consumed
    boolean cut = result >= 0 && result < wanted && file.op().canSeek();
    AioRw.aioRwDone(req, cut ? -Errno.EAGAIN : result);
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
   * Retries an attempted read, which may now block. The result becomes its event. By a worker,
   * inside a batch.
   */
  void repeat(Task current, AioKiocb req, int index) {
    int generation = req.generation();
    long obj = req.userObj;
    long result;
    try {
      result = readAgain(current, req, index);
    } catch (Throwable e) {
      if (abandon(req, generation, false)) {
        fail(current, obj, -Errno.EIO);
      }
      throw e;
    }
    AioRw.aioRwDone(req, result);
  }

  /**
   * Retries an attempted read, which may now block. By a worker.
   *
   * @return the result, for {@link AioRw#aioRwDone}
   */
  private long readAgain(Task current, AioKiocb req, int index) {
    req.kiFlags &= ~(Kiocb.IOCB_NOWAIT | Kiocb.IOCB_NO_TAG);
    req.kiComplete = AioRw.AIO_COMPLETE_RW;
    req.kiPos = iocb.aioOffset;
    FixedBuffers fixed = buffers;
    IovIter iter = fixed == null ? current.iovecIter() : bvecIter;
    boolean vectored = iocb.aioLioOpcode == AioAbi.IOCB_CMD_PREADV;
    int result = aioSetupRw(current, fixed, index, true, vectored, iter);
    if (result != 0) {
      return result;
    }
    long count = iter.count();
    if (Trace.on()) {
      current.setTraceId(req.traceId());
    }
    try {
      return req.file().op().readIter(current, req, iter);
    } catch (Throwable e) {
      consumed = iter.count() != count;
      throw e;
    }
  }
}
