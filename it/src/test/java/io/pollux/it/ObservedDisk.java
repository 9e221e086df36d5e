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
 * A disk in memory that tells what is read from it. The memory is somebody else's and stays open.
 */
final class ObservedDisk implements BlkMqOps {
  private final RamDisk memory;
  private final Observer observer;

  /** Is told of each stretch that a request reads, from whatever thread. */
  interface Observer {
    /**
     * A stretch of disk that goes to a stretch of memory.
     *
     * @param at first byte on the disk
     * @param address where it goes
     * @param bytes how long
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
