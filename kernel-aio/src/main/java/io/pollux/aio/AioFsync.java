// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** One queued IOCB_CMD_FSYNC or FDSYNC. The request owns the file's reference. */
@LinuxSource(file = "fs/aio.c", name = "fsync_iocb")
final class AioFsync extends Slab.Item implements WorkQueue.Work {
  static final Slab<AioFsync> SLAB = new Slab<>(AioFsync::new);

  private @Nullable AioKiocb req;
  private @Nullable File file;
  private boolean datasync;

  private AioFsync() {}

  /** Queues an fsync of a file. A worker executes it and completes the request. */
  static void queue(Task current, WorkQueue workers, AioKiocb req, File file, boolean datasync) {
    AioFsync work = SLAB.alloc(current);
    work.req = req;
    work.file = file;
    work.datasync = datasync;
    workers.queue(work);
  }

  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_fsync_work")
  public void run(Task current) {
    AioKiocb asked = req;
    File target = file;
    assert asked != null && target != null;
    int result;
    try {
      result = target.fsync(current, datasync);
    } catch (Throwable e) {
      Oops.report("aio-work", e, "the fsync fails with EIO" + current.shutDownTarget());
      current.abandonCall();
      result = -Errno.EIO;
    }
    req = null;
    file = null;
    Slab.free(this);
    asked.ctx().complete(asked, result, 0); // last: the context may be freed after this
  }
}
