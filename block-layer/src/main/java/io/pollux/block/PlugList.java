// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import org.jspecify.annotations.Nullable;

/**
 * What a plug holds of one hardware queue: requests for the driver, and tags that were taken ahead, so that a batch
 * costs one atomic operation and not one for each request. As many are taken as the last batch needed.
 */
final class PlugList {
  /** Most tags that are taken at a time. */
  static final int MAX_AHEAD = 32;

  private @Nullable HwCtx hctx; // null while empty
  private @Nullable Request first;
  private @Nullable Request last;
  private int held; // requests from first to last
  private int used; // tags taken for requests of this batch
  private int expected; // how many the batch before used

  // Tags that were taken and are not used yet; see HwCtx.takeAhead.
  int word;
  long tags;

  PlugList() {}

  boolean holds(HwCtx wanted) {
    return hctx == wanted;
  }

  boolean isFree() {
    return hctx == null;
  }

  void open(HwCtx opening) {
    if (opening != hctx) {
      assert hctx == null : "two queues in one list";
      hctx = opening;
    }
  }

  @Nullable Request last() {
    return last;
  }

  /** Takes a request, or answers null if all are in use. */
  @Nullable Request tryGet(HwCtx from) {
    if (tags == 0 && !from.takeAhead(this, Math.min(MAX_AHEAD, Math.max(1, expected - used)))) {
      return null;
    }
    long bit = Long.lowestOneBit(tags);
    tags ^= bit;
    used++;
    return from.request((word << 6) + Long.numberOfTrailingZeros(bit));
  }

  void add(Request request) {
    Request tail = last;
    if (tail == null) {
      first = request;
    } else {
      tail.next = request;
    }
    last = request;
    held++;
  }

  /** Gives the driver the requests, and the unused tags back. Answers how many requests there were. */
  int flush() {
    HwCtx from = hctx;
    assert from != null : "flushed while empty";
    hctx = null; // a driver may come back here
    int requests = held;
    expected = used;
    used = 0;
    held = 0;
    if (tags != 0) {
      from.putTags(word, tags);
      tags = 0;
    }
    Request chain = first;
    if (chain != null) {
      first = null;
      last = null;
      from.queue().ops().queueRqs(from, chain);
    }
    return requests;
  }
}
