// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * A copy of a {@code struct io_event}, which stays valid when the ring reuses its place.
 *
 * @param data the {@code aio_data} of the request
 * @param obj the iocb's address, or its index on USERIOCB and SCQRING contexts: a slot of a
 *     UserRing
 * @param res bytes transferred, or a negative errno
 * @param res2 second result
 */
public record Event(long data, long obj, long res, long res2) {
  private static final long PAUSE_NANOS = 20_000;

  /** Copies an event. */
  static Event at(long address) {
    return new Event(
        IoEvent.data(address), IoEvent.obj(address), IoEvent.res(address), IoEvent.res2(address));
  }

  /**
   * Waits for events of a ring, copies them and consumes them. The I/Os must have been submitted.
   * On the thread of the ring's program.
   *
   * @param ring the ring
   * @param count number of events, at most the I/Os in flight
   * @param timeout how long to wait
   * @return exactly count events, oldest first
   * @throws AssertionError if there are fewer I/Os than events, a call fails, or the timeout
   *     expires. It lists the events that came. In a test of {@link PolluxTest} it also lists the
   *     requests in flight.
   */
  public static List<Event> awaitEvents(UserRing ring, int count, Duration timeout) {
    List<Event> events = new ArrayList<>();
    int possible = ring.outstanding() - ring.prepared();
    if (count > possible) {
      throw missing(ring, count, events, "only " + possible + " I/Os are in flight");
    }
    long start = System.nanoTime();
    while (true) {
      long address = events.size() == count ? 0 : ring.peek();
      if (address != 0) {
        events.add(at(address));
        ring.consume(address);
        continue;
      }
      if (events.size() == count) {
        return events;
      }
      if (System.nanoTime() - start > timeout.toNanos()) {
        throw missing(ring, count, events, "no more came in " + timeout.toMillis() + " ms");
      }
      long result = ring.getEvents(0);
      if (result < 0 && result != -Errno.EINTR) {
        throw missing(ring, count, events, "io_ring_enter returned " + CallAssert.show(result));
      }
      if (Thread.currentThread().isInterrupted()) {
        throw missing(ring, count, events, "the thread was interrupted");
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private static AssertionError missing(
      UserRing ring, int count, List<Event> events, String reason) {
    StringBuilder text = new StringBuilder();
    text.append("expected ").append(count).append(" events, but ").append(reason);
    if (ring.prepared() > 0) {
      text.append("; pushed and not submitted: ").append(ring.prepared()).append(" (call enter)");
    }
    text.append("\nevents: ").append(events);
    TestRun run = TestRun.current();
    if (run != null) {
      text.append('\n').append(KernelDump.of(run.kernel()));
    }
    return new AssertionError(text.toString());
  }

  @Override
  public String toString() {
    return String.format(
        "[data %#x, obj %#x, res %s, res2 %d]", data, obj, CallAssert.show(res), res2);
  }
}
