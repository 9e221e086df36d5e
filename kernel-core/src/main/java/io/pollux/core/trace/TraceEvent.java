// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

import io.pollux.core.sched.Task;
import org.jspecify.annotations.Nullable;

/** One passage of a thread through a {@link TracePoint}. */
public final class TraceEvent {
  private final TracePoint point;
  private final long id;
  private final long nanos;
  private final Thread thread;
  private final @Nullable Task task;
  private final Object subject;
  private final long[] numbers;

  TraceEvent(TracePoint point, long id, @Nullable Task task, Object subject, long[] numbers) {
    assert numbers.length == point.fields().size() : point + " with " + numbers.length + " numbers";
    this.point = point;
    this.id = id;
    this.nanos = System.nanoTime();
    this.thread = Thread.currentThread();
    this.task = task;
    this.subject = subject;
    this.numbers = numbers;
  }

  /** {@return the point} */
  public TracePoint point() {
    return point;
  }

  /**
   * {@return the number of the request that the event belongs to, from its submission on; 0 if it
   * belongs to none}
   */
  public long id() {
    return id;
  }

  /** {@return the time, in nanoseconds of {@link System#nanoTime}} */
  public long nanos() {
    return nanos;
  }

  /** {@return the thread that passed the point} */
  public Thread thread() {
    return thread;
  }

  /** {@return the task of that thread, or null where the point does not know it} */
  public @Nullable Task task() {
    return task;
  }

  /**
   * {@return the object that the event is about, such as a Kiocb, a Bio or a Request} {@link
   * TracePoint} says which. The kernel may use the object for another request after the call of the
   * listener.
   */
  public Object subject() {
    return subject;
  }

  /**
   * Returns one of the event's numbers.
   *
   * @param field a name in {@link TracePoint#fields}
   * @return its value
   * @throws IllegalArgumentException if the point has no such field
   */
  public long number(String field) {
    int index = point.fields().indexOf(field);
    if (index < 0) {
      throw new IllegalArgumentException(point.cName() + " has no field " + field);
    }
    return numbers[index];
  }

  /**
   * Returns one of the event's numbers.
   *
   * @param index a position in {@link TracePoint#fields}
   * @return its value
   */
  public long number(int index) {
    return numbers[index];
  }

  /** Describes the event in one line: its name, its request, and its numbers by name. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(point.cName());
    text.append(" id=").append(id);
    for (int i = 0; i < numbers.length; i++) {
      text.append(' ').append(point.fields().get(i)).append('=').append(numbers[i]);
    }
    return text.toString();
  }
}
