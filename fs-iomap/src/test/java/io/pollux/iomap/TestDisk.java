// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestList;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that remembers what it did, holds requests back, and fails writes, as a test
 * wants it.
 */
final class TestDisk implements BlkMqOps {
  final long address;
  final BlockDevice bdev;

  /** The operations of what was done, in order. */
  final List<Integer> done = new CopyOnWriteArrayList<>();

  volatile boolean failWrites;
  volatile boolean hold;
  private final AtomicInteger polls = new AtomicInteger();
  private final AtomicInteger heldCount = new AtomicInteger();
  private final RequestList held = new RequestList();
  private final RequestList polled = new RequestList();
  private final int bytes;

  /** With an interrupt-driven hardware queue and a polled one. */
  TestDisk(int bytes) {
    this(bytes, 1);
  }

  TestDisk(int bytes, int pollQueues) {
    this.bytes = bytes;
    address = HostMemory.map(bytes);
    RequestQueue queue =
        new RequestQueue(
            this, new TagSet(1, pollQueues, 64, false), QueueLimits.of(BlkTypes.SECTOR_SIZE));
    bdev = new BlockDevice("test", 0x100, bytes, false, queue);
  }

  /** How often the driver was polled. */
  int polls() {
    return polls.get();
  }

  /** Requests that wait for {@link #release}. */
  int held() {
    return heldCount.get();
  }

  long count(int op) {
    return done.stream().filter(one -> one == op).count();
  }

  /** Does what was held back, and holds nothing back any more. */
  void release() {
    hold = false;
    work(held.takeAll());
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      polled.add(chain);
    } else if (hold) {
      held.add(chain);
      for (Request request = chain; request != null; request = request.next()) {
        heldCount.getAndIncrement();
      }
    } else {
      work(chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    polls.getAndIncrement();
    return work(polled.takeAll());
  }

  private int work(@Nullable Request chain) {
    int count = 0;
    Request request = chain;
    while (request != null) {
      Request next = request.next();
      done.add(request.bio().op());
      request.complete(transfer(request.bio()));
      request = next;
      count++;
    }
    return count;
  }

  private int transfer(Bio bio) {
    if (bio.op() == BlkTypes.REQ_OP_WRITE && failWrites) {
      return -Errno.EIO;
    }
    long at = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    for (int i = 0; i < bio.vecs(); i++) {
      int length = bio.vecLength(i);
      switch (bio.op()) {
        case BlkTypes.REQ_OP_READ -> RawMemory.copy(at, bio.vecAddress(i), length);
        case BlkTypes.REQ_OP_WRITE -> RawMemory.copy(bio.vecAddress(i), at, length);
        default -> throw new AssertionError(bio.op());
      }
      at += length;
    }
    return 0;
  }

  @Override
  public void close() {
    HostMemory.unmap(address, bytes);
  }
}
