// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * Bios on their way through a driver: the counterpart of struct request. There is one for each tag of a
 * hardware queue, made with the queue and used again and again.
 *
 * <p>A request is one bio, or, after merging, several with the same operation and flags that follow each other on
 * the device. A write that needs a flush before or behind it keeps its request and its tag for all of it: the driver
 * gets the request several times, and sees an empty REQ_OP_FLUSH for each flush.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "request")
public final class Request {
  // The steps of a write that needs flushes, in their order.
  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_PREFLUSH")
  static final int FSEQ_PREFLUSH = 1;

  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_DATA")
  static final int FSEQ_DATA = 2;

  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_POSTFLUSH")
  static final int FSEQ_POSTFLUSH = 4;

  private final HwCtx hctx;
  private final int tag;
  private @Nullable Bio bio;
  private long startNanos;
  private int status;
  private boolean inFlight; // from queueRqs of the driver until detach, as MQ_RQ_IN_FLIGHT
  private long driverData;
  private int sequence; // FSEQ_* steps that have not ended, the lowest one being the driver's; 0 for most requests
  private @Nullable Bio data; // the bio while the driver sees a flush in its place
  private @Nullable Bio flushBio; // made when first needed

  /** Link for whoever has the request: a plug, a driver's list. */
  @Nullable Request next;

  /** The chain that came before the one that this is the first of, on a {@link RequestList}. */
  @Nullable Request earlier;

  Request(HwCtx hctx, int tag) {
    this.hctx = hctx;
    this.tag = tag;
  }

  void start(Bio starting, long now) {
    assert bio == null : "a tag given out twice";
    bio = starting;
    startNanos = now;
    sequence = starting.sequence;
    if (sequence != 0) {
      showStep();
    }
  }

  /** Has the driver see what the current step of the sequence is about. */
  private void showStep() {
    Bio held = data;
    if (held != null) {
      bio = held;
      data = null;
    }
    if ((Integer.lowestOneBit(sequence) & (FSEQ_PREFLUSH | FSEQ_POSTFLUSH)) != 0) {
      Bio flush = flushBio;
      if (flush == null) {
        flush = Bio.ofFlush();
        flushBio = flush;
      }
      data = bio;
      bio = flush;
    }
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
   * What is to be done: the first bio; the others are behind it.
   *
   * @return the bio; it tells operation, flags and first sector of all
   */
  public Bio bio() {
    Bio mine = bio;
    assert mine != null : "a request that is not in flight";
    return mine;
  }

  /**
   * The I/O priority, which all bios of the request share.
   *
   * @return class and level; 0 for none
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "req_get_ioprio")
  public int ioprio() {
    return bio().ioprio();
  }

  /**
   * How much is to be moved, of all bios.
   *
   * @return bytes; 0 for a flush
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "blk_rq_bytes")
  public int bytes() {
    int sum = 0;
    for (Bio each = bio(); each != null; each = each.next) {
      sum += each.size();
    }
    return sum;
  }

  /**
   * How many vecs all bios have.
   *
   * @return how many pieces of memory
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "blk_rq_nr_phys_segments")
  public int segments() {
    int sum = 0;
    for (Bio each = bio(); each != null; each = each.next) {
      sum += each.vecs();
    }
    return sum;
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
   * A number that the driver keeps with the request.
   *
   * @return what it set last
   */
  @LinuxSource(file = "include/linux/blk-mq.h", name = "blk_mq_rq_to_pdu")
  public long driverData() {
    return driverData;
  }

  /**
   * Keeps a number with the request.
   *
   * @param data whatever the driver wants
   */
  public void setDriverData(long data) {
    driverData = data;
  }

  /**
   * Says how it went, for {@link HwCtx#completeAll}.
   *
   * @param result 0 or a negative errno
   */
  public void setStatus(int result) {
    status = result;
  }

  /**
   * The request is done: gives the tag back and ends the bios. From any context, once for each time that the
   * driver was given it.
   *
   * @param result 0 or a negative errno
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_end_request")
  public void complete(int result) {
    status = result;
    next = null;
    hctx.completeAll(this);
  }

  /**
   * What the driver had is done. Answers whether the request goes on: then the driver has it again, and this thread
   * must not touch it any more.
   */
  @LinuxSource(file = "block/blk-flush.c", name = {"blk_flush_complete_seq", "flush_end_io", "mq_flush_data_end_io"})
  boolean goesOn() {
    if (sequence == 0) {
      return false;
    }
    sequence = status != 0 ? 0 : sequence & (sequence - 1);
    showStep();
    if (sequence == 0) {
      return false;
    }
    next = null;
    inFlight = false; // a driver that was shut down does not get it
    hctx.queue().queueRqs(hctx, this);
    return true;
  }

  /** Marks the request as held by the driver. The caller passes it to the driver next. */
  void setInFlight() {
    inFlight = true;
  }

  /** Whether the driver holds it. False while a plug holds it. Racy if other threads use the request. */
  boolean isInFlight() {
    return inFlight;
  }

  /** The request has ended: lets go of its bios, each with the result. Answers the last; they are linked. */
  @LinuxSource(file = "block/blk-core.c", name = "blk_update_request")
  Bio detach() {
    Bio tail = bio();
    tail.result = status;
    for (Bio each = tail.next; each != null; each = each.next) {
      each.result = status;
      tail = each;
    }
    bio = null;
    next = null;
    inFlight = false;
    return tail;
  }

  long startNanos() {
    return startNanos;
  }
}
