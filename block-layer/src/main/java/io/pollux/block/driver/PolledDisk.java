// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestList;
import io.pollux.block.RequestQueue;
import io.pollux.uapi.Errno;
import org.jspecify.annotations.Nullable;

/**
 * What the disks here have in common: they do a request's work when it is asked for, at queueing on the
 * interrupt-driven queue, at polling on the polled one. What the work is, the disk says.
 */
abstract sealed class PolledDisk implements BlkMqOps, AutoCloseable permits RamDisk, NullDisk, HostDisk {
  private final RequestList waiting = new RequestList();
  private final long bytes;

  PolledDisk(long bytes) {
    this.bytes = bytes;
  }

  /**
   * Makes this a block device.
   *
   * @param name its name under /dev
   * @param dev its device number
   * @param readOnly whether it refuses writes
   * @return the device
   */
  public BlockDevice disk(String name, long dev, boolean readOnly) {
    RequestQueue queue = new RequestQueue(this, BlkTypes.SECTOR_SIZE, RequestQueue.DEFAULT_DEPTH);
    return new BlockDevice(name, dev, bytes, readOnly, queue);
  }

  /**
   * The size.
   *
   * @return bytes, as it was made
   */
  public final long bytes() {
    return bytes;
  }

  /** Moves the data of a bio, which lies inside the disk. Answers 0 or a negative errno. */
  abstract int transfer(Bio bio, boolean write);

  /** Makes what was written durable. Answers 0 or a negative errno. */
  abstract int flush();

  private void work(Request request) {
    Bio bio = request.bio();
    int status =
        switch (bio.op()) {
          case BlkTypes.REQ_OP_READ -> transfer(bio, false);
          case BlkTypes.REQ_OP_WRITE -> transfer(bio, true);
          case BlkTypes.REQ_OP_FLUSH -> flush();
          default -> -Errno.EOPNOTSUPP;
        };
    request.complete(status);
  }

  @Override
  public final void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      waiting.add(chain);
    } else {
      workAll(chain);
    }
  }

  @Override
  public final int poll(HwCtx hctx) {
    return workAll(waiting.takeAll());
  }

  private int workAll(@Nullable Request chain) {
    int done = 0;
    Request request = chain;
    while (request != null) {
      Request next = request.next(); // before complete: the request is another's after that
      work(request);
      done++;
      request = next;
    }
    return done;
  }

  @Override
  public abstract void close();
}
