// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * A bio on its way through a driver: the counterpart of struct request. There is one for each tag of a
 * hardware queue, made with the queue and used again and again.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "request")
public final class Request {
  private final HwCtx hctx;
  private final int tag;
  private @Nullable Bio bio;

  /** Link for whoever has the request: a plug, a driver's list. */
  @Nullable Request next;

  Request(HwCtx hctx, int tag) {
    this.hctx = hctx;
    this.tag = tag;
  }

  void start(Bio starting) {
    assert bio == null : "a tag given out twice";
    bio = starting;
  }

  /**
   * The hardware queue.
   *
   * @return where the tag comes from
   */
  public HwCtx hctx() {
    return hctx;
  }

  /**
   * The tag.
   *
   * @return from 0 to the depth of the queue - 1
   */
  public int tag() {
    return tag;
  }

  /**
   * What is to be done.
   *
   * @return the bio
   */
  public Bio bio() {
    Bio mine = bio;
    assert mine != null : "a request that is not in flight";
    return mine;
  }

  /**
   * The next request of a chain that a driver was given.
   *
   * @return the next one, or null
   */
  public @Nullable Request next() {
    return next;
  }

  /**
   * Links a request behind this one, while the driver has both.
   *
   * @param following the next one, or null
   */
  public void setNext(@Nullable Request following) {
    next = following;
  }

  /**
   * The request is done: gives the tag back and ends the bio. From any context, once.
   *
   * @param status 0 or a negative errno
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_end_request")
  public void complete(int status) {
    Bio done = bio();
    bio = null;
    next = null;
    hctx.putTag(tag); // before the end_io: whoever it wakes may want the tag
    done.endio(status);
  }
}
