// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;

/** The events of aio. Called only while the trace points are on. */
final class AioTrace {
  private AioTrace() {}

  /** Also makes the request the one that the task submits. */
  static void submit(Task current, Kioctx ctx, AioKiocb req, IocbCopy iocb) {
    current.setTraceId(req.traceId());
    Trace.event(
        TracePoint.AIO_SUBMIT,
        current,
        req.traceId(),
        req,
        ctx.userId(),
        req.userObj,
        iocb.aioLioOpcode,
        iocb.aioFildes,
        iocb.aioOffset,
        iocb.aioNbytes,
        iocb.aioFlags);
  }

  static void submitFailed(Task current, Kioctx ctx, AioKiocb req, int error) {
    Trace.event(
        TracePoint.AIO_SUBMIT_FAILED,
        current,
        req.traceId(),
        req,
        ctx.userId(),
        req.userObj,
        error);
  }

  static void complete(Kioctx ctx, AioKiocb req, long res, long res2) {
    Trace.event(
        TracePoint.AIO_COMPLETE, null, req.traceId(), req, ctx.userId(), req.userObj, res, res2);
  }

  static void poll(Kioctx ctx, AioKiocb req, boolean spin) {
    Trace.event(
        TracePoint.AIO_POLL, null, req.traceId(), req, ctx.userId(), req.userObj, spin ? 1 : 0);
  }

  static void reap(Kioctx ctx, AioKiocb req) {
    Trace.event(TracePoint.AIO_REAP, null, req.traceId(), req, ctx.userId(), req.userObj, req.res);
  }
}
