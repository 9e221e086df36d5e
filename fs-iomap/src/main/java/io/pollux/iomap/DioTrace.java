// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** The events of direct I/O. Called only while the trace points are on. */
@LinuxSource(file = "fs/iomap/trace.h")
final class DioTrace {
  private DioTrace() {}

  @LinuxSource(file = "fs/iomap/trace.h", name = "trace_iomap_dio_rw_begin")
  static void rwBegin(Task current, Kiocb iocb, long count) {
    Inode inode = iocb.file().inode();
    Trace.event(
        TracePoint.IOMAP_DIO_RW_BEGIN,
        current,
        iocb.traceId(),
        iocb,
        inode.sb().dev(),
        inode.ino(),
        inode.size(),
        iocb.kiPos,
        count,
        iocb.kiFlags,
        iocb.isSync() ? 0 : 1);
  }

  @LinuxSource(file = "fs/iomap/trace.h", name = "trace_iomap_dio_complete")
  static void complete(@Nullable Task current, Kiocb iocb, int error, long ret) {
    Inode inode = iocb.file().inode();
    Trace.event(
        TracePoint.IOMAP_DIO_COMPLETE,
        current,
        iocb.traceId(),
        iocb,
        inode.sb().dev(),
        inode.ino(),
        inode.size(),
        iocb.kiPos,
        iocb.kiFlags,
        iocb.isSync() ? 0 : 1,
        error,
        ret);
  }
}
