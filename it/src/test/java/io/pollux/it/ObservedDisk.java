// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.driver.RamDisk;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that reports what is read from it. The memory belongs to the creator, which
 * closes it.
 */
final class ObservedDisk implements BlkMqOps {
  private final RamDisk memory;
  private final Observer observer;

  /** Gets each range that a request reads, on the submitting thread. */
  interface Observer {
    /**
     * Reports a range of the disk that goes to a range of memory.
     *
     * @param at first byte on the disk
     * @param address first byte of memory
     * @param bytes length
     * @param metadata whether the filesystem reads it for itself
     */
    void read(long at, long address, int bytes, boolean metadata);
  }

  ObservedDisk(RamDisk memory, Observer observer) {
    this.memory = memory;
    this.observer = observer;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    for (@Nullable Request request = chain; request != null; request = request.next()) {
      Bio bio = request.bio();
      if (bio.op() == BlkTypes.REQ_OP_READ) {
        long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
        for (int i = 0; i < bio.vecs(); i++) {
          observer.read(at, bio.vecAddress(i), bio.vecLength(i), bio.has(BlkTypes.REQ_META));
          at += bio.vecLength(i);
        }
      }
    }
    memory.queueRqs(hctx, chain);
  }

  @Override
  public int poll(HwCtx hctx) {
    return memory.poll(hctx);
  }
}
