// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.PollBits;
import org.jspecify.annotations.Nullable;

/**
 * The poll state of a request: waits for a file to become ready and completes once. It is a part of
 * its request and is reused with it.
 *
 * <p>The owner of the wait entry (see {@link WaitQueue}) owns all fields: first the submitter,
 * later the waker or the canceller that took the entry. The owner polls the file, then rearms the
 * entry or completes the request. A canceller that does not own the entry sets {@code cancelled}
 * under the lock of the context's list. The owner removes the request from that list before it
 * completes it.
 */
@LinuxSource(
    file = "fs/aio.c",
    name = {"poll_iocb", "aio_poll_table"})
final class PollIocb implements WaitQueue.WaitFunc, PollTable {
  /** The wait queue of a ready file that has none. */
  private static final WaitQueue NEVER = new WaitQueue();

  private final AioKiocb req;
  private final WaitQueue.WaitEntry entry = new WaitQueue.WaitEntry(this);
  private @Nullable File file;
  private int events;
  private volatile @Nullable WaitQueue head; // written before cancelled is read
  private volatile boolean cancelled; // written before head is read

  // The links of the context's list of cancellable requests, under its lock.
  @Nullable PollIocb newer;
  @Nullable PollIocb older;
  boolean listed;

  PollIocb(AioKiocb req) {
    this.req = req;
  }

  /** Returns the address or index by which the program cancels the request. */
  long userObj() {
    return req.userObj;
  }

  /**
   * Arms the poll, or completes it at once if the file is ready. From process context.
   *
   * @return 0, and the poll owns the file's reference; -EINVAL if the file is not ready and has no
   *     wait queue
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll")
  int arm(File polled, int mask) {
    Kioctx ctx = req.ctx();
    file = polled;
    events = mask | PollBits.POLLERR | PollBits.POLLHUP; // always reported
    cancelled = false;
    ctx.activeReqs().add(this);
    if (ctx.isDead()) {
      cancelled = true; // cancelAll may have run before this was on the list
    }
    int seen;
    try {
      seen = polled.op().poll(polled, this) & events;
    } catch (Throwable e) {
      forget(ctx);
      throw e;
    }
    if (head == null) {
      if (seen == 0 && !cancelled) {
        ctx.activeReqs().remove(this);
        file = null;
        return -Errno.EINVAL; // C: apt.error, as without a poll method
      }
      pollWait(NEVER);
    }
    WaitQueue on = head();
    if (!ends(seen)) {
      on.letWait(entry);
    }
    return 0;
  }

  /** Disarms the poll completely. The caller then owns it and the file's reference. */
  private void forget(Kioctx ctx) {
    WaitQueue on = head;
    if (on != null) {
      on.remove(entry);
    }
    ctx.activeReqs().remove(this);
    head = null;
    file = null;
  }

  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_queue_proc")
  public void pollWait(WaitQueue on) {
    assert head == null : "a file with two queues to wait on";
    head = on;
    on.add(entry);
  }

  private WaitQueue head() {
    WaitQueue on = head;
    assert on != null : "waits nowhere";
    return on;
  }

  @Override
  @LinuxSource(
      file = "fs/aio.c",
      name = {"aio_poll_wake", "aio_poll_complete_work"})
  public boolean wake(int key) {
    if (cancelled) {
      return !ends(0);
    }
    if (key != 0 && (key & events) == 0) {
      return true;
    }
    File polled = file;
    assert polled != null : "woken when it is done";
    int seen;
    try {
      seen = polled.op().poll(polled, null) & events;
    } catch (Throwable e) { // the waker is not affected
      Oops.report("the poll of a file", e, "the request fails with EIO");
      seen = -Errno.EIO;
    }
    return !ends(seen);
  }

  /**
   * Completes the request if there is a result. Returns whether it did; the caller then no longer
   * owns it.
   */
  private boolean ends(int mask) {
    if (mask == 0 && !cancelled) {
      return false;
    }
    complete(mask);
    return true;
  }

  /**
   * Requests completion although the file is not ready. Under the lock of the list.
   *
   * @return true if the caller now owns the entry and must call {@link #complete}; false if the
   *     owner completes it
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_cancel")
  boolean cancel() {
    cancelled = true;
    WaitQueue on = head;
    return on != null && on.take(entry);
  }

  /** Completes the request. By the owner, which must not use it afterwards. */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_complete")
  void complete(int mask) {
    Kioctx ctx = req.ctx();
    assert file != null : "completed twice";
    head().remove(entry);
    ctx.activeReqs().remove(this); // before the request may be reused: no canceller finds it now
    head = null;
    file = null;
    ctx.complete(req, mask, 0); // puts the file
  }
}
