// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/** The driver of a disk that passes its requests unchanged to another disk. */
@LinuxSource(
    file = "drivers/md/dm-linear.c",
    name = {"linear_map", "linear_target"})
final class LinearDisk implements BlkMqOps {
  private final OpenedDisk lower;
  private final BlockDevice device;

  /**
   * Makes a driver.
   *
   * @param lower the other disk, closed with this
   */
  LinearDisk(OpenedDisk lower) {
    this.lower = lower;
    device = lower.device();
  }

  /** Submits clones of the requests. A request that was handed back has its clones already. */
  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    for (Request request = chain; request != null; request = request.next()) {
      if (!request.hasClones()) {
        for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
          Bio.cloneFast(request, bio, 0, bio.size(), device, bio.sector());
        }
      }
    }
    Request request = chain;
    while (request != null) {
      Request following = request.next(); // after its submission the request may be reused
      if (!request.submitClones()) {
        hctx.handBack(request);
        return;
      }
      request = following;
    }
  }

  /**
   * Submits the first requests of a chain again, if they have clones because the driver handed them
   * back. Returns the other requests.
   */
  static @Nullable Request passAgain(BlkMqOps driver, HwCtx hctx, Request chain) {
    Request last = null;
    Request request = chain;
    while (request != null && request.hasClones()) {
      last = request;
      request = request.next();
    }
    if (last != null) {
      last.setNext(null);
      driver.queueRqs(hctx, chain);
    }
    return request;
  }

  @Override
  public int poll(HwCtx hctx) {
    return device.queue().pollAll();
  }

  @Override
  public void close() {
    lower.close();
  }
}
