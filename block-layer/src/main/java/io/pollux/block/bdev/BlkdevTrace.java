// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Kiocb;

/** The events of direct I/O on a block device. Called only while the trace points are on. */
final class BlkdevTrace {
  private BlkdevTrace() {}

  static void begin(Task current, Kiocb iocb, long count) {
    Trace.event(
        TracePoint.BLKDEV_DIO_BEGIN,
        current,
        iocb.traceId(),
        iocb,
        DefBlkFops.bdev(iocb.file()).dev(),
        iocb.kiPos,
        count,
        iocb.kiFlags,
        iocb.isSync() ? 0 : 1);
  }

  static void complete(Kiocb iocb, int error, long ret) {
    Trace.event(
        TracePoint.BLKDEV_DIO_COMPLETE,
        null,
        iocb.traceId(),
        iocb,
        DefBlkFops.bdev(iocb.file()).dev(),
        iocb.kiPos,
        iocb.kiFlags,
        iocb.isSync() ? 0 : 1,
        error,
        ret);
  }
}
