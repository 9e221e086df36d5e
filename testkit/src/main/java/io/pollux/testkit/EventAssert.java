// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/** Assertions about an event, as it was when the assertion began. They know errors by name. */
public final class EventAssert extends AbstractAssert<EventAssert, EventAssert.Event> {
  /**
   * A copy of a {@code struct io_event}.
   *
   * @param data the {@code aio_data} of the request
   * @param obj the iocb's address, or its index on USERIOCB and SCQRING contexts
   * @param res bytes moved, or a negative errno
   * @param res2 second result
   */
  public record Event(long data, long obj, long res, long res2) {
    @Override
    public String toString() {
      return String.format("[data %#x, obj %#x, res %s, res2 %d]", data, obj, CallAssert.show(res), res2);
    }
  }

  private EventAssert(Event event) {
    super(event, EventAssert.class);
  }

  /**
   * About an event, which is there.
   *
   * @param address where the {@link IoEvent} is; 0, as UserRing.peek answers if there is none, fails
   * @return assertions
   */
  public static EventAssert assertThatEvent(long address) {
    if (address == 0) {
      throw new AssertionError("expected an event, but there is none");
    }
    return new EventAssert(
        new Event(IoEvent.data(address), IoEvent.obj(address), IoEvent.res(address), IoEvent.res2(address)));
  }

  /**
   * It carries what the request carried.
   *
   * @param data the {@code aio_data}
   * @return this
   */
  public EventAssert hasData(long data) {
    return check(actual.data() == data, "data " + data);
  }

  /**
   * It is about a certain request.
   *
   * @param obj the iocb's address, or its index on USERIOCB and SCQRING contexts: a slot of a UserRing
   * @return this
   */
  public EventAssert hasObj(long obj) {
    return check(actual.obj() == obj, "obj " + obj);
  }

  /**
   * The request succeeded.
   *
   * @param bytes what it moved; 0 for a flush
   * @return this
   */
  public EventAssert moved(long bytes) {
    return check(actual.res() == bytes, "res " + bytes);
  }

  /**
   * The request failed with this error, or one of these.
   *
   * @param errnos positive error numbers
   * @return this
   */
  public EventAssert failedWith(int... errnos) {
    boolean one = Arrays.stream(errnos).anyMatch(errno -> actual.res() == -errno);
    return check(
        one, Arrays.stream(errnos).mapToObj(errno -> "-" + Errno.name(errno)).collect(Collectors.joining(" or ", "res ", "")));
  }

  /**
   * Its second result.
   *
   * @param res2 0 for file I/O
   * @return this
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
