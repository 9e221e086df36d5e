// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import java.util.List;

/**
 * The places of the I/O path that a listener sees. Each has the name and, as far as this kernel has
 * them, the fields of Linux's trace event. {@code dev} is a device number as in stat, {@code rwbs}
 * the operation and the flags of a bio, {@code ctx} an aio context's id, {@code obj} the obj of the
 * event of an iocb.
 */
public enum TracePoint {
  /** A request was taken for an iocb, before its file is called. The subject is the AioKiocb. */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events in fs/aio.c. A trace shows each request from its iocb to its"
              + " event.",
      test = "AioTraceTest#aPolledRequestPassesEachPointOnce")
  @LinuxSource(file = "fs/aio.c", name = "io_submit_one")
  AIO_SUBMIT("aio_submit", "ctx", "obj", "opcode", "fd", "pos", "bytes", "aio_flags"),

  /**
   * A submission failed, and nothing is left of the request. No other event follows. The subject is
   * the AioKiocb.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events in fs/aio.c. A trace shows each request from its iocb to its"
              + " event.",
      test = "AioTraceTest#aRequestWithoutAFileFails")
  @LinuxSource(file = "fs/aio.c", name = "io_submit_one")
  AIO_SUBMIT_FAILED("aio_submit_failed", "ctx", "obj", "error"),

  /**
   * The file has completed the request, before its event is posted or its poller sees it. The
   * subject is the AioKiocb.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events in fs/aio.c. A trace shows each request from its iocb to its"
              + " event.",
      test = "AioTraceTest#aPolledRequestPassesEachPointOnce")
  @LinuxSource(
      file = "fs/aio.c",
      name = {"aio_complete", "aio_complete_rw_poll"})
  AIO_COMPLETE("aio_complete", "ctx", "obj", "res", "res2"),

  /**
   * The poller begins to poll for a request. Once for a request, however often it is polled. The
   * subject is the AioKiocb.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events in fs/aio.c. A trace shows each request from its iocb to its"
              + " event.",
      test = "AioTraceTest#aPolledRequestPassesEachPointOnce")
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_getevents")
  AIO_POLL("aio_poll", "ctx", "obj", "spin"),

  /**
   * The event of a polled request was stored, before the request is freed. The subject is the
   * AioKiocb.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events in fs/aio.c. A trace shows each request from its iocb to its"
              + " event.",
      test = "AioTraceTest#aPolledRequestPassesEachPointOnce")
  @LinuxSource(file = "fs/aio.c", name = "aio_iopoll_reap")
  AIO_REAP("aio_reap", "ctx", "obj", "res"),

  /** A direct request begins. The subject is the Kiocb. */
  @Differs(
      kind = Differs.Kind.LATER,
      why = "Linux traces direct I/O since 2023. The name and the fields are those.",
      test = "DioTraceTest#aDirectReadBeginsAndCompletes")
  @LinuxSource(file = "fs/iomap/trace.h", name = "iomap_dio_rw_begin")
  IOMAP_DIO_RW_BEGIN(
      "iomap_dio_rw_begin", "dev", "ino", "isize", "pos", "count", "ki_flags", "aio"),

  /** A direct request has its result, before it calls its owner. The subject is the Kiocb. */
  @Differs(
      kind = Differs.Kind.LATER,
      why = "Linux traces direct I/O since 2023. The name and the fields are those.",
      test = "DioTraceTest#aDirectReadBeginsAndCompletes")
  @LinuxSource(file = "fs/iomap/trace.h", name = "iomap_dio_complete")
  IOMAP_DIO_COMPLETE(
      "iomap_dio_complete", "dev", "ino", "isize", "pos", "ki_flags", "aio", "error", "ret"),

  /** A direct request on a block device begins. The subject is the Kiocb. */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events for direct I/O on a block device. A trace of Pollux shows"
              + " these requests like those on a file.",
      test = "BlkdevTraceTest#aDirectReadBeginsAndCompletes")
  @LinuxSource(file = "fs/block_dev.c", name = "__blkdev_direct_IO")
  BLKDEV_DIO_BEGIN("blkdev_dio_begin", "dev", "pos", "count", "ki_flags", "aio"),

  /**
   * A direct request on a block device has its result, before it calls its owner. The subject is
   * the Kiocb.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Linux has no trace events for direct I/O on a block device. A trace of Pollux shows"
              + " these requests like those on a file.",
      test = "BlkdevTraceTest#aDirectReadBeginsAndCompletes")
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_bio_end_io")
  BLKDEV_DIO_COMPLETE("blkdev_dio_complete", "dev", "pos", "ki_flags", "aio", "error", "ret"),

  /** A bio enters the queue of its device, before it is split or merged. The subject is the Bio. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_bio_queue")
  BLOCK_BIO_QUEUE("block_bio_queue", "dev", "sector", "nr_sector", "rwbs"),

  /**
   * A piece was split off the front of a bio, which now begins at new_sector. The subject is the
   * piece, a Bio.
   */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_split")
  BLOCK_SPLIT("block_split", "dev", "sector", "new_sector", "rwbs"),

  /** A bio got a request and its tag. The subject is the Request. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_getrq")
  BLOCK_GETRQ("block_getrq", "dev", "sector", "nr_sector", "rwbs", "hctx", "tag"),

  /** A bio joined the request of the bio before it. The subject is the Bio. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_bio_backmerge")
  BLOCK_BIO_BACKMERGE("block_bio_backmerge", "dev", "sector", "nr_sector", "rwbs", "hctx", "tag"),

  /** A plug has got its first request. The subject is the Plug. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_plug")
  BLOCK_PLUG("block_plug", "dev"),

  /** A plug passes its requests of one hardware queue on. The subject is the first Request. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_unplug")
  BLOCK_UNPLUG("block_unplug", "dev", "nr_rq"),

  /** A request waits behind others that the driver handed back. The subject is the Request. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_rq_insert")
  BLOCK_RQ_INSERT("block_rq_insert", "dev", "sector", "nr_sector", "bytes", "rwbs", "hctx", "tag"),

  /** A request goes to the driver. The subject is the Request. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_rq_issue")
  BLOCK_RQ_ISSUE("block_rq_issue", "dev", "sector", "nr_sector", "bytes", "rwbs", "hctx", "tag"),

  /** The driver hands a request back. The subject is the Request. */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_rq_requeue")
  BLOCK_RQ_REQUEUE(
      "block_rq_requeue", "dev", "sector", "nr_sector", "bytes", "rwbs", "hctx", "tag"),

  /**
   * The driver has completed a request, before its tag is put and its bios complete. The subject is
   * the Request.
   */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_rq_complete")
  BLOCK_RQ_COMPLETE(
      "block_rq_complete", "dev", "sector", "nr_sector", "error", "rwbs", "hctx", "tag"),

  /**
   * A bio and all its pieces have completed, before its owner is called. The subject is the Bio.
   */
  @LinuxSource(file = "include/trace/events/block.h", name = "block_bio_complete")
  BLOCK_BIO_COMPLETE("block_bio_complete", "dev", "sector", "nr_sector", "error", "rwbs"),

  /**
   * XFS has mapped a position to an extent that exists, or to a hole, where startblock is -1. In
   * blocks of the filesystem from startoff on. The subject is the XfsInode.
   */
  @LinuxSource(file = "fs/xfs/xfs_trace.h", name = "xfs_iomap_found")
  XFS_IOMAP_FOUND(
      "xfs_iomap_found",
      "dev",
      "ino",
      "size",
      "offset",
      "count",
      "startoff",
      "startblock",
      "blockcount"),

  /** GFS2 begins to map a position. The subject is the Gfs2Inode. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_iomap_start")
  GFS2_IOMAP_START("gfs2_iomap_start", "dev", "inum", "pos", "length", "flags"),

  /** GFS2 has mapped a position, or failed. The subject is the Gfs2Inode. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_iomap_end")
  GFS2_IOMAP_END(
      "gfs2_iomap_end", "dev", "inum", "offset", "length", "pblock", "flags", "type", "ret"),

  /** GFS2 has walked the tree of a file for a block, or failed. The subject is the Gfs2Inode. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_bmap")
  GFS2_BMAP("gfs2_bmap", "dev", "lblock", "pblock", "inum", "len", "create", "errno"),

  /** The lock module has answered: the state of a glock changes. The subject is the Gfs2Glock. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_glock_state_change")
  GFS2_GLOCK_STATE_CHANGE(
      "gfs2_glock_state_change", "glnum", "gltype", "cur_state", "new_state", "dmt_state"),

  /** A task got a glock, and continues. The subject is the Gfs2Glock. */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_promote")
  GFS2_PROMOTE("gfs2_promote", "glnum", "gltype", "state"),

  /**
   * A glock is to be demoted, for another node or for a holder here. The subject is the Gfs2Glock.
   */
  @LinuxSource(file = "fs/gfs2/trace_gfs2.h", name = "gfs2_demote_rq")
  GFS2_DEMOTE_RQ("gfs2_demote_rq", "glnum", "gltype", "cur_state", "dmt_state", "remote");

  private final String cName;

  @SuppressWarnings("ImmutableEnumChecker") // List.of
  private final List<String> fields;

  TracePoint(String cName, String... fields) {
    this.cName = cName;
    this.fields = List.of(fields);
  }

  /** {@return the name of the trace event, such as block_rq_issue} */
  public String cName() {
    return cName;
  }

  /** {@return the names of the numbers of its events, in their order} */
  public List<String> fields() {
    return fields;
  }

  /** {@return the part of the kernel: the first word of the name} */
  public String area() {
    return cName.substring(0, cName.indexOf('_'));
  }
}
