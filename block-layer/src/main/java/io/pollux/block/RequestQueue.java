// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The requests of one device: interrupt-driven and polled hardware queues. */
@LinuxSource(file = "include/linux/blkdev.h", name = "request_queue")
public final class RequestQueue {
  /** Default depth of each hardware queue, as in NVMe drives. */
  public static final int DEFAULT_DEPTH = 1023;

  /**
   * Polls of the device in one spinning blkPoll, which then returns so that the caller can yield
   * (need_resched).
   */
  private static final int SPINS = 1_000;

  /** log2 of the nanoseconds of a busy tick: about a millisecond. */
  private static final int TICK_SHIFT = 20;

  private static final VarHandle STAMP;

  static {
    try {
      STAMP = MethodHandles.lookup().findVarHandle(RequestQueue.class, "stamp", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile BlkMqOps ops; // changes once, when the queue is shut down
  private String name = "a disk";
  private final TagSet tagSet;
  private final QueueLimits limits;
  private final LongSupplier clock;
  private boolean stacked; // a request had clones; racy, since only the batching depends on it
  private final HwCtx[] hctxs; // the interrupting ones, then the polled ones
  private final HwCtx[] interrupting;
  private final HwCtx[] polled;
  private final @Nullable HwCtx onlyPolled; // if there is exactly one
  private final @Nullable RequestTimer timer; // if requests have a timeout
  // copied from the limits; read for each bio, as the next three
  private final int logicalBlockSize;
  private final boolean shouldMerge;
  // a bio up to this size is never too long; 0 if that depends on its position
  private final int simpleBytes;
  private final int maxSegments;
  private volatile long stamp; // the tick up to which busyTicks is counted
  private final AtomicLong busyTicks = new AtomicLong();

  /**
   * Makes a queue for a device with a write cache and without merging: one interrupt-driven and one
   * polled hardware queue.
   *
   * @param ops the driver
   * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
   * @param depth tags of each hardware queue, from 1 to 65,536
   */
  public RequestQueue(BlkMqOps ops, int logicalBlockSize, int depth) {
    this(ops, new TagSet(1, 1, depth, false), QueueLimits.of(logicalBlockSize));
  }

  /**
   * Makes a queue whose statistics use a clock with ticks of a few milliseconds.
   *
   * @param ops the driver
   * @param tagSet its hardware queues
   * @param limits the device's limits
   */
  public RequestQueue(BlkMqOps ops, TagSet tagSet, QueueLimits limits) {
    this(ops, tagSet, limits, CoarseClock::nanos);
  }

  /**
   * Makes a queue.
   *
   * @param ops the driver
   * @param tagSet its hardware queues
   * @param limits the device's limits
   * @param clock nanoseconds since a fixed time, for statistics; called by any thread
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_init_queue")
  public RequestQueue(BlkMqOps ops, TagSet tagSet, QueueLimits limits, LongSupplier clock) {
    this.ops = ops;
    this.tagSet = tagSet;
    this.limits = limits;
    this.clock = clock;
    logicalBlockSize = limits.logicalBlockSize();
    shouldMerge = tagSet.shouldMerge();
    simpleBytes = limits.chunkSectors() == 0 ? limits.maxSectors() << BlkTypes.SECTOR_SHIFT : 0;
    maxSegments = limits.maxSegments();
    hctxs = new HwCtx[tagSet.submitQueues() + tagSet.pollQueues()];
    for (int i = 0; i < hctxs.length; i++) {
      hctxs[i] = new HwCtx(this, i, i >= tagSet.submitQueues(), tagSet.depth());
    }
    interrupting = Arrays.copyOf(hctxs, tagSet.submitQueues());
    polled = Arrays.copyOfRange(hctxs, tagSet.submitQueues(), hctxs.length);
    onlyPolled = polled.length == 1 ? polled[0] : null;
    timer =
        tagSet.timeoutNanos() == 0 ? null : new RequestTimer(this, hctxs, tagSet.timeoutNanos());
    stamp = clock.getAsLong() >> TICK_SHIFT;
  }

  /** {@return the smallest unit of I/O, in bytes} */
  @LinuxSource(file = "include/linux/blkdev.h", name = "queue_logical_block_size")
  public int logicalBlockSize() {
    return logicalBlockSize;
  }

  /** {@return the hardware queues, as the driver described them} */
  public TagSet tagSet() {
    return tagSet;
  }

  /** Batches the requests that the driver sends to lower disks. */
  void setStacked() {
    stacked = true;
  }

  /** {@return the device's limits} */
  public QueueLimits limits() {
    return limits;
  }

  /** The device's name, for messages. */
  String name() {
    return name;
  }

  /** Sets the device's name. Called before its first request. */
  void setName(String device) {
    name = device;
  }

  /**
   * Passes requests to the driver, or queues them behind those that it handed back. From any
   * context.
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_request_issue_directly")
  void queueRqs(HwCtx hctx, Request chain) {
    DispatchList dispatch = hctx.dispatch();
    if (dispatch.isActive() && dispatch.append(chain)) {
      return;
    }
    BlkMqOps driver = ops; // read once: a request is marked only if the live driver gets it
    if (!(driver instanceof DeadDriver)) {
      for (Request request = chain; request != null; request = request.next) {
        request.setInFlight();
      }
    }
    callDriver(driver, hctx, chain);
    if (dispatch.isActive()) { // what it waited for may have completed before it handed them back
      dispatch.run();
    }
  }

  /** Passes requests that were handed back to the driver. */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_dispatch_rq_list")
  void queueAgain(HwCtx hctx, Request chain) {
    BlkMqOps driver = ops;
    if (!(driver instanceof DeadDriver)) {
      for (Request request = chain; request != null; request = request.next) {
        request.setInFlightAgain();
      }
    }
    callDriver(driver, hctx, chain);
  }

  /**
   * Passes requests to the driver. If the driver throws, it is not called again, and the requests
   * it holds fail later.
   */
  private void callDriver(BlkMqOps driver, HwCtx hctx, Request chain) {
    if (timer != null) {
      timer.start(chain);
    }
    if (Trace.on()) {
      BlockTrace.requests(TracePoint.BLOCK_RQ_ISSUE, chain);
    }
    DriverSubmission below = stacked ? DriverSubmission.ofThread() : null;
    boolean starts = below != null && below.start();
    try {
      driver.queueRqs(hctx, chain);
    } catch (Throwable e) {
      shutDown("the driver of " + name, e);
    }
    if (below != null && starts) {
      below.finish();
    }
  }

  /** Polls a hardware queue. Returns the number of completions, or a negative errno. */
  int poll(HwCtx hctx) {
    int found;
    try {
      found = ops.poll(hctx);
    } catch (Throwable e) {
      shutDown("the driver of " + name, e);
      return 0; // requests in flight fail soon
    }
    if (found == 0 && hctx.dispatch().isActive()) {
      hctx.dispatch().run();
    }
    return found;
  }

  /**
   * Asks the driver about a request that takes too long. Returns false if the queue is shut down.
   */
  boolean askAboutTimeout(Request request) {
    BlkMqOps driver = ops;
    if (driver instanceof DeadDriver) {
      return false;
    }
    try {
      if (driver.timeout(request) == EhTimerReturn.RESET_TIMER && timer != null) {
        timer.restart(request);
      }
      return true;
    } catch (Throwable e) {
      shutDown("the driver of " + name, e);
      return false;
    }
  }

  /**
   * Reports a failure of the driver and shuts the queue down. New requests fail with EIO at once.
   * Requests in flight fail after one second, unless the driver completes them first ({@link
   * BlkMqOps#isIdle}). From any context; a second call does nothing.
   *
   * @param where the thread or the part that failed
   * @param thrown the cause
   */
  @LinuxSource(file = "block/blk-core.c", name = "blk_set_queue_dying")
  public void shutDown(String where, Throwable thrown) {
    if (die(DeadDriver.GRACE_NANOS)) {
      Oops.report(where, thrown, name + " is shut down, and its requests fail with EIO");
      failHandedBack();
    }
  }

  /**
   * Shuts the queue down because its disk was removed. Requests in flight fail once the driver is
   * idle, within ticks. From any context; a second call does nothing.
   */
  @LinuxSource(file = "block/blk-core.c", name = "blk_cleanup_queue")
  void remove() {
    if (die(0)) {
      failHandedBack();
    }
  }

  /** Replaces the driver. Returns false if that has happened before. */
  private boolean die(long graceNanos) {
    if (Debug.ON) {
      LockOrder.enter(LockClass.REQUEST_QUEUE, hctxs);
    }
    synchronized (hctxs) {
      if (ops instanceof DeadDriver) {
        return false;
      }
      DeadDriver dead = new DeadDriver(ops, hctxs);
      ops = dead;
      CoarseClock.add(dead, graceNanos);
      return true;
    }
  }

  private void failHandedBack() {
    for (HwCtx hctx : hctxs) {
      hctx.dispatch().run();
    }
  }

  /** Whether the queue is shut down, so that all requests fail. */
  boolean isDead() {
    return ops instanceof DeadDriver;
  }

  HwCtx hctx(int index) {
    return hctxs[index];
  }

  long now() {
    return clock.getAsLong();
  }

  /**
   * Returns the hardware queue for a task's bio. It is always the same for a task and a kind, so
   * one cookie polls for all of the task's bios. From process context.
   */
  @LinuxSource(file = "block/blk-mq.h", name = "blk_mq_map_queue")
  private HwCtx map(Bio bio) {
    if (bio.has(BlkTypes.REQ_HIPRI)) {
      HwCtx only = onlyPolled;
      if (only != null) {
        return only;
      }
      if (polled.length != 0) {
        return byThread(polled);
      }
      bio.clear(BlkTypes.REQ_HIPRI); // no polled queue; REQ_NOWAIT stays
    }
    return interrupting.length == 1 ? interrupting[0] : byThread(interrupting);
  }

  private static HwCtx byThread(HwCtx[] choice) {
    return choice[(int) (Thread.currentThread().threadId() % choice.length)];
  }

  /**
   * Submits a bio that lies inside the device, split if it exceeds a limit.
   *
   * @return the cookie, or BLK_QC_T_NONE if the bio completed
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_make_request")
  int makeRequest(Task current, Bio bio) {
    int vecs = bio.vecs();
    if (bio.size() > simpleBytes || vecs > maxSegments || vecs == 0) {
      return makeRequests(current, bio);
    }
    return queueOne(current, bio);
  }

  /** As makeRequest, for a bio that may exceed a limit. */
  @LinuxSource(file = "block/blk-merge.c", name = "blk_queue_split")
  private int makeRequests(Task current, Bio bio) {
    int cookie = BlkTypes.BLK_QC_T_NONE;
    // each piece has at least one block
    for (int most = mostBytes(bio); most < bio.size(); most = mostBytes(bio)) {
      int sent = queueOne(current, bio.split(current, most));
      if (sent == BlkTypes.BLK_QC_T_NONE) {
        bio.wouldBlockError(); // the owner gets this once the submitted pieces complete
        return cookie;
      }
      cookie = sent;
    }
    int sent = queueOne(current, bio);
    return sent == BlkTypes.BLK_QC_T_NONE ? cookie : sent;
  }

  /**
   * As makeRequest, for a bio of a stacked driver. Returns false if no request is free for the rest
   * of the bio, which is the driver's again.
   */
  @LinuxSource(file = "block/blk-core.c", name = "generic_make_request")
  boolean makeRequestFromDriver(Bio bio) {
    DriverSubmission list = DriverSubmission.ofThread();
    boolean starts = list.start();
    HwCtx hctx = map(bio);
    boolean sent = true;
    int vecs = bio.vecs();
    if (bio.size() > simpleBytes || vecs > maxSegments || vecs == 0) {
      // each piece has at least one block
      for (int most = mostBytes(bio); sent && most < bio.size(); most = mostBytes(bio)) {
        Request request = hctx.tryGet();
        sent = request != null;
        if (request != null) {
          request.start(bio.split(null, most), now());
          list.add(request);
        }
      }
    }
    Request request = sent ? hctx.tryGet() : null;
    if (request != null) {
      request.start(bio, now());
      list.add(request);
    }
    if (starts) {
      list.finish();
    }
    return request != null;
  }

  /** Bytes of a bio, from its start, that fit in one request. */
  @LinuxSource(
      file = "block/blk-merge.c",
      name = {"blk_bio_segment_split", "blk_bio_discard_split", "get_max_io_size"})
  private int mostBytes(Bio bio) {
    switch (bio.op()) {
      case BlkTypes.REQ_OP_FLUSH -> {
        return 0;
      }
      case BlkTypes.REQ_OP_DISCARD -> {
        return alignedEnd(bio, limits.maxDiscardSectors(), limits.discardGranularity());
      }
      case BlkTypes.REQ_OP_WRITE_ZEROES -> {
        return limits.maxWriteZeroesSectors() << BlkTypes.SECTOR_SHIFT;
      }
      default -> {
        int most = alignedEnd(bio, limits.maxSectors(), limits.physicalBlockSize());
        if (limits.chunkSectors() != 0) {
          long inChunk = bio.sector() & (limits.chunkSectors() - 1);
          most = (int) Math.min(most, (limits.chunkSectors() - inChunk) << BlkTypes.SECTOR_SHIFT);
        }
        return Math.min(most, bytesOf(bio, limits.maxSegments()));
      }
    }
  }

  /** Bytes of the first count vecs. */
  private static int bytesOf(Bio bio, int count) {
    int bytes = 0;
    int most = Math.min(count, bio.vecs());
    for (int i = 0; i < most; i++) {
      bytes += bio.vecLength(i);
    }
    return bytes;
  }

  /**
   * The bytes of a number of sectors, reduced so that the rest starts at a multiple, if possible.
   */
  private static int alignedEnd(Bio bio, int sectors, int multiple) {
    int bytes = sectors << BlkTypes.SECTOR_SHIFT;
    if (multiple == 0 || bytes >= bio.size()) {
      return bytes;
    }
    int over = (int) (((bio.sector() << BlkTypes.SECTOR_SHIFT) + bytes) & (multiple - 1));
    return bytes > over ? bytes - over : bytes;
  }

  /**
   * Puts a bio that fits into a request: the last one of its list if it can be merged, otherwise a
   * new one. A new request goes to the task's plug, or to the driver. All but the first request of
   * a batch are made here without a call, so that the compiler keeps the caller's values in
   * registers.
   *
   * @return the cookie, or BLK_QC_T_NONE if the bio failed because no request was free
   */
  @LinuxSource(
      file = "block/blk-mq.c",
      name = {"blk_mq_get_request", "blk_mq_bio_to_request"})
  private int queueOne(Task current, Bio bio) {
    HwCtx hctx = map(bio);
    if (!(current.plug() instanceof Plug plug)) {
      return queueNow(current, hctx, bio);
    }
    PlugList list = plug.listWithTags(hctx);
    if (list == null) {
      return queueFirst(current, plug, hctx, bio);
    }
    if (shouldMerge && list.attemptBackMerge(bio, limits)) {
      return list.lastCookie();
    }
    Request request = list.get(hctx);
    request.start(bio, plug.batchTime());
    int cookie = hctx.cookie(request);
    plug.add(list, request, bio);
    return cookie;
  }

  /** As queueOne, for a task without a plug. */
  private int queueNow(Task current, HwCtx hctx, Bio bio) {
    Request request = hctx.tryGet();
    if (request == null) {
      request = getOrEnd(current, hctx, bio);
      if (request == null) {
        return BlkTypes.BLK_QC_T_NONE;
      }
    }
    request.start(bio, now());
    // before queueRqs, which may complete and reuse the request
    int cookie = hctx.cookie(request);
    queueRqs(hctx, request);
    return cookie;
  }

  /** As queueOne, for a list that is not open or has no tags left. */
  private int queueFirst(Task current, Plug plug, HwCtx hctx, Bio bio) {
    PlugList list = plug.list(hctx);
    if (shouldMerge && list.attemptBackMerge(bio, limits)) {
      return list.lastCookie();
    }
    Request request = list.tryGet(hctx);
    if (request == null) {
      request = getOrEnd(current, hctx, bio);
      if (request == null) {
        return BlkTypes.BLK_QC_T_NONE;
      }
      list = plug.list(hctx); // the plug was flushed before the wait
      list.countOne();
    }
    request.start(bio, plug.now(this));
    int cookie = hctx.cookie(request);
    plug.add(list, request, bio);
    return cookie;
  }

  /**
   * Handles a queue without free tags. Waits for one, or fails the bio if it must not wait, and
   * then returns null.
   */
  @LinuxSource(file = "block/blk-core.c", name = "bio_wouldblock_error")
  private static @Nullable Request getOrEnd(Task current, HwCtx hctx, Bio bio) {
    if (bio.has(BlkTypes.REQ_NOWAIT)) {
      bio.wouldBlockError();
      return null;
    }
    return hctx.get(current);
  }

  /**
   * Polls for completions on the hardware queue of a cookie. Never sleeps; may spin.
   *
   * @param cookie returned by submitBio
   * @param spin whether to poll, for a bounded time, until something completes
   * @return completions found, or a negative errno
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_poll")
  public int blkPoll(int cookie, boolean spin) {
    if (!canPoll(cookie)) {
      return 0;
    }
    HwCtx hctx = hctxs[cookie >> 16];
    for (int i = 0; i < SPINS; i++) {
      int found = poll(hctx);
      if (found != 0 || !spin) {
        return found;
      }
      Thread.onSpinWait();
    }
    return 0;
  }

  /**
   * Polls every polled hardware queue once, for a task that waits for other tasks' I/O. Never
   * sleeps.
   *
   * @return completions found
   */
  public int pollAll() {
    int found = 0;
    for (HwCtx hctx : polled) {
      found += Math.max(0, poll(hctx));
    }
    return found;
  }

  /**
   * Returns whether a cookie can be polled. It can't if its bio has completed, or if its queue has
   * an interrupt.
   *
   * @param cookie returned by submitBio
   * @return true if so
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "QUEUE_FLAG_POLL")
  public boolean canPoll(int cookie) {
    return cookie != BlkTypes.BLK_QC_T_NONE && hctxs[cookie >> 16].polled();
  }

  /**
   * Counts busy time for requests in flight since start: whole ticks that are not counted yet. From
   * any context.
   */
  @LinuxSource(file = "block/blk-core.c", name = "part_round_stats")
  void busy(long start, long now) {
    long tick = now >> TICK_SHIFT;
    long before = stamp;
    if (tick - before > 0 && STAMP.compareAndSet(this, before, tick)) { // once per tick
      long from = Math.max(before, start >> TICK_SHIFT);
      busyTicks.getAndAdd(Math.max(0, tick - from));
    }
  }

  /** {@return the statistics, racy while requests are in flight} */
  public DiskStats stats() {
    return DiskStats.of(hctxs, busyTags(), busyTicks.get() << TICK_SHIFT);
  }

  /** {@return the number of tags in use, of all hardware queues; 0 when nothing is in flight} */
  public int busyTags() {
    int sum = 0;
    for (HwCtx hctx : hctxs) {
      sum += hctx.busyTags();
    }
    return sum;
  }

  /**
   * Lists the requests whose tags are in use, for a dump. From any context; takes no lock.
   *
   * @return for each hardware queue with busy tags, a line for the queue and one for each of its
   *     requests; empty when nothing is in flight
   */
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    for (HwCtx hctx : hctxs) {
      List<String> busy = hctx.describe();
      if (!busy.isEmpty()) {
        lines.add(hctx.toString());
        lines.addAll(busy);
      }
    }
    return lines;
  }
}
