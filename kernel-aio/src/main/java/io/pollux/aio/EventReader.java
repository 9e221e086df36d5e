// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.function.BooleanSupplier;

/**
 * One io_getevents: moves events into the program's array, from the old completion ring or, on a polled
 * context, from the requests that are done. Made for one call.
 */
@LinuxSource(file = "fs/aio.c", name = "read_events")
final class EventReader implements BooleanSupplier, IopollList.Sink {
  private final Kioctx ctx;
  private final AddressSpace mm;
  private final int min;
  private final int max;
  private final long events;
  private int copied;
  private int error;

  EventReader(Kioctx ctx, AddressSpace mm, int min, int max, long events) {
    this.ctx = ctx;
    this.mm = mm;
    this.min = min;
    this.max = max;
    this.events = events;
  }

  /** Reads from the old ring, waiting for min events. From process context. */
  int read(Task current, long timeoutNanos) {
    if (!getAsBoolean() && timeoutNanos > 0) {
      int waited = ctx.waitQueue().waitEvent(current, this, timeoutNanos);
      if (waited == -Errno.EINTR && copied == 0) {
        return -Errno.EINTR;
      }
    }
    return copied > 0 ? copied : error;
  }

  /** Takes what is there. Answers whether the call can return. */
  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_read_events")
  public boolean getAsBoolean() {
    int result;
    synchronized (ctx.ring()) { // the readers' lock (C: ring_lock)
      result = ctx.ring().read(mm, events + copied * IoEvent.SIZE, max - copied);
    }
    if (result > 0) {
      copied += result;
    }
    error = ctx.isDead() ? -Errno.EINVAL : Math.min(result, 0);
    return error < 0 || copied >= min;
  }

  /** Polls for min events. From process context, with the enter lock. */
  @Patch(15)
  @LinuxSource(file = "fs/aio.c", name = {"aio_iopoll_getevents", "aio_iopoll_check"})
  int poll(Task current, long timeoutNanos) {
    if (max == 0) {
      return 0;
    }
    int result = ctx.iopoll().check(current, this, min, max, timeoutNanos);
    return result == 0 ? error : result;
  }

  @Override
  public boolean event(AioKiocb req) {
    long event = events + copied * IoEvent.SIZE;
    if (!mm.accessOk(event, IoEvent.SIZE, true)) {
      error = -Errno.EFAULT; // the request stays, and its event can still be had
      return false;
    }
    CompletionRing.aioFillEvent(event, req);
    copied++;
    return true;
  }

  @Override
  public void commit() {}

  /** The longest wait for a timeout that is unlimited. */
  static final long FOREVER = WaitQueue.FOREVER;
}
