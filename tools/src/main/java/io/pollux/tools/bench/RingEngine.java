// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.userland.UserRing;

/**
 * I/O through the SQ and CQ rings, as in the series' sample program. It fills in a batch, enters
 * the kernel once to submit it and to wait for a batch of completions, and reads the events.
 *
 * <p>The ring has at least one slot more than I/Os in flight. On a disk that reorders I/Os it has
 * more, because a slow I/O blocks the slots after it; see {@link UserRing}.
 */
final class RingEngine implements Engine {
  private final Job job;
  private final UserRing ring;
  private final int depth;
  private final int batchSubmit;
  private final int batchComplete;
  private final boolean sqPoll;
  private final boolean mixed;

  private long submitted;
  private long calls;

  RingEngine(Plan plan, Program program, int fd, Job job, int slots) {
    this.job = job;
    depth = plan.depth();
    batchSubmit = plan.batchSubmit();
    batchComplete = plan.batchComplete();
    sqPoll = plan.sqPoll();
    mixed = plan.pattern() == Plan.Pattern.RANDRW;
    int flags =
        (plan.polled() ? AioAbi.IOCTX_FLAG_IOPOLL : 0)
            | (plan.fixedBufs() ? AioAbi.IOCTX_FLAG_FIXEDBUFS : 0)
            | (plan.sqThread() || sqPoll ? AioAbi.IOCTX_FLAG_SQTHREAD : 0)
            | (sqPoll ? AioAbi.IOCTX_FLAG_SQPOLL : 0);
    ring = UserRing.setup(program, slots - 1, flags, plan.blockSize());
    short opcode =
        (short) (plan.pattern().writes() ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD);
    for (int slot = 0; slot < slots; slot++) {
      long iocb = ring.iocb(slot); // constant fields are written once
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, opcode);
    }
  }

  /** Returns the number of slots of a plan's ring, which the job needs before the engine exists. */
  static int slots(Plan plan, boolean inOrder) {
    return inOrder ? plan.depth() + 1 : 4 * plan.depth() + 1;
  }

  @Override
  public void run() {
    if (sqPoll) {
      runWithoutCalls();
    } else {
      runWithCalls();
    }
  }

  private void runWithCalls() {
    boolean working = true;
    while (working) {
      fill();
      if (ring.outstanding() == 0) {
        break;
      }
      working = enter();
      reap();
      job.batchDone(submitted, calls, ring.cqHead(), ring.cqTail());
    }
  }

  /** Fills in a batch. */
  private void fill() {
    if (!job.more()) {
      return;
    }
    int room = Math.min(batchSubmit - ring.prepared(), depth - ring.outstanding());
    for (int i = 0; i < room; i++) {
      int slot = ring.take();
      if (slot < 0 || !job.next()) {
        return;
      }
      long iocb = ring.iocb(slot);
      Iocb.aioOffset(iocb, job.offset());
      if (mixed) {
        Iocb.aioLioOpcode(
            iocb, (short) (job.write() ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD));
      }
      job.issue(slot, ring.buffer(slot));
      ring.push();
    }
  }

  /** Makes one call. Returns false if the engine must stop. */
  private boolean enter() {
    int prepared = ring.prepared();
    int outstanding = ring.outstanding();
    // If another whole batch fits, the call does not wait.
    boolean room = prepared > 0 && outstanding + batchSubmit <= depth && job.more();
    long accepted = ring.enter(room ? 0 : Math.min(outstanding, batchComplete));
    calls++;
    if (accepted >= 0) {
      submitted += accepted;
      return true;
    }
    if (accepted == -Errno.EAGAIN || accepted == -Errno.EINTR) {
      // No request is free until a completion. The call accepted nothing and thus waited for
      // nothing.
      if (outstanding > prepared) {
        calls++;
        ring.getEvents(1);
      } else {
        Thread.onSpinWait(); // other threads hold all requests
      }
      return true;
    }
    job.fatal("io_ring_enter", (int) -accepted);
    return false;
  }

  private void reap() {
    for (long event = ring.peek(); event != 0; event = ring.peek()) {
      int slot = ring.slot(event);
      job.complete(slot, ring.buffer(slot), IoEvent.res(event));
      ring.consume(event);
    }
  }

  /**
   * Runs without system calls: the kernel's thread takes entries from one ring and fills the other.
   * This thread fills in whole batches, because the cost of synchronizing the threads is per batch.
   */
  private void runWithoutCalls() {
    int batch = Math.min(batchSubmit, depth);
    while (true) {
      int before = ring.outstanding();
      if (before + batch <= depth) {
        fill();
      }
      int filled = ring.outstanding() - before;
      if (ring.outstanding() == 0) {
        break;
      }
      if (filled == 0) {
        // write nothing here: a write would take the cache lines from the kernel's thread
        Thread.onSpinWait();
      } else {
        submitted += filled;
        long woken = ring.wakeUp();
        if (woken < 0) {
          job.fatal("io_ring_enter", (int) -woken);
          break;
        }
        calls += woken;
      }
      reap();
      job.batchDone(submitted, calls, ring.cqHead(), ring.cqTail());
    }
  }

  @Override
  public void close() {
    ring.close();
  }
}
