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
 * What a request is while it is an IOCB_CMD_POLL: waits for a file to become ready and completes once. It is a part of
 * its request, and comes and goes with it.
 *
 * <p>Whoever has its wait entry (see {@link WaitQueue}) has all of it, and nobody else touches it: the submitter first, then
 * who wakes it or cancels it. He looks at the file, and lets it wait on or completes it. Who wants to cancel what somebody
 * else has leaves word, under the lock of the context's list; who completes takes it off that list before anything goes.
 */
@LinuxSource(file = "fs/aio.c", name = {"poll_iocb", "aio_poll_table"})
final class PollIocb implements WaitQueue.WaitFunc, PollTable {
  /** For a ready file without a wait queue. */
  private static final WaitQueue NEVER = new WaitQueue();

  private final AioKiocb req;
  private final WaitQueue.WaitEntry entry = new WaitQueue.WaitEntry(this);
  private @Nullable File file;
  private int events;
  private volatile @Nullable WaitQueue head; // stored before a look at cancelled,
  private volatile boolean cancelled; // and this before a look at head

  // The list of what can be cancelled, under its lock:
  @Nullable PollIocb newer;
  @Nullable PollIocb older;
  boolean listed;

  PollIocb(AioKiocb req) {
    this.req = req;
  }

  /** The address or index that the program cancels it by. */
  long userObj() {
    return req.userObj;
  }

  /**
   * Arms the poll, or completes it at once if the file is ready. From process context.
   *
   * @return 0, and the poll owns the file's reference; -EINVAL if the file is not ready and has no wait queue
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll")
  int arm(File polled, int mask) {
    Kioctx ctx = req.ctx();
    file = polled;
    events = mask | PollBits.POLLERR | PollBits.POLLHUP; // always told
    cancelled = false;
    ctx.addPoll(this);
    if (ctx.isDead()) {
      cancelled = true; // whoever cancels all may have looked before this was there
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
        ctx.removePoll(this);
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
    ctx.removePoll(this);
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
  @LinuxSource(file = "fs/aio.c", name = {"aio_poll_wake", "aio_poll_complete_work"})
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
    } catch (Throwable e) { // does not concern the waker
      Oops.report("the poll of a file", e, "the request fails with EIO");
      seen = -Errno.EIO;
    }
    return !ends(seen);
  }

  /** Completes it if there is something to tell. Answers whether it did; then it is the caller's no more. */
  private boolean ends(int mask) {
    if (mask == 0 && !cancelled) {
      return false;
    }
    complete(mask);
    return true;
  }

  /**
   * Has it end without the file being ready. Under the lock of the list.
   *
   * @return true if the caller has it now, and has to {@link #complete} it; else whoever has it will
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_cancel")
  boolean cancel() {
    cancelled = true;
    WaitQueue on = head;
    return on != null && on.take(entry);
  }

  /** By whoever has it, who does not touch it after this. */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_complete")
  void complete(int mask) {
    Kioctx ctx = req.ctx();
    File polled = file;
    assert polled != null : "completed twice";
    head().remove(entry);
    ctx.removePoll(this); // nobody finds it after this
    head = null;
    file = null;
    polled.fput();
    ctx.complete(req, mask, 0);
  }
}
