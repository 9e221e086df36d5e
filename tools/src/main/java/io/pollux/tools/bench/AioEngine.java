// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserMemory;

/**
 * I/O through io_submit and io_getevents, the calls before the rings. With USERIOCB the iocbs are
 * mapped at setup and named by index. Any free iocb may be used next, so none waits for another.
 */
final class AioEngine implements Engine {
  private final Job job;
  private final Program program;
  private final boolean userIocb;
  private final boolean mixed;
  private final int depth;
  private final int batchSubmit;
  private final int batchComplete;
  private final int blockSize;

  private final UserMemory memory;
  private final long iocbs;
  private final long events;
  private final long batch; // the argument of io_submit: pointers, or indices
  private final long buffers;
  private final long context;

  private final int[] free;
  private int frees;
  private int prepared; // I/Os in the batch
  private int inFlight; // I/Os accepted
  private long submitted;
  private long calls;

  AioEngine(Plan plan, Program program, int fd, Job job) {
    this.job = job;
    this.program = program;
    userIocb = plan.mode() == Plan.Mode.USERIOCB;
    mixed = plan.pattern() == Plan.Pattern.RANDRW;
    depth = plan.depth();
    batchSubmit = plan.batchSubmit();
    batchComplete = plan.batchComplete();
    blockSize = plan.blockSize();

    long iocbBytes = UserMemory.pageAlign(depth * Iocb.SIZE);
    long eventBytes = UserMemory.pageAlign(depth * IoEvent.SIZE);
    long batchBytes = UserMemory.pageAlign((long) batchSubmit * Long.BYTES);
    long bufferBytes = UserMemory.pageAlign((long) depth * blockSize);
    memory =
        UserMemory.map(program, iocbBytes + eventBytes + batchBytes + bufferBytes + Long.BYTES);
    iocbs = memory.address();
    events = iocbs + iocbBytes;
    batch = events + eventBytes;
    buffers = batch + batchBytes;

    short opcode =
        (short) (plan.pattern().writes() ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD);
    free = new int[depth];
    for (int i = 0; i < depth; i++) {
      free[frees++] = i;
      Iocb.aioLioOpcode(iocb(i), opcode);
      Iocb.aioFildes(iocb(i), fd);
      Iocb.aioBuf(iocb(i), buffer(i));
      Iocb.aioNbytes(iocb(i), blockSize);
      Iocb.aioFlags(iocb(i), plan.polled() ? AioAbi.IOCB_FLAG_HIPRI : 0);
    }
    context = setup(plan, buffers + bufferBytes);
  }

  private long setup(Plan plan, long contextPointer) {
    int flags =
        (userIocb ? AioAbi.IOCTX_FLAG_USERIOCB : 0)
            | (plan.polled() ? AioAbi.IOCTX_FLAG_IOPOLL : 0)
            | (plan.fixedBufs() ? AioAbi.IOCTX_FLAG_FIXEDBUFS : 0);
    long error =
        flags == 0
            ? program.syscall(Nr.IO_SETUP, depth, contextPointer)
            : program.syscall(Nr.IO_SETUP2, depth, flags, iocbs, 0, 0, contextPointer);
    if (error < 0) {
      memory.close();
      throw new SyscallException(flags == 0 ? "io_setup" : "io_setup2", (int) -error);
    }
    return RawMemory.getLong(contextPointer);
  }

  private long iocb(int index) {
    return iocbs + index * Iocb.SIZE;
  }

  private long buffer(int index) {
    return buffers + (long) index * blockSize;
  }

  @Override
  public void run() {
    boolean working = true;
    while (working) {
      fill();
      if (prepared + inFlight == 0) {
        break;
      }
      working = prepared == 0 || submit();
      working = working && getEvents();
      job.batchDone(submitted, calls, 0, 0);
    }
  }

  private void fill() {
    if (!job.more()) {
      return;
    }
    while (prepared < batchSubmit && frees > 0 && job.next()) {
      int index = free[--frees];
      Iocb.aioOffset(iocb(index), job.offset());
      if (mixed) {
        Iocb.aioLioOpcode(
            iocb(index), (short) (job.write() ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD));
      }
      job.issue(index, buffer(index));
      RawMemory.putLong(batch + (long) prepared * Long.BYTES, userIocb ? index : iocb(index));
      prepared++;
    }
  }

  private boolean submit() {
    long accepted = program.syscall(Nr.IO_SUBMIT, context, prepared, batch);
    calls++;
    if (accepted == -Errno.EAGAIN || accepted == -Errno.EINTR) {
      return true; // retry after a completion
    }
    if (accepted < 0) {
      job.fatal("io_submit", (int) -accepted);
      return false;
    }
    submitted += accepted;
    inFlight += (int) accepted;
    prepared -= (int) accepted;
    if (prepared > 0) { // submit the rest first next time
      RawMemory.copy(batch + accepted * Long.BYTES, batch, (long) prepared * Long.BYTES);
    }
    return true;
  }

  private boolean getEvents() {
    if (inFlight == 0) {
      Thread.onSpinWait(); // other threads hold all requests
      return true;
    }
    boolean room = prepared == 0 && inFlight + batchSubmit <= depth && job.more();
    if (room) {
      return true; // another whole batch fits
    }
    long count =
        program.syscall(
            Nr.IO_GETEVENTS, context, Math.min(inFlight, batchComplete), depth, events, 0, 0);
    calls++;
    if (count == -Errno.EINTR) {
      return true;
    }
    if (count < 0) {
      job.fatal("io_getevents", (int) -count);
      return false;
    }
    for (int i = 0; i < count; i++) {
      complete(events + i * IoEvent.SIZE);
    }
    return true;
  }

  private void complete(long event) {
    long obj = IoEvent.obj(event);
    int index = (int) (userIocb ? obj : (obj - iocbs) / Iocb.SIZE);
    job.complete(index, buffer(index), IoEvent.res(event));
    free[frees++] = index;
    inFlight--;
  }

  @Override
  public void close() {
    SyscallException.check("io_destroy", program.syscall(Nr.IO_DESTROY, context));
    memory.close();
  }
}
