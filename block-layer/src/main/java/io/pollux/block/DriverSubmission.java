// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * A thread's requests for disks below a stacked one, until the stacked driver returns. They then go
 * to their drivers, in one call for consecutive requests of a hardware queue. A lower driver that
 * is stacked too adds to the same list, so that the stack does not grow with the levels.
 */
@LinuxSource(
    file = "block/blk-core.c",
    name = {"task_struct::bio_list", "generic_make_request"})
final class DriverSubmission {
  private static final ThreadLocal<DriverSubmission> CURRENT =
      ThreadLocal.withInitial(DriverSubmission::new);

  private boolean open;
  private @Nullable Request first;
  private @Nullable Request last;

  private DriverSubmission() {}

  static DriverSubmission ofThread() {
    return CURRENT.get();
  }

  /** Opens the list. Returns whether the caller must {@link #finish}; false if it is open. */
  boolean start() {
    boolean starts = !open;
    open = true;
    return starts;
  }

  /** Adds a started request. */
  void add(Request request) {
    Request tail = last;
    if (tail == null) {
      first = request;
    } else {
      tail.next = request;
    }
    last = request;
  }

  /** Passes all requests to their drivers, also those that are added meanwhile, and closes. */
  void finish() {
    try {
      for (Request chain = take(); chain != null; chain = take()) { // the levels are finite
        chain.hctx().queue().queueRqs(chain.hctx(), chain);
      }
    } finally {
      open = false;
    }
  }

  /** Takes the first requests that belong to the same hardware queue. */
  private @Nullable Request take() {
    Request chain = first;
    if (chain == null) {
      return null;
    }
    Request end = chain;
    Request following = end.next;
    while (following != null && following.hctx() == chain.hctx()) {
      end = following;
      following = end.next;
    }
    end.next = null;
    first = following;
    last = following == null ? null : last;
    return chain;
  }
}
