// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** The events of the block layer. Called only while the trace points are on. */
@LinuxSource(file = "include/trace/events/block.h")
final class BlockTrace {
  private BlockTrace() {}

  private static long sectors(int bytes) {
    return bytes >> BlkTypes.SECTOR_SHIFT;
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_bio_queue")
  static void bioQueue(@Nullable Task current, Bio bio) {
    Trace.event(
        TracePoint.BLOCK_BIO_QUEUE,
        current,
        bio.traceId(),
        bio,
        bio.bdev().dev(),
        bio.sector(),
        sectors(bio.size()),
        bio.opf());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_split")
  static void split(@Nullable Task current, Bio piece, Bio rest) {
    Trace.event(
        TracePoint.BLOCK_SPLIT,
        current,
        piece.traceId(),
        piece,
        piece.bdev().dev(),
        piece.sector(),
        rest.sector(),
        piece.opf());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_getrq")
  static void getrq(Request request, Bio bio) {
    Trace.event(
        TracePoint.BLOCK_GETRQ,
        null,
        bio.traceId(),
        request,
        bio.bdev().dev(),
        bio.sector(),
        sectors(bio.size()),
        bio.opf(),
        request.hctx().index(),
        request.tag());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_bio_backmerge")
  static void bioBackmerge(Request request, Bio bio) {
    Trace.event(
        TracePoint.BLOCK_BIO_BACKMERGE,
        null,
        bio.traceId(),
        bio,
        bio.bdev().dev(),
        bio.sector(),
        sectors(bio.size()),
        bio.opf(),
        request.hctx().index(),
        request.tag());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_plug")
  static void plug(Plug plug, Bio bio) {
    Trace.event(TracePoint.BLOCK_PLUG, null, bio.traceId(), plug, bio.bdev().dev());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_unplug")
  static void unplug(Request chain, int requests) {
    Bio bio = chain.tracedBio();
    Trace.event(TracePoint.BLOCK_UNPLUG, null, bio.traceId(), chain, bio.bdev().dev(), requests);
  }

  /** The events of a chain of requests: BLOCK_RQ_INSERT, BLOCK_RQ_ISSUE or BLOCK_RQ_REQUEUE. */
  @LinuxSource(
      file = "include/trace/events/block.h",
      name = {"trace_block_rq_insert", "trace_block_rq_issue", "trace_block_rq_requeue"})
  static void requests(TracePoint point, Request chain) {
    for (Request request = chain; request != null; request = request.next) {
      Bio bio = request.tracedBio();
      int bytes = request.bytes();
      Trace.event(
          point,
          null,
          bio.traceId(),
          request,
          bio.bdev().dev(),
          bio.sector(),
          sectors(bytes),
          bytes,
          request.bio().opf(),
          request.hctx().index(),
          request.tag());
    }
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_rq_complete")
  static void rqComplete(Request request, int error) {
    Bio bio = request.tracedBio();
    Trace.event(
        TracePoint.BLOCK_RQ_COMPLETE,
        null,
        bio.traceId(),
        request,
        bio.bdev().dev(),
        bio.sector(),
        sectors(request.bytes()),
        error,
        bio.opf(),
        request.hctx().index(),
        request.tag());
  }

  @LinuxSource(file = "include/trace/events/block.h", name = "trace_block_bio_complete")
  static void bioComplete(Bio bio) {
    Trace.event(
        TracePoint.BLOCK_BIO_COMPLETE,
        null,
        bio.traceId(),
        bio,
        bio.bdev().dev(),
        bio.sector(),
        sectors(bio.size()),
        bio.status(),
        bio.opf());
  }
}
