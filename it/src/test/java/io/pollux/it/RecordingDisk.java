// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.driver.RamDisk;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that notes which blocks of 4 KiB are read. The memory is somebody else's and
 * stays open.
 */
final class RecordingDisk implements BlkMqOps {
  private static final int BLOCK_LOG = 12;

  private final RamDisk memory;
  private final Set<Long> all;
  private final Set<Long> metadata;

  /**
   * Over a disk.
   *
   * @param memory the disk
   * @param all gets every block that is read
   * @param metadata gets those that the filesystem reads for itself
   */
  RecordingDisk(RamDisk memory, Set<Long> all, Set<Long> metadata) {
    this.memory = memory;
    this.all = all;
    this.metadata = metadata;
  }

  long bytes() {
    return memory.bytes();
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    for (@Nullable Request request = chain; request != null; request = request.next()) {
      Bio bio = request.bio();
      long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
      for (long block = at >> BLOCK_LOG; block <= (at + bio.size() - 1) >> BLOCK_LOG; block++) {
        all.add(block);
        if (bio.has(BlkTypes.REQ_META)) {
          metadata.add(block);
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
