// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.iomap.Iomap;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** The events of GFS2. Called only while the trace points are on. */
@LinuxSource(file = "fs/gfs2/trace_gfs2.h")
final class Gfs2Trace {
  private Gfs2Trace() {}

  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_iomap_start")
  static void iomapStart(Task current, Gfs2Inode ip, long pos, long length, int flags) {
    Trace.event(
        TracePoint.GFS2_IOMAP_START,
        current,
        Trace.idOf(current),
        ip,
        ip.sb().dev(),
        ip.ino(),
        pos,
        length,
        flags);
  }

  @LinuxSource(file = "include/linux/iomap.h", name = "IOMAP_HOLE")
  private static int type(Iomap.Type type) {
    return switch (type) {
      case HOLE -> 0;
      case DELALLOC -> 1;
      case MAPPED -> 2;
      case UNWRITTEN -> 3;
      case INLINE -> 4;
    };
  }

  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_iomap_end")
  static void iomapEnd(Task current, Gfs2Inode ip, Iomap iomap, int ret) {
    boolean mapped = ret == 0;
    boolean onDevice = mapped && iomap.type() == Iomap.Type.MAPPED;
    Trace.event(
        TracePoint.GFS2_IOMAP_END,
        current,
        Trace.idOf(current),
        ip,
        ip.sb().dev(),
        ip.ino(),
        mapped ? iomap.offset() : 0,
        mapped ? iomap.length() : 0,
        onDevice ? iomap.addr() >> ip.sdp().sb().blockLog : 0,
        mapped ? iomap.flags() : 0,
        mapped ? type(iomap.type()) : 0,
        ret);
  }

  /** A block that the tree does not map, or that could not be looked up, has the number 0. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_bmap")
  static void bmap(
      Task current, Gfs2Inode ip, long fileBlock, @Nullable Gfs2Extents extents, int errno) {
    long block = 0;
    long blocks = 0;
    if (extents != null) {
      int run = extents.find(fileBlock);
      long into = fileBlock - extents.startOff(run);
      long start = extents.startBlock(run);
      block = start == Gfs2Extents.HOLE ? 0 : start + into;
      blocks = extents.endOff(run) - fileBlock;
    }
    Trace.event(
        TracePoint.GFS2_BMAP,
        current,
        Trace.idOf(current),
        ip,
        ip.sb().dev(),
        fileBlock,
        block,
        ip.ino(),
        blocks,
        0,
        errno);
  }

  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_glock_state_change")
  static void stateChange(Task current, Gfs2Glock gl, int from, int to, int demote) {
    Trace.event(
        TracePoint.GFS2_GLOCK_STATE_CHANGE,
        current,
        Trace.idOf(current),
        gl,
        gl.name().number(),
        gl.name().type().code,
        from,
        to,
        demote);
  }

  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_promote")
  static void promote(Task current, Gfs2Glock gl, int state) {
    Trace.event(
        TracePoint.GFS2_PROMOTE,
        current,
        Trace.idOf(current),
        gl,
        gl.name().number(),
        gl.name().type().code,
        state);
  }

  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "trace_gfs2_demote_rq")
  static void demoteRq(Task current, Gfs2Glock gl, int state, int demote, boolean remote) {
    Trace.event(
        TracePoint.GFS2_DEMOTE_RQ,
        current,
        Trace.idOf(current),
        gl,
        gl.name().number(),
        gl.name().type().code,
        state,
        demote,
        remote ? 1 : 0);
  }
}
