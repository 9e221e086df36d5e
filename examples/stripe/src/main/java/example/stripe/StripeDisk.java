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

/** A stripe over lower disks: chunk n is chunk n / disks of disk n modulo disks. */
record StripeDisk(List<BlockDevice> disks, int chunkSectors) implements BlkMqOps {
  BlockDevice device(DiskParameters of) {
    QueueLimits all = QueueLimits.ofAll(disks);
    int most = Math.min(all.maxSectors(), chunkSectors);
    QueueLimits limits = all.withTransfer(most, all.maxSegments(), chunkSectors);
    boolean polled = disks.stream().allMatch(disk -> disk.queue().tagSet().pollQueues() > 0);
    TagSet tags = new TagSet(1, polled ? 1 : 0, RequestQueue.DEFAULT_DEPTH, false);
    long smallest = disks.stream().mapToLong(BlockDevice::bytes).min().orElseThrow();
    long chunk = (long) chunkSectors << BlkTypes.SECTOR_SHIFT;
    long bytes = smallest / chunk * chunk * disks.size();
    RequestQueue queue = new RequestQueue(this, tags, limits);
    return new BlockDevice(of.name(), of.dev(), bytes, of.readOnly(), queue);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      if (!request.hasClones()) {
        map(request, request.bio());
      }
      if (!request.submitClones()) {
        hctx.handBack(request);
        return;
      }
      request = following;
    }
  }

  /** Clones a bio for each disk that has a part of it. A flush goes to all disks. */
  private void map(Request request, Bio bio) {
    long end = bio.sector() + (bio.size() >> BlkTypes.SECTOR_SHIFT);
    for (int i = 0; i < disks.size(); i++) {
      long from = sectorsBefore(bio.sector(), i);
      int bytes = (int) (sectorsBefore(end, i) - from) << BlkTypes.SECTOR_SHIFT;
      if (bytes > 0 || bio.op() == BlkTypes.REQ_OP_FLUSH) {
        Bio.cloneFast(request, bio, 0, bytes, disks.get(i), from);
      }
    }
  }

  /** Returns the number of a disk's sectors that come before a sector of the stripe. */
  private long sectorsBefore(long sector, int disk) {
    long chunk = sector / chunkSectors;
    long whole = (chunk - disk + disks.size() - 1) / disks.size();
    long rest = chunk % disks.size() == disk ? sector % chunkSectors : 0;
    return whole * chunkSectors + rest;
  }

  @Override
  public int poll(HwCtx hctx) {
    int found = 0;
    for (int i = 0; i < disks.size(); i++) { // an iterator would be allocated in each poll
      found += disks.get(i).queue().pollAll();
    }
    return found;
  }
}
