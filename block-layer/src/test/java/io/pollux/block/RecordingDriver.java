// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A driver that records the bios it gets, and completes requests at once or when it is polled. It
 * moves no data.
 */
final class RecordingDriver implements BlkMqOps {
  /** Every bio, in the order of arrival. */
  final List<Bio> bios = new ArrayList<>();

  /** The priority of every request. */
  final List<Integer> priorities = new ArrayList<>();

  /** Whether each bio had BIO_HOLD_PAGES. */
  final List<Boolean> holdPages = new ArrayList<>();

  /** The number of requests of each call. */
  final List<Integer> calls = new ArrayList<>();

  /** Whether requests complete inside queueRqs. */
  boolean immediate;

  private @Nullable Request held; // linked by next
  private @Nullable Request lastHeld;

  BlockDevice disk(String name, long bytes) {
    QueueLimits limits = QueueLimits.of(512).withWriteCache(false, false);
    return new BlockDevice(
        name, 7, bytes, false, new RequestQueue(this, new TagSet(1, 1, 64, true), limits));
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    int count = 0;
    Request last = chain;
    for (@Nullable Request each = chain; each != null; each = each.next()) {
      count++;
      priorities.add(each.ioprio());
      for (@Nullable Bio bio = each.bio(); bio != null; bio = bio.next()) {
        bios.add(bio);
        holdPages.add(bio.holdPages());
      }
      last = each;
    }
    calls.add(count);
    if (immediate) {
      hctx.completeAll(chain);
    } else if (lastHeld == null) {
      held = chain;
      lastHeld = last;
    } else {
      lastHeld.setNext(chain);
      lastHeld = last;
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    Request chain = held;
    held = null;
    lastHeld = null;
    return chain == null ? 0 : hctx.completeAll(chain);
  }
}
