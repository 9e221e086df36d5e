// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.SleepHook;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskPlug;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * The state of one batch: a plug, requests counted in bulk, file references taken in bulk, and
 * issued requests. The issued polled requests are not yet on the context's list. {@link #start} and
 * {@link #end} bracket a batch.
 */
@Patch(16)
@LinuxSource(file = "fs/aio.c", name = "aio_submit_state")
final class AioSubmitState implements SleepHook {
  private @Nullable Kioctx batchOf;
  private @Nullable TaskPlug plug; // created by the first batch that is plugged
  private boolean plugged;

  // Issued polled requests.
  private @Nullable AioKiocb reqHead;
  private @Nullable AioKiocb reqTail;
  private int reqCount;
  private boolean anyDone; // one of these was complete when it was issued

  private int countedAhead; // requests that the context counts and that were not yet taken

  // References to one file, taken for the batch.
  private @Nullable File file;
  private int fd;
  private int hasRefs;
  private int usedRefs;
  private int iosLeft;

  AioSubmitState() {}

  private Kioctx ctx() {
    Kioctx ctx = batchOf;
    assert ctx != null : "outside a batch";
    return ctx;
  }

  /** Starts a batch of a number of requests. A small batch is not plugged. */
  @Patch(9)
  @LinuxSource(file = "fs/aio.c", name = "aio_submit_state_start")
  void start(Task current, Kioctx ctx, int nr) {
    batchOf = ctx;
    iosLeft = nr;
    plugged = nr > AioAbi.AIO_PLUG_THRESHOLD && startPlug(current, ctx);
  }

  private boolean startPlug(Task current, Kioctx ctx) {
    TaskPlug mine = plug;
    if (mine == null) {
      mine = ctx.newPlug();
      plug = mine;
    }
    if (!mine.start(current)) {
      return false;
    }
    mine.setCallback(this);
    return true;
  }

  /** Whether this batch owns the task's plug. */
  boolean plugs() {
    return plugged;
  }

  /** Finishes a batch and releases all that it holds. */
  @LinuxSource(file = "fs/aio.c", name = "aio_submit_state_end")
  void end(Task current) {
    try {
      TaskPlug mine = plug;
      if (plugged && mine != null) {
        plugged = false;
        mine.finish(current);
      }
    } finally {
      flushReqs();
      filePutUnused();
      int unused = countedAhead;
      countedAhead = 0;
      ctx().iocbPutMany(unused); // last: the context may be freed after this
      batchOf = null;
    }
  }

  /** Returns a request that was taken and not submitted. */
  void unget(AioKiocb req) {
    req.free();
    countedAhead++;
  }

  /**
   * Returns the count of a request that its file may still reference. The request is not reused.
   */
  void forget() {
    countedAhead++;
  }

  /**
   * Takes a request. The context counts as many requests at once as the batch still needs, at most
   * 8. Each request comes from the slab alone, because a single allocation is cheap.
   */
  @Patch(20)
  @LinuxSource(file = "fs/aio.c", name = "aio_get_req")
  AioKiocb getReq(Task current) {
    if (countedAhead == 0) {
      countedAhead = Math.min(Math.max(iosLeft, 1), AioAbi.AIO_IOPOLL_BATCH);
      ctx().iocbGetMany(countedAhead);
    }
    countedAhead--;
    return AioKiocb.SLAB.alloc(current);
  }

  /**
   * Takes a file reference for one request. References are taken in bulk, one for each request left
   * in the batch. After a change of file, the limit is the number of consecutive requests on the
   * previous file.
   */
  @Differs(
      patch = 18,
      kind = Differs.Kind.OURS,
      why =
          "In a batch that goes from file to file, as many references are taken as the file before"
              + " had in a row. The posting takes one for each request left.",
      test = "SubmitDifferencesTest#aBatchThatGoesFromFileToFileTakesFewReferencesAhead")
  @Patch(18)
  @LinuxSource(file = "fs/aio.c", name = "aio_file_get")
  @Nullable File fileGet(Task current, int wanted) {
    if (file != null && fd == wanted && usedRefs < hasRefs) {
      usedRefs++;
      iosLeft--;
      return file;
    }
    int refs = Math.max(iosLeft, 1);
    if (file != null && fd != wanted) {
      refs = Math.min(refs, usedRefs);
    }
    filePutUnused();
    File found = FilesStruct.of(current).fgetMany(wanted, refs);
    if (found == null) {
      return null;
    }
    file = found;
    fd = wanted;
    hasRefs = refs;
    usedRefs = 1;
    iosLeft--;
    return found;
  }

  /** Puts the references that no request took. */
  @Patch(18)
  @LinuxSource(file = "fs/aio.c", name = "aio_file_put")
  private void filePutUnused() {
    File held = file;
    if (held != null) {
      file = null;
      int unused = hasRefs - usedRefs;
      if (unused > 0) {
        held.fputMany(unused);
      }
    }
  }

  /** Adds a polled request that was issued. */
  @Differs(
      patch = 16,
      kind = Differs.Kind.SIMPLER,
      why =
          "Polled requests of every batch are gathered in the submission state. In the posting"
              + " those of batches of 1 and 2 go to the context's list.",
      test = "SubmitDifferencesTest#aBatchOfTwoIsGatheredToo")
  @LinuxSource(
      file = "fs/aio.c",
      name = {"aio_iopoll_iocb_issued", "aio_iopoll_iocb_add_state"})
  void issued(AioKiocb req) {
    if (reqTail == null) {
      reqHead = req;
    } else {
      reqTail.next = req;
    }
    reqTail = req;
    if (req.pollCompleted()) {
      anyDone = true;
    }
    if (++reqCount == AioAbi.AIO_IOPOLL_BATCH) {
      flushReqs();
    }
  }

  /** Moves the issued requests to the context's list. */
  @LinuxSource(file = "fs/aio.c", name = "aio_flush_state_reqs")
  private void flushReqs() {
    if (reqHead != null && reqTail != null) {
      ctx().iopoll().submitted(reqHead, reqTail, anyDone);
    }
    reqHead = null;
    reqTail = null;
    reqCount = 0;
    anyDone = false;
  }

  /**
   * Hands over issued requests before the submitter sleeps, because another thread may have to poll
   * for them.
   */
  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_state_unplug")
  public void flushBeforeSleep() {
    flushReqs();
  }
}
