// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Request;
import io.pollux.block.RequestList;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Requests of one hardware queue that all take the same time, so they complete in order of arrival.
 * Any thread adds; one thread at a time takes.
 */
final class DelayLine {
  /** Returned by {@link #nextDeadline} when the line is empty. */
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
  private @Nullable Request first; // the taker's; the driver data is the deadline
  private @Nullable Request last;

  @SuppressWarnings("unused") // through TAKING
  private volatile boolean taking;

  DelayLine() {}

  /** Adds a chain whose requests all have the same deadline, by the disk's clock. */
  void add(Request chain, long due) {
    for (Request request = chain; request != null; request = request.next()) {
      request.setDriverData(due);
    }
    arrivals.add(chain);
  }

  /**
   * Takes the requests that are due. Returns a chain, or null if none is due or another thread is
   * taking.
   */
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

  /** The deadline of the first request, or NEVER. By the taker only. */
  long nextDeadline() {
    collect();
    Request head = first;
    return head == null ? NEVER : head.driverData();
  }
}
