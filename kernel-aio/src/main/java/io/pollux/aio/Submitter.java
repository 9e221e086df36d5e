// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.block.BvecIter;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The way of one request from an iocb to its file. One for each context; belongs to who is inside.
 *
 * <p>The iocb is copied before it is looked at, so that a program that changes it meanwhile changes nothing.
 */
final class Submitter {
  private static final KiComplete AIO_COMPLETE_RW = Submitter::aioCompleteRw;
  private static final KiComplete AIO_COMPLETE_RW_POLL = Submitter::aioCompleteRwPoll;

  private static final int IOPRIO_CLASS_SHIFT = 13;
  private static final int IOPRIO_CLASS_RT = 1;
  private static final int IOPRIO_CLASS_BE = 2;
  private static final int IOPRIO_CLASS_IDLE = 3;
  private static final int IOPRIO_BE_NR = 8;

  private final Kioctx ctx;
  private final boolean polled;
  private final @Nullable FixedBuffers buffers;
  private final AioSubmitState state;
  private final BvecIter bvecIter = new BvecIter();
  private final long copy; // kernel memory for one iocb

  /** For a context whose buffers, if it has fixed ones, are pinned. */
  Submitter(Kioctx ctx, boolean polled, @Nullable FixedBuffers buffers, AioSubmitState state, long copy) {
    this.ctx = ctx;
    this.polled = polled;
    this.buffers = buffers;
    this.state = state;
    this.copy = copy;
  }

  /**
   * Submits one request. From process context, inside a batch.
   *
   * @param iocb address of an iocb that is mapped; the program may write to it meanwhile
   * @param index of the iocb in the ring
   * @return 0, or a negative errno with nothing left of the request
   */
  @Patch({7, 11, 16})
  @LinuxSource(file = "fs/aio.c", name = {"io_submit_one", "__io_submit_one"})
  int submitOne(Task current, long iocb, int index) {
    RawMemory.copy(iocb, copy, Iocb.SIZE);
    if (Iocb.aioReserved2(copy) != 0 || Iocb.aioNbytes(copy) < 0) {
      return -Errno.EINVAL;
    }
    if (ctx.requests() >= AioAbi.AIO_MAX_NR) {
      return -Errno.EAGAIN;
    }
    AioKiocb req = state.getReq(current);
    req.init(ctx, Iocb.aioData(copy), index);
    int result = start(current, req, index);
    if (result == 0 && polled) {
      if (req.pollAgain()) { // the device had no request free: the program reaps first
        req.file().fput();
        result = -Errno.EAGAIN;
      } else {
        state.issued(req);
      }
    }
    if (result != 0) {
      state.unget(req);
    }
    return result;
  }

  private int start(Task current, AioKiocb req, int index) {
    int flags = Iocb.aioFlags(copy);
    if ((flags & AioAbi.IOCB_FLAG_RESFD) != 0) {
      return badEventfd(current, Iocb.aioResfd(copy));
    }
    return switch (Iocb.aioLioOpcode(copy)) {
      case AioAbi.IOCB_CMD_PREAD -> aioRw(current, req, index, true, false);
      case AioAbi.IOCB_CMD_PWRITE -> aioRw(current, req, index, false, false);
      case AioAbi.IOCB_CMD_PREADV -> aioRw(current, req, index, true, true);
      case AioAbi.IOCB_CMD_PWRITEV -> aioRw(current, req, index, false, true);
      default -> -Errno.EINVAL;
    };
  }

  /** No file of this kernel is an eventfd yet, so every descriptor is either bad or of the wrong kind. */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx_fdget")
  private static int badEventfd(Task current, int fd) {
    File file = current.files().fget(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    file.fput();
    return -Errno.EINVAL;
  }

  /** Reads or writes. The file's reference is the request's from aio_prep_rw to its completion. */
  @LinuxSource(file = "fs/aio.c", name = {"aio_read", "aio_write"})
  private int aioRw(Task current, AioKiocb req, int index, boolean read, boolean vectored) {
    File file = state.fileGet(current, Iocb.aioFildes(copy));
    if (file == null) {
      return -Errno.EBADF;
    }
    int result = aioPrepRw(req, file);
    if (result == 0) {
      result = checkFile(file, read);
    }
    IovIter iter = buffers == null ? current.iovecIter() : bvecIter;
    if (result == 0) {
      result = aioSetupRw(current, index, read, vectored, iter);
    }
    if (result == 0 && (req.kiPos < 0 || req.kiPos + iter.count() < 0)) {
      result = -Errno.EINVAL; // C: rw_verify_area
    }
    if (result != 0) {
      file.fput();
      return result;
    }
    if (read) {
      aioRwDone(req, file.op().readIter(current, req, iter));
    } else {
      req.kiFlags |= Kiocb.IOCB_WRITE;
      aioRwDone(req, file.op().writeIter(current, req, iter));
    }
    return 0;
  }

  private static int checkFile(File file, boolean read) {
    if (!(read ? file.readable() : file.writable())) {
      return -Errno.EBADF;
    }
    return (read ? file.op().hasReadIter() : file.op().hasWriteIter()) ? 0 : -Errno.EINVAL;
  }

  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_prep_rw")
  private int aioPrepRw(AioKiocb req, File file) {
    boolean hipri = (Iocb.aioFlags(copy) & AioAbi.IOCB_FLAG_HIPRI) != 0;
    req.init(file, hipri ? AIO_COMPLETE_RW_POLL : AIO_COMPLETE_RW);
    req.kiPos = Iocb.aioOffset(copy);
    if ((Iocb.aioFlags(copy) & AioAbi.IOCB_FLAG_IOPRIO) != 0) {
      int result = ioprioCheckCap(Short.toUnsignedInt(Iocb.aioReqprio(copy)));
      if (result != 0) {
        return result;
      }
      req.kiIoprio = Iocb.aioReqprio(copy);
    }
    int result = req.setRwFlags(Iocb.aioRwFlags(copy));
    if (result != 0) {
      return result;
    }
    if (hipri != polled) { // polled and other requests never mix on a context
      return -Errno.EINVAL;
    }
    if (!hipri) {
      req.kiFlags &= ~Kiocb.IOCB_HIPRI; // nobody is going to poll for it
      return 0;
    }
    if (!req.has(Kiocb.IOCB_DIRECT) || !file.op().hasIopoll()) {
      return -Errno.EOPNOTSUPP;
    }
    req.kiFlags |= Kiocb.IOCB_HIPRI;
    return 0;
  }

  /** Checks a priority. Programs here have every right (root), a real-time class included. */
  @LinuxSource(file = "block/ioprio.c", name = "ioprio_check_cap")
  private static int ioprioCheckCap(int ioprio) {
    int level = ioprio & ((1 << IOPRIO_CLASS_SHIFT) - 1);
    return switch (ioprio >> IOPRIO_CLASS_SHIFT) {
      case IOPRIO_CLASS_RT, IOPRIO_CLASS_BE -> level < IOPRIO_BE_NR ? 0 : -Errno.EINVAL;
      case IOPRIO_CLASS_IDLE -> 0;
      case 0 -> level == 0 ? 0 : -Errno.EINVAL; // IOPRIO_CLASS_NONE
      default -> -Errno.EINVAL;
    };
  }

  @Patch(24)
  @LinuxSource(file = "fs/aio.c", name = "aio_setup_rw")
  private int aioSetupRw(Task current, int index, boolean read, boolean vectored, IovIter iter) {
    long buf = Iocb.aioBuf(copy);
    long nbytes = Iocb.aioNbytes(copy);
    FixedBuffers fixed = buffers;
    if (fixed != null) {
      return vectored ? -Errno.EINVAL : fixed.iter(index, read, buf, nbytes, (BvecIter) iter);
    }
    IovecIter iovec = (IovecIter) iter;
    return vectored
        ? iovec.importIovec(current.mm(), read, buf, nbytes)
        : iovec.importSingleRange(current.mm(), read, buf, nbytes);
  }

  /** Completes a request that the file finished at once. */
  @Patch(6)
  @LinuxSource(file = "fs/aio.c", name = "aio_rw_done")
  private static void aioRwDone(AioKiocb req, long result) {
    if (result != -Kiocb.EIOCBQUEUED) {
      KiComplete handler = req.kiComplete;
      assert handler != null;
      handler.complete(req, result, 0);
    }
  }

  @Patch(6)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete_rw")
  private static void aioCompleteRw(Kiocb iocb, long res, long res2) {
    AioKiocb req = (AioKiocb) iocb;
    req.file().fput();
    req.ctx().complete(req, res, res2);
  }

  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete_rw_poll")
  private static void aioCompleteRwPoll(Kiocb iocb, long res, long res2) {
    ((AioKiocb) iocb).markPolled(res, res2);
  }

  /** Lets go of the kernel memory. */
  static void freeCopy(long copy) {
    HostMemory.unmap(copy, HostMemory.PAGE_SIZE);
  }
}
