// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.bdev.DiskParameters;
import java.util.List;

/**
 * A stripe over lower disks: chunk n is chunk n / disks of disk n modulo disks.
 *
 * <p>The limits make the block layer split reads and writes at chunks. A flush goes to every disk.
 * A discard or a zeroing goes to the part of each disk that its range covers.
 */
final class StripeDisk implements BlkMqOps {
  private final List<BlockDevice> disks;
  private final int chunkShift; // log2 of the sectors of a chunk
  private final TagSet tags;
  private final QueueLimits limits;
  private final long bytes;

  StripeDisk(List<BlockDevice> disks, long chunk) {
    this.disks = disks;
    int chunkSectors = (int) (chunk >> BlkTypes.SECTOR_SHIFT);
    chunkShift = Integer.numberOfTrailingZeros(chunkSectors);
    QueueLimits common = disks.get(0).queue().limits();
    long smallest = disks.get(0).bytes();
    boolean polled = true;
    for (BlockDevice disk : disks) {
      common = common.stack(disk.queue().limits());
      smallest = Math.min(smallest, disk.bytes());
      polled &= disk.queue().tagSet().pollQueues() > 0;
    }
    int most = Math.min(common.maxSectors(), chunkSectors);
    limits = common.withTransfer(most, common.maxSegments(), chunkSectors);
    tags = new TagSet(1, polled ? 1 : 0, RequestQueue.DEFAULT_DEPTH, false);
    bytes = smallest / chunk * chunk * disks.size();
  }

  BlockDevice device(DiskParameters of) {
    RequestQueue queue = new RequestQueue(this, tags, limits);
    return new BlockDevice(of.name(), of.dev(), bytes, of.readOnly(), queue);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      if (!request.hasClones()) {
        map(request);
      }
      if (!request.submitClones()) {
        hctx.handBack(request);
        return;
      }
      request = following;
    }
  }

  private void map(Request request) {
    Bio bio = request.bio();
    switch (bio.op()) {
      case BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE -> {
        long chunk = bio.sector() >> chunkShift;
        long sector = bio.sector() + ((chunk / disks.size() - chunk) << chunkShift);
        BlockDevice disk = disks.get((int) (chunk % disks.size()));
        Bio.cloneFast(request, bio, 0, bio.size(), disk, sector);
      }
      case BlkTypes.REQ_OP_FLUSH -> {
        for (BlockDevice disk : disks) {
          Bio.cloneFast(request, bio, 0, 0, disk, 0);
        }
      }
      default -> {
        long end = bio.sector() + (bio.size() >> BlkTypes.SECTOR_SHIFT);
        for (int i = 0; i < disks.size(); i++) {
          long from = sectorsBefore(bio.sector(), i);
          int size = (int) (sectorsBefore(end, i) - from) << BlkTypes.SECTOR_SHIFT;
          if (size > 0) {
            Bio.cloneFast(request, bio, 0, size, disks.get(i), from);
          }
        }
      }
    }
  }

  /** Returns the number of a disk's sectors that come before a sector of the stripe. */
  private long sectorsBefore(long sector, int disk) {
    long chunk = sector >> chunkShift;
    long row = chunk / disks.size();
    int column = (int) (chunk % disks.size());
    long inChunk = sector & ((1L << chunkShift) - 1);
    return ((row + (disk < column ? 1 : 0)) << chunkShift) + (disk == column ? inChunk : 0);
  }

  @Override
  public int poll(HwCtx hctx) {
    int found = 0;
    for (BlockDevice disk : disks) {
      found += disk.queue().pollAll();
    }
    return found;
  }
}
