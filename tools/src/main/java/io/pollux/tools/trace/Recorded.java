// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.AioAbi;

/**
 * An event without its subject, which the kernel uses again.
 *
 * @param sequence from 1, in the order of recording
 * @param point the point
 * @param id the request, or 0
 * @param nanos the time, in nanoseconds of {@link System#nanoTime}
 * @param threadId the Java thread's number
 * @param thread its name
 * @param subject identifies the subject among those in use at the same time
 * @param numbers the values of the point's fields
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Recorded(
    int sequence,
    TracePoint point,
    long id,
    long nanos,
    long threadId,
    String thread,
    int subject,
    long[] numbers) {

  static Recorded of(int sequence, TraceEvent event) {
    long[] numbers = new long[event.point().fields().size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = event.number(i);
    }
    return new Recorded(
        sequence,
        event.point(),
        event.id(),
        event.nanos(),
        event.thread().threadId(),
        event.thread().getName(),
        System.identityHashCode(event.subject()),
        numbers);
  }

  /** Whether an AIO_SUBMIT is of a polled request. */
  static boolean isPolled(TraceEvent submit) {
    return (submit.number("aio_flags") & AioAbi.IOCB_FLAG_HIPRI) != 0;
  }

  boolean has(String field) {
    return point.fields().contains(field);
  }

  /** The value of a field that the point has. */
  long number(String field) {
    return numbers[point.fields().indexOf(field)];
  }
}
