// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Request;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Requests of one hardware queue that a {@link FaultDisk} holds back, each until its own deadline.
 * They are released in the plan's order. Their driver data is their number. For one thread at a
 * time.
 */
final class HeldRequests {
  private final FaultPlan plan;
  private final FaultLog log;
  private final @Nullable Request[] requests; // in order of arrival
  private final long[] due;
  private final boolean[] waitsForOthers;
  private final @Nullable Request[] ready; // used while some are taken
  private int count;
  private int waiting; // how many wait for others

  HeldRequests(int depth, FaultPlan plan, FaultLog log) {
    this.plan = plan;
    this.log = log;
    requests = new Request[depth];
    due = new long[depth];
    waitsForOthers = new boolean[depth];
    ready = new Request[depth];
  }

  /**
   * Holds a request.
   *
   * @param now the time, by the disk's clock
   * @param delay nanoseconds until it is due
   * @param others whether it is due earlier, once enough others are held
   */
  void add(Request request, long now, long delay, boolean others) {
    request.setNext(null);
    requests[count] = request;
    due[count] = now + delay;
    waitsForOthers[count] = others;
    count++;
    if (others && ++waiting >= plan.reorder()) {
      for (int i = 0; i < count; i++) {
        if (waitsForOthers[i]) {
          waitsForOthers[i] = false;
          due[i] = now;
        }
      }
      waiting = 0;
    }
  }

  /** Takes the requests that are due. Returns a chain, or null. */
  @Nullable Request takeDue(long now) {
    int taken = 0;
    int left = 0;
    for (int i = 0; i < count; i++) {
      if (due[i] - now <= 0) {
        ready[taken++] = requests[i];
        waiting -= waitsForOthers[i] ? 1 : 0;
      } else {
        requests[left] = requests[i];
        due[left] = due[i];
        waitsForOthers[left] = waitsForOthers[i];
        left++;
      }
    }
    for (int i = left; i < count; i++) {
      requests[i] = null;
    }
    count = left;
    int among = plan.reorder();
    for (int from = 0; among > 0 && from < taken; from += among) {
      sort(from, Math.min(taken, from + among));
    }
    return link(taken);
  }

  /**
   * Sorts some of the taken requests into the plan's order. They are few, and nothing is allocated.
   */
  private void sort(int from, int to) {
    for (int i = from + 1; i < to; i++) {
      Request moving = ready(i);
      long order = plan.orderOf(numberOf(moving));
      int at = i;
      while (at > from && Long.compare(plan.orderOf(numberOf(ready(at - 1))), order) > 0) {
        ready[at] = ready[at - 1];
        at--;
      }
      ready[at] = moving;
    }
  }

  private @Nullable Request link(int taken) {
    Request head = null;
    long latest = 0;
    for (int i = 0; i < taken; i++) {
      Request each = ready(i);
      if (numberOf(each) < latest) {
        log.add(FaultLog.Kind.REORDERED, numberOf(each), each);
      }
      latest = Math.max(latest, numberOf(each));
    }
    for (int i = taken - 1; i >= 0; i--) {
      Request each = ready(i);
      each.setNext(head);
      head = each;
      ready[i] = null;
    }
    return head;
  }

  private Request ready(int index) {
    Request request = ready[index];
    assert request != null;
    return request;
  }

  /** The number of a request. Its driver data is negative if it was in flight at a power cut. */
  static long numberOf(Request request) {
    return Math.abs(request.driverData());
  }

  boolean isEmpty() {
    return count == 0;
  }

  /** The earliest deadline, or {@link DelayLine#NEVER}. */
  long nextDeadline() {
    long first = DelayLine.NEVER;
    for (int i = 0; i < count; i++) {
      if (first == DelayLine.NEVER || due[i] - first < 0) {
        first = due[i];
      }
    }
    return first;
  }

  /** Calls looker with every held request, in order of arrival. */
  void forEach(Consumer<Request> looker) {
    for (int i = 0; i < count; i++) {
      Request request = requests[i];
      assert request != null;
      looker.accept(request);
    }
  }
}
