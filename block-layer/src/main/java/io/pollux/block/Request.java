// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.trace.Trace;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * The unit that a driver processes: the counterpart of struct request. Each tag of a hardware queue
 * has one, made with the queue and reused.
 *
 * <p>A request has one bio, or, after merging, several contiguous ones with the same operation and
 * flags. A write with a flush before or after it keeps its request and tag for all steps. The
 * driver gets the request several times, and sees an empty REQ_OP_FLUSH for each flush.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "request")
public final class Request {
  // The steps of a write with flushes, in order.
  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_PREFLUSH")
  static final int FSEQ_PREFLUSH = 1;

  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_DATA")
  static final int FSEQ_DATA = 2;

  @LinuxSource(file = "block/blk-flush.c", name = "REQ_FSEQ_POSTFLUSH")
  static final int FSEQ_POSTFLUSH = 4;

  // The states: one word, so that a completion checks it with one load.
  private static final int QUEUED = 0; // free, in a plug, or handed back

  @LinuxSource(file = "include/linux/blkdev.h", name = "MQ_RQ_IN_FLIGHT")
  private static final int IN_FLIGHT = 1; // the driver has it

  private static final int CLONED = 2; // the driver has it, and it has clones
  private static final int CLONED_QUEUED = 3; // handed back, and it has clones

  /** Maximum number of bios in {@link #toString}: a racing reader could follow links forever. */
  private static final int MAX_SHOWN = 1_024;

  private final HwCtx hctx;
  private final int tag;
  private @Nullable Bio bio;
  private long startNanos;
  private int status;
  private int state; // QUEUED, or as the driver has it
  private long driverData;
  private long deadline; // of the driver, by the queue's clock; if the queue has a timeout
  // pending FSEQ_* steps, the lowest one being the driver's; 0 for most requests
  private int sequence;
  private @Nullable Bio data; // the bio, while the driver sees a flush instead
  private @Nullable Bio flushBio; // made at first use
  private @Nullable Clones clones; // made at first use

  /** Link for the owner: a plug, or a driver's list. */
  @Nullable Request next;

  /** The previous chain on a {@link RequestList}; only in the first request of a chain. */
  @Nullable Request earlier;

  Request(HwCtx hctx, int tag) {
    this.hctx = hctx;
    this.tag = tag;
  }

  void start(Bio starting, long now) {
    assert bio == null : "a tag given out twice";
    bio = starting;
    startNanos = now;
    if (starting.sequence != 0) { // otherwise it is 0 here too, as at the end of each request
      sequence = starting.sequence;
      showStep();
    }
    if (Trace.on()) {
      BlockTrace.getrq(this, starting);
    }
  }

  /** The bio that the request is for, also while the driver sees a flush. */
  Bio tracedBio() {
    Bio held = data;
    return held == null ? bio() : held;
  }

  /** Shows the driver the current step of the sequence. */
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

  /** {@return the hardware queue that the tag belongs to} */
  public HwCtx hctx() {
    return hctx;
  }

  /** {@return the tag, from 0 to the depth of the queue - 1} */
  public int tag() {
    return tag;
  }

  /**
   * {@return the first bio, which has the operation, flags and first sector; the others follow it}
   */
  public Bio bio() {
    Bio mine = bio;
    if (mine == null) {
      throw notInFlight();
    }
    return mine;
  }

  /** {@return the I/O priority, class and level, of all bios of the request; 0 for none} */
  @LinuxSource(file = "include/linux/blkdev.h", name = "req_get_ioprio")
  public int ioprio() {
    return bio().ioprio();
  }

  /** {@return the bytes of all bios; 0 for a flush} */
  @LinuxSource(file = "include/linux/blkdev.h", name = "blk_rq_bytes")
  public int bytes() {
    Bio first = bio();
    int sum = first.size();
    for (Bio each = first.next; each != null; each = each.next) { // rarely any
      sum += each.size();
    }
    return sum;
  }

  /** {@return the number of vecs of all bios} */
  @LinuxSource(file = "include/linux/blkdev.h", name = "blk_rq_nr_phys_segments")
  public int segments() {
    int sum = 0;
    for (Bio each = bio(); each != null; each = each.next) {
      sum += each.vecs();
    }
    return sum;
  }

  /** {@return the next request of a chain, or null} */
  public @Nullable Request next() {
    return next;
  }

  /**
   * Links a request after this one. The driver owns both.
   *
   * @param following the next one, or null
   */
  public void setNext(@Nullable Request following) {
    next = following;
  }

  /** {@return the number that the driver stored last} */
  @LinuxSource(file = "include/linux/blk-mq.h", name = "blk_mq_rq_to_pdu")
  public long driverData() {
    return driverData;
  }

  /**
   * Stores a number for the driver.
   *
   * @param data any value
   */
  public void setDriverData(long data) {
    driverData = data;
  }

  /**
   * Sets the result for {@link HwCtx#completeAll}.
   *
   * @param result 0 or a negative errno
   * @throws IllegalArgumentException if it is positive
   */
  public void setStatus(int result) {
    if (result > 0) {
      throw new IllegalArgumentException(
          misuse("has the result " + result + "; a result is 0 or a negative errno"));
    }
    status = result;
  }

  Clones clones() {
    checkOwned(hctx);
    Clones mine = clones;
    if (mine == null) {
      mine = new Clones(this);
      clones = mine;
      hctx.queue().setStacked();
    }
    state = CLONED;
    return mine;
  }

  /** Fails its clones that are not submitted. Returns whether others will complete it. */
  boolean abandonClones() {
    Clones mine = clones;
    return mine != null && mine.abandon();
  }

  /**
   * Returns whether the request has clones ({@link Bio#cloneFast}) that are not all submitted: it
   * was handed back after {@link #submitClones} returned false. By the driver that owns it.
   *
   * @return true if the driver must not clone it again
   */
  public boolean hasClones() {
    Clones mine = clones;
    return mine != null && !mine.isEmpty();
  }

  /**
   * Submits the request's clones to their disks. When all have completed, the request completes
   * with the first error; the driver does not complete it. Never sleeps. By the driver that owns
   * the request.
   *
   * @return true if all are submitted; the driver must not touch the request again. False if a
   *     lower disk has no request free: the driver hands this request and all following ones back,
   *     and calls this method again when it gets it again.
   */
  public boolean submitClones() {
    return clones().submit();
  }

  private IllegalStateException notInFlight() {
    return new IllegalStateException(
        misuse("is not in flight: its driver completed it twice, or too late"));
  }

  /** Whether a driver may complete it as a request of a hardware queue. */
  boolean completesBy(HwCtx by) {
    return hctx == by && (state == IN_FLIGHT || dropsClones());
  }

  /** Forgets clones that were not submitted. Returns whether that makes it complete. */
  private boolean dropsClones() {
    if (state != CLONED || clones().inFlight()) {
      return false;
    }
    clones().abandon();
    state = IN_FLIGHT;
    return true;
  }

  /** Makes it the driver's alone again: its clones have completed. */
  void clonesEnded() {
    state = IN_FLIGHT;
  }

  /** Throws IllegalStateException unless {@link #completesBy}. */
  void checkCompletes(HwCtx by) {
    if (!completesBy(by)) {
      checkOwned(by);
      throw new IllegalStateException(misuse("is completed while its clones are in flight"));
    }
  }

  /** Throws IllegalStateException unless the driver has it as a request of a hardware queue. */
  void checkOwned(HwCtx by) {
    if (hctx != by) {
      throw new IllegalStateException(
          misuse("was completed as a request of " + by.queue().name() + " hctx " + by.index()));
    }
    if (!isInFlight()) {
      throw notInFlight();
    }
  }

  String misuse(String how) {
    return "request tag "
        + tag
        + " of "
        + hctx.queue().name()
        + " hctx "
        + hctx.index()
        + " "
        + how;
  }

  /**
   * Completes the request: puts the tag and completes the bios. From any context, once for each
   * time that the driver takes the request.
   *
   * @param result 0 or a negative errno
   * @throws IllegalArgumentException if it is positive
   * @throws IllegalStateException if the driver does not own the request, for example because it
   *     has completed it before
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_end_request")
  public void complete(int result) {
    checkCompletes(hctx);
    setStatus(result);
    next = null;
    hctx.completeAll(this);
  }

  /**
   * Completes the driver's step. Returns whether another step follows; if so, the driver owns the
   * request again, and this thread must not touch it.
   */
  @LinuxSource(
      file = "block/blk-flush.c",
      name = {"blk_flush_complete_seq", "flush_end_io", "mq_flush_data_end_io"})
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
    state = QUEUED; // a driver that was shut down does not get the next step
    hctx.queue().queueRqs(hctx, this);
    return true;
  }

  /** Marks the request as held by the driver. The caller passes it to the driver next. */
  void setInFlight() {
    state = IN_FLIGHT;
  }

  /** As setInFlight, for a request that may have been handed back. */
  void setInFlightAgain() {
    state = state >= CLONED ? CLONED : IN_FLIGHT;
  }

  void setDeadline(long nanos) {
    deadline = nanos;
  }

  /** Whether the driver has it for too long. Racy, unless the caller owns it. */
  boolean timedOut(long now) {
    return isInFlight() && now - deadline >= 0;
  }

  /**
   * Returns whether the driver has had the request for longer than {@link TagSet#timeoutNanos}. By
   * the driver that owns it, or in {@link BlkMqOps#timeout}; racy if another thread may complete
   * the request.
   *
   * @return true if so; false on a queue without a timeout
   */
  public boolean timedOut() {
    RequestQueue queue = hctx.queue();
    return queue.tagSet().timeoutNanos() != 0 && timedOut(queue.now());
  }

  /** Marks the request as the queue's again. By the driver. */
  void setHandedBack() {
    state = state == CLONED ? CLONED_QUEUED : QUEUED;
  }

  /**
   * Whether the driver holds it. False while a plug holds it. Racy if other threads use the
   * request.
   */
  boolean isInFlight() {
    return state == IN_FLIGHT || state == CLONED;
  }

  /**
   * Detaches the bios of a completed request, each with the result. Returns the last; they stay
   * linked.
   */
  @LinuxSource(file = "block/blk-core.c", name = "blk_update_request")
  Bio detach() {
    Bio tail = bio();
    if (Trace.on()) {
      BlockTrace.rqComplete(this, status);
    }
    tail.result = status;
    for (Bio each = tail.next; each != null; each = each.next) {
      each.result = status;
      tail = each;
    }
    bio = null;
    next = null;
    state = QUEUED;
    return tail;
  }

  long startNanos() {
    return startNanos;
  }

  /**
   * Describes the request in one line, for a dump. From any context, also while its owner changes
   * it; takes no lock. The age counts from the start of its batch.
   */
  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder("request tag ")
            .append(tag)
            .append(" of ")
            .append(hctx.queue().name())
            .append(" hctx ")
            .append(hctx.index())
            .append(hctx.polled() ? " polled" : "");
    Bio first = bio;
    if (first == null) {
      return text.append(": without a bio").toString();
    }
    int bios = 0;
    long bytes = 0;
    for (Bio each = first; each != null && bios < MAX_SHOWN; each = each.next) {
      bios++;
      bytes += each.size();
    }
    text.append(": ").append(BlkTypes.opName(first.op()));
    if (bytes != 0) {
      text.append(' ').append(bytes >> BlkTypes.SECTOR_SHIFT);
      text.append(" sectors at ").append(first.sector());
    }
    text.append(BlkTypes.flagNames(first.opf()));
    if (bios > 1) {
      text.append(", ").append(bios).append(" bios");
    }
    if (!isInFlight()) {
      text.append(", not with the driver");
    }
    long nanos = hctx.queue().now() - startNanos;
    return text.append(", ").append(nanos / 1_000_000).append(" ms old").toString();
  }
}
