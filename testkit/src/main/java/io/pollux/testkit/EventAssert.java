// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/** Assertions on a copy of an event. Failures name the errno. */
public final class EventAssert extends AbstractAssert<EventAssert, EventAssert.Event> {
  /**
   * A copy of a {@code struct io_event}.
   *
   * @param data the {@code aio_data} of the request
   * @param obj the iocb's address, or its index on USERIOCB and SCQRING contexts
   * @param res bytes transferred, or a negative errno
   * @param res2 second result
   */
  public record Event(long data, long obj, long res, long res2) {
    @Override
    public String toString() {
      return String.format(
          "[data %#x, obj %#x, res %s, res2 %d]", data, obj, CallAssert.show(res), res2);
    }
  }

  private EventAssert(Event event) {
    super(event, EventAssert.class);
  }

  /**
   * Starts assertions on an event.
   *
   * @param address address of the {@link IoEvent}; 0, the result of UserRing.peek without an event,
   *     fails
   */
  public static EventAssert assertThatEvent(long address) {
    if (address == 0) {
      throw new AssertionError("expected an event, but there is none");
    }
    return new EventAssert(
        new Event(
            IoEvent.data(address),
            IoEvent.obj(address),
            IoEvent.res(address),
            IoEvent.res2(address)));
  }

  /**
   * Asserts the {@code aio_data} of the request.
   *
   * @param data the {@code aio_data}
   */
  public EventAssert hasData(long data) {
    return check(actual.data() == data, "data " + data);
  }

  /**
   * Asserts which request the event belongs to.
   *
   * @param obj the iocb's address, or its index on USERIOCB and SCQRING contexts: a slot of a
   *     UserRing
   */
  public EventAssert hasObj(long obj) {
    return check(actual.obj() == obj, "obj " + obj);
  }

  /**
   * Asserts that the request succeeded.
   *
   * @param bytes bytes transferred; 0 for a flush
   */
  public EventAssert moved(long bytes) {
    return check(actual.res() == bytes, "res " + bytes);
  }

  /**
   * Asserts that the request failed with one of some errnos.
   *
   * @param errnos positive error numbers
   */
  public EventAssert failedWith(int... errnos) {
    boolean one = Arrays.stream(errnos).anyMatch(errno -> actual.res() == -errno);
    return check(
        one,
        Arrays.stream(errnos)
            .mapToObj(errno -> "-" + Errno.name(errno))
            .collect(Collectors.joining(" or ", "res ", "")));
  }

  /**
   * Asserts the second result.
   *
   * @param res2 0 for file I/O
   */
  public EventAssert hasRes2(long res2) {
    return check(actual.res2() == res2, "res2 " + res2);
  }

  private EventAssert check(boolean good, String wanted) {
    if (!good) {
      failWithMessage("expected an event with %s, but it is %s", wanted, actual);
    }
    return this;
  }
}
