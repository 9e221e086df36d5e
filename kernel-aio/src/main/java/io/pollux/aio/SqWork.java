// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** An entry of the SQ ring on its way to a worker (SQWQ): its iocb, copied, and its context. */
@LinuxSource(file = "fs/aio.c", name = "aio_sq_wq_submit_work")
final class SqWork extends Slab.Item implements WorkQueue.Work {
  private static final Slab<SqWork> SLAB = new Slab<>(SqWork::new);

  private final IocbCopy iocb = new IocbCopy();
  private @Nullable Kioctx ctx;
  private int index;

  private SqWork() {}

  /** Sends the iocb that a submitter has copied to the workers. Counts as in flight from here on. */
  static void queue(Task current, Kioctx ctx, WorkQueue workers, Submitter submitter, int index) {
    SqWork work = SLAB.alloc(current);
    work.ctx = ctx;
    work.index = index;
    work.iocb.copyFrom(submitter.iocb());
    ctx.iocbGetMany(1);
    workers.queue(work);
  }

  @Override
  public void run(Task current) {
    Kioctx owner = ctx;
    assert owner != null;
    Submitter submitter = Submitter.start(current, owner, 1);
    submitter.iocb().copyFrom(iocb);
    int result = submitter.submitOne(current, index, index, 0);
    if (result != 0) {
      submitter.fail(current, index, result);
    }
    submitter.end(current);
    ctx = null;
    Slab.free(this);
    owner.iocbPutMany(1); // last: the context may go after it
  }
}
