// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One io_getevents: copies events into the program's array. The events come from the old completion
 * ring or, on a polled context, from completed requests. Allocated from a slab for the length of
 * the call.
 */
@LinuxSource(file = "fs/aio.c", name = "read_events")
final class EventReader extends Slab.Item implements BooleanSupplier, IopollList.Sink {
  private static final Slab<EventReader> SLAB = new Slab<>(EventReader::new);

  private @Nullable Kioctx readFrom;
  private @Nullable AddressSpace readInto;
  private int min;
  private int max;
  private long events;
  private int copied;
  private int error;

  private EventReader() {}

  /** Starts a call. */
  static EventReader start(Task current, Kioctx ctx, int min, int max, long events) {
    EventReader reader = SLAB.alloc(current);
    reader.readFrom = ctx;
    reader.readInto = current.mm();
    reader.min = min;
    reader.max = max;
    reader.events = events;
    reader.copied = 0;
    reader.error = 0;
    return reader;
  }

  /** Frees the reader at the end of the call. */
  void end() {
    readFrom = null;
    readInto = null;
    Slab.free(this);
  }

  private Kioctx ctx() {
    Kioctx ctx = readFrom;
    assert ctx != null : "outside a call";
    return ctx;
  }

  private AddressSpace mm() {
    AddressSpace mm = readInto;
    assert mm != null : "outside a call";
    return mm;
  }

  /** Reads from the old ring and waits for min events. From process context. */
  int read(Task current, long timeoutNanos) {
    if (!getAsBoolean() && timeoutNanos > 0) {
      int waited = ctx().waitQueue().waitEvent(current, this, timeoutNanos);
      if (waited == -Errno.EINTR && copied == 0) {
        return -Errno.EINTR;
      }
    }
    return copied > 0 ? copied : error;
  }

  /** Takes the available events. Returns whether the call can return. */
  @Override
  @LinuxSource(file = "fs/aio.c", name = "aio_read_events")
  public boolean getAsBoolean() {
    int result;
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_READERS, ctx().ring());
    }
    synchronized (ctx().ring()) { // the readers' lock (C: ring_lock)
      result = ctx().ring().read(mm(), events + copied * IoEvent.SIZE, max - copied);
    }
    if (result > 0) {
      copied += result;
    }
    error = ctx().isDead() ? -Errno.EINVAL : Math.min(result, 0);
    return error < 0 || copied >= min;
  }

  /** Polls for min events. From process context, with the enter lock. */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why = "io_getevents on a polled context honours its timeout. The posting ignores it.",
      test = "SubmitDifferencesTest#aTimeoutEndsThePolling")
  @Patch(15)
  @LinuxSource(
      file = "fs/aio.c",
      name = {"aio_iopoll_getevents", "aio_iopoll_check"})
  int poll(Task current, long timeoutNanos) {
    if (max == 0) {
      return 0;
    }
    int result = ctx().iopoll().check(current, this, min, max, timeoutNanos);
    return result == 0 ? error : result;
  }

  @Differs(
      patch = 15,
      kind = Differs.Kind.FIXES,
      why =
          "A polled event that cannot be stored stays in the kernel, and a later call returns it."
              + " The posting loses it.",
      test = "IoSubmitTest#aPolledEventIsNotLostToABadArray")
  @Override
  public boolean event(AioKiocb req) {
    long event = events + copied * IoEvent.SIZE;
    if (!mm().accessOk(event, IoEvent.SIZE, true)) {
      error = -Errno.EFAULT; // the request stays on the list, and a later call returns its event
      return false;
    }
    CompletionRing.aioFillEvent(event, req);
    copied++;
    return true;
  }

  @Override
  public void commit() {}

  /** The timeout of a wait without a limit. */
  static final long FOREVER = WaitQueue.FOREVER;
}
