// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;
import org.jspecify.annotations.Nullable;

/** Assertions on a copy of an event. Failures name the errno. */
public final class EventAssert extends AbstractAssert<EventAssert, Event> {
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
    if (address >= 0 && address < HostMemory.PAGE_SIZE) {
      throw new AssertionError("expected an event, but there is none");
    }
    return new EventAssert(Event.at(address));
  }

  /**
   * Starts assertions on a copy of an event.
   *
   * @param event the copy; null fails
   */
  public static EventAssert assertThatEvent(@Nullable Event event) {
    if (event == null) {
      throw new AssertionError("expected an event, but there is none");
    }
    return new EventAssert(event);
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
