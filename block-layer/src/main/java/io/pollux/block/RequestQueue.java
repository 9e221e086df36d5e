// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** The requests of one device: a hardware queue that interrupts and one that is polled. */
@LinuxSource(file = "include/linux/blkdev.h", name = "request_queue")
public final class RequestQueue {
  /** Tags of each hardware queue, as an NVMe drive has them. */
  public static final int DEFAULT_DEPTH = 1023;

  /** Looks at the device that one spinning poll makes before it lets others run (need_resched). */
  private static final int SPINS = 1_000;

  private final BlkMqOps ops;
  private final int logicalBlockSize;
  private final HwCtx[] hctxs;

  /**
   * Makes a queue.
   *
   * @param ops the driver
   * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
   * @param depth tags of each hardware queue, from 1 to 65,536
   */
  public RequestQueue(BlkMqOps ops, int logicalBlockSize, int depth) {
    assert logicalBlockSize >= 512 && logicalBlockSize <= 4096 && Integer.bitCount(logicalBlockSize) == 1;
    this.ops = ops;
    this.logicalBlockSize = logicalBlockSize;
    hctxs = new HwCtx[] {new HwCtx(this, 0, false, depth), new HwCtx(this, 1, true, depth)};
  }

  /**
   * The smallest unit of I/O.
   *
   * @return bytes
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "queue_logical_block_size")
  public int logicalBlockSize() {
    return logicalBlockSize;
  }

  BlkMqOps ops() {
    return ops;
  }

  /**
   * Gives a bio a request and the request to the driver or the task's plug.
   *
   * @return the cookie, or BLK_QC_T_NONE if the bio ended for want of a request
   */
  @Patch(2)
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_make_request")
  int makeRequest(Task current, Bio bio) {
    HwCtx hctx = hctxs[bio.has(BlkTypes.REQ_HIPRI) ? 1 : 0];
    Request request = hctx.tryGet();
    if (request == null) {
      if (bio.has(BlkTypes.REQ_NOWAIT)) {
        bio.endio(-Errno.EAGAIN);
        return BlkTypes.BLK_QC_T_NONE;
      }
      request = hctx.get(current);
    }
    request.start(bio);
    int cookie = hctx.cookie(request);
    if (current.plug() instanceof Plug plug) {
      plug.add(request);
    } else {
      ops.queueRqs(hctx, request);
    }
    return cookie;
  }

  /**
   * Looks for completions where a bio went. Sleeps never; may spin.
   *
   * @param cookie what submitBio answered
   * @param spin whether to go on, for a while, until something completed
   * @return completions found, or a negative errno
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_poll")
  public int blkPoll(int cookie, boolean spin) {
    if (cookie == BlkTypes.BLK_QC_T_NONE) {
      return 0;
    }
    HwCtx hctx = hctxs[cookie >> 16];
    if (!hctx.polled()) {
      return 0;
    }
    for (int i = 0; i < SPINS; i++) {
      int found = ops.poll(hctx);
      if (found != 0 || !spin) {
        return found;
      }
      Thread.onSpinWait();
    }
    return 0;
  }

  /**
   * Tags in use, for the books: 0 when nothing is in flight.
   *
   * @return how many, of all hardware queues
   */
  public int busyTags() {
    int sum = 0;
    for (HwCtx hctx : hctxs) {
      sum += hctx.busyTags();
    }
    return sum;
  }
}
