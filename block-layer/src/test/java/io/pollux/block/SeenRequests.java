// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.block.fixture.HeldDisk;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A driver that passes all requests to a held disk, and shows the test the requests themselves. */
final class SeenRequests implements BlkMqOps {
  private final HeldDisk disk;
  private final List<Request> seen = new ArrayList<>();

  SeenRequests(HeldDisk disk) {
    this.disk = disk;
  }

  /** Creates a device of this driver, named held0. */
  BlockDevice device(TagSet tags, QueueLimits limits, LongSupplier clock) {
    RequestQueue queue = new RequestQueue(this, tags, limits, clock);
    return new BlockDevice("held0", 0x10305, disk.contents().byteSize(), false, queue);
  }

  /** Returns a request by order of arrival, from 0. */
  Request seen(int index) {
    return seen.get(index);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    for (@Nullable Request request = chain; request != null; request = request.next()) {
      seen.add(request);
    }
    disk.queueRqs(hctx, chain);
  }

  @Override
  public int poll(HwCtx hctx) {
    return disk.poll(hctx);
  }
}
