// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.RawMemory;
import java.util.ArrayDeque;
import java.util.Deque;

/** A disk that answers only what the test releases. Sector n reads as longs of value n. */
final class HeldDisk implements BlkMqOps {
  private final Deque<Request> held = new ArrayDeque<>(); // under its own lock
  // released, waiting for a poller; same lock
  private final Deque<Request> polled = new ArrayDeque<>();
  private final int depth;

  HeldDisk(int depth) {
    this.depth = depth;
  }

  BlockDevice disk(String name, long bytes) {
    return disk(name, bytes, 1);
  }

  BlockDevice disk(String name, long bytes, int pollQueues) {
    TagSet tags = new TagSet(1, pollQueues, depth, false);
    return new BlockDevice(
        name, 7, bytes, false, new RequestQueue(this, tags, QueueLimits.of(512)));
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    synchronized (held) {
      for (Request request = chain; request != null; request = request.next()) {
        held.add(request);
      }
    }
  }

  int held() {
    synchronized (held) {
      return held.size();
    }
  }

  /** Lets the oldest requests complete: at once, or, on a polled queue, at the next poll. */
  void release(int count, int status) {
    for (int i = 0; i < count; i++) {
      Request request;
      synchronized (held) {
        request = held.remove();
        if (request.hctx().polled()) {
          polled.add(request);
          continue;
        }
      }
      finish(request, status);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    int found = 0;
    while (true) {
      Request request;
      synchronized (held) {
        request = polled.poll();
      }
      if (request == null) {
        return found;
      }
      finish(request, 0);
      found++;
    }
  }

  private static void finish(Request request, int status) {
    Bio bio = request.bio();
    long sector = bio.sector();
    for (int i = 0; i < bio.vecs() && status == 0 && bio.op() == BlkTypes.REQ_OP_READ; i++) {
      for (int at = 0; at < bio.vecLength(i); at += 8) {
        RawMemory.putLong(bio.vecAddress(i) + at, sector + (at >> BlkTypes.SECTOR_SHIFT));
      }
      sector += bio.vecLength(i) >> BlkTypes.SECTOR_SHIFT;
    }
    request.complete(status);
  }
}
