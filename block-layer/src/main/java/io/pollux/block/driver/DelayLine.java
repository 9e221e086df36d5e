// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Request;
import io.pollux.block.RequestList;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Requests of one hardware queue that take their time, the same for all, so that they come out as they went in.
 * Anybody adds; of those who want to take out, one at a time does.
 */
final class DelayLine {
  /** Of {@link #nextDeadline}: there is none. */
  static final long NEVER = Long.MAX_VALUE;

  private static final VarHandle TAKING;

  static {
    try {
      TAKING = MethodHandles.lookup().findVarHandle(DelayLine.class, "taking", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final RequestList arrivals = new RequestList();
  private @Nullable Request first; // by who is taking; their driver data is when they are due
  private @Nullable Request last;

  @SuppressWarnings("unused") // through TAKING
  private volatile boolean taking;

  DelayLine() {}

  /** Adds a chain whose requests are all due at the same time, by the clock of the disk. */
  void add(Request chain, long due) {
    for (Request request = chain; request != null; request = request.next()) {
      request.setDriverData(due);
    }
    arrivals.add(chain);
  }

  /** Takes what is due. Answers a chain, or null if nothing is, or if somebody else is taking. */
  @Nullable Request takeDue(long now) {
    if (!TAKING.compareAndSet(this, false, true)) {
      return null;
    }
    try {
      collect();
      Request head = first;
      Request end = null;
      for (Request each = head; each != null && each.driverData() - now <= 0; each = each.next()) {
        end = each;
      }
      if (end == null) {
        return null;
      }
      first = end.next();
      end.setNext(null);
      return head;
    } finally {
      TAKING.setRelease(this, false); // pairs with the next compareAndSet
    }
  }

  private void collect() {
    Request chain = arrivals.takeAll();
    if (chain == null) {
      return;
    }
    Request tail = last;
    if (first == null || tail == null) {
      first = chain;
    } else {
      tail.setNext(chain);
    }
    while (chain != null) { // to its end
      last = chain;
      chain = chain.next();
    }
  }

  /** Whether the line holds no request, neither an arrival nor a delayed one. Racy. */
  boolean isEmpty() {
    return first == null && arrivals.isEmpty();
  }

  /** When the first is due, or NEVER. By the only taker. */
  long nextDeadline() {
    collect();
    Request head = first;
    return head == null ? NEVER : head.driverData();
  }
}
