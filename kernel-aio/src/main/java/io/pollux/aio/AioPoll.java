// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.File;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.PollBits;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One IOCB_CMD_POLL: waits for a file to become ready and completes once. An object of its own, not of a
 * slab: a late wake-up may still find it after its request is gone, and must find it done.
 */
@LinuxSource(file = "fs/aio.c", name = "poll_iocb")
final class AioPoll implements WaitQueue.WaitEntry {
  private enum State {
    /** Waits. */
    ARMED,
    /** Somebody looks at the file. */
    LOOKING,
    /** Somebody looks, and there was another wake-up meanwhile. */
    LOOK_AGAIN,
    /** Completed or cancelled. */
    DONE
  }

  private final AioKiocb req;
  private final Kioctx ctx;
  private final File file;
  private final int events;
  private final AtomicReference<State> state = new AtomicReference<>(State.LOOKING);
  private volatile @Nullable WaitQueue queue;

  AioPoll(AioKiocb req, File file, int mask) {
    this.req = req;
    this.ctx = req.ctx();
    this.file = file;
    this.events = mask | PollBits.POLLERR | PollBits.POLLHUP; // always told
  }

  /** The address or index that the program cancels it by. */
  long userObj() {
    return req.userObj;
  }

  /** Starts waiting, or completes at once if the file is ready. */
  void arm() {
    ctx.addPoll(this);
    int mask = file.op().poll(file, this::pollWait) & events;
    settle(mask);
    if (ctx.isDead()) { // whoever cancels all may have looked before this was there
      cancel();
    }
    WaitQueue on = queue;
    if (on != null && state.get() == State.DONE) { // cancelled before it was on the queue
      on.remove(this);
    }
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_poll_queue_proc")
  private void pollWait(WaitQueue on) {
    assert queue == null : "a file with two queues to wait on";
    queue = on;
    on.add(this);
  }

  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_wake")
  public void wake(int key) {
    if (key != 0 && (key & events) == 0) {
      return;
    }
    while (true) { // ends: each state leaves the loop or was just changed by another
      State now = state.get();
      switch (now) {
        case ARMED -> {
          if (state.compareAndSet(State.ARMED, State.LOOKING)) {
            settle(file.op().poll(file, null) & events);
            return;
          }
        }
        case LOOKING -> {
          if (state.compareAndSet(State.LOOKING, State.LOOK_AGAIN)) {
            return;
          }
        }
        case LOOK_AGAIN, DONE -> {
          return;
        }
      }
    }
  }

  /** What who looks does with what it saw: completes, or waits on. */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_complete_work")
  private void settle(int seen) {
    int mask = seen;
    while (mask == 0) { // ends: a turn for each wake-up that came meanwhile
      if (state.compareAndSet(State.LOOKING, State.ARMED)) {
        return;
      }
      if (state.compareAndSet(State.LOOK_AGAIN, State.LOOKING)) {
        mask = file.op().poll(file, null) & events;
      } else {
        return; // cancelled
      }
    }
    if (state.getAndSet(State.DONE) != State.DONE) {
      complete(mask);
    }
  }

  /** Ends it without the file being ready. Answers whether it was this call that ended it. */
  @LinuxSource(file = "fs/aio.c", name = "aio_poll_cancel")
  boolean cancel() {
    if (state.getAndSet(State.DONE) == State.DONE) {
      return false;
    }
    complete(0);
    return true;
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_poll_complete")
  private void complete(int mask) {
    WaitQueue on = queue;
    if (on != null) {
      on.remove(this);
    }
    ctx.removePoll(this);
    file.fput();
    ctx.complete(req, mask, 0);
  }
}
