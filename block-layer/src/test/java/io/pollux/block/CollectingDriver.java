// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A driver that keeps its requests until the test completes them, several together. */
final class CollectingDriver implements BlkMqOps {
  private final List<Request> arrived = new ArrayList<>();

  /** Returns the requests in order of arrival. A request that arrived twice is listed twice. */
  List<Request> arrived() {
    return arrived;
  }

  /** Completes a chain of requests, given by their indices in arrived. Returns their number. */
  int complete(int... order) {
    for (int i = 0; i < order.length - 1; i++) {
      arrived.get(order[i]).setNext(arrived.get(order[i + 1]));
    }
    Request first = arrived.get(order[0]);
    return first.hctx().completeAll(first);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    @Nullable Request following = chain;
    while (following != null) {
      Request request = following;
      following = request.next();
      request.setNext(null);
      arrived.add(request);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return 0;
  }
}
