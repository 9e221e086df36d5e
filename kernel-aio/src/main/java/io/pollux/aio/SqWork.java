// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the SQ ring that a worker executes (SQWQ): a copy of its iocb, and its context. A
 * worker also retries a read that would have blocked in place; the request stays the same.
 */
@Differs(
    kind = Differs.Kind.OURS,
    why =
        "SQWQ executes entries in workers, after an attempt in place for reads. The posting has no"
            + " workers.",
    test = "EagainTest#aReadThatIsShortOnlyBecauseItMustNotBlockIsRepeatedByAWorker")
@LinuxSource(file = "fs/aio.c", name = "aio_sq_wq_submit_work")
final class SqWork extends Slab.Item implements WorkQueue.Work {
  static final Slab<SqWork> SLAB = new Slab<>(SqWork::new);

  private final IocbCopy iocb = new IocbCopy();
  private @Nullable Kioctx ctx;
  private @Nullable WorkQueue workers;
  private @Nullable AioKiocb attempted;
  private int index;

  private SqWork() {}

  /** Copies an iocb. The caller then calls {@link #queue}, {@link #repeat} or {@link #free}. */
  static SqWork of(Task current, Kioctx ctx, WorkQueue workers, IocbCopy iocb, int index) {
    SqWork work = SLAB.alloc(current);
    work.ctx = ctx;
    work.workers = workers;
    work.index = index;
    work.iocb.copyFrom(iocb);
    return work;
  }

  /** Queues the iocb for a worker. It counts as in flight from here on. */
  void queue() {
    Kioctx owner = ctx;
    WorkQueue to = workers;
    assert owner != null && to != null : "a work that has ended";
    owner.iocbGetMany(1);
    to.queue(this);
  }

  /**
   * Queues a retry of an attempt for a worker, which then owns the request. The request stays in
   * flight. From any context.
   */
  void repeat(AioKiocb req) {
    attempted = req;
    queue();
  }

  /** Frees the work, which no worker may hold. From any context. */
  void free() {
    ctx = null;
    workers = null;
    attempted = null;
    Slab.free(this);
  }

  @Override
  public void run(Task current) {
    Kioctx owner = ctx;
    assert owner != null;
    try {
      submit(current, owner);
    } catch (Throwable e) {
      owner.setFailed();
      throw e;
    } finally {
      free();
      owner.iocbPutMany(1); // last: the context may be freed after this
    }
  }

  private void submit(Task current, Kioctx owner) {
    Submitter submitter = Submitter.start(current, owner, 1);
    try {
      submitter.iocb().copyFrom(iocb);
      AioKiocb req = attempted;
      if (req != null) {
        submitter.repeat(current, req, index);
        return;
      }
      int result;
      try {
        result = submitter.submitAccepted(current, index);
      } catch (Throwable e) {
        result = submitter.oops(current, e);
      }
      if (result != 0) {
        submitter.fail(current, index, result);
      }
    } finally {
      submitter.end(current);
    }
  }
}
