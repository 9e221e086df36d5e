// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import java.util.List;

/** A mirror: reads go to one lower disk, in turn by 16 sectors, and all else goes to each. */
final class MirrorDisk implements BlkMqOps {
  private static final int TURN = 16; // sectors

  private final List<BlockDevice> disks;
  private final int depth;

  MirrorDisk(List<BlockDevice> disks, int depth) {
    this.disks = List.copyOf(disks);
    this.depth = depth;
  }

  BlockDevice disk(String name, long dev) {
    QueueLimits all = QueueLimits.ofAll(disks);
    QueueLimits limits = all.withTransfer(all.maxSectors(), all.maxSegments(), TURN);
    RequestQueue queue = new RequestQueue(this, new TagSet(1, 1, depth, false), limits);
    return new BlockDevice(name, dev, disks.get(0).bytes(), false, queue);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      if (!request.hasClones()) {
        Bio bio = request.bio();
        int turn = (int) (bio.sector() / TURN % disks.size());
        for (int i = 0; i < disks.size(); i++) {
          if (bio.op() != BlkTypes.REQ_OP_READ || i == turn) {
            Bio.cloneFast(request, bio, 0, bio.size(), disks.get(i), bio.sector());
          }
        }
      }
      if (!request.submitClones()) {
        hctx.handBack(request);
        return;
      }
      request = following;
    }
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
