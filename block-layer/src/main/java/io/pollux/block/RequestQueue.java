// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The requests of one device: hardware queues that interrupt and others that are polled. */
@LinuxSource(file = "include/linux/blkdev.h", name = "request_queue")
public final class RequestQueue {
  /** Tags of each hardware queue, as an NVMe drive has them. */
  public static final int DEFAULT_DEPTH = 1023;

  /** Looks at the device that one spinning poll makes before it lets others run (need_resched). */
  private static final int SPINS = 1_000;

  /** log2 of the nanoseconds of a tick, in which the time is counted that a device is busy: about a millisecond. */
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
  private final QueueLimits limits;
  private final LongSupplier clock;
  private final HwCtx[] hctxs; // the interrupting ones, then the polled ones
  private final HwCtx[] interrupting;
  private final HwCtx[] polled;
  private final @Nullable HwCtx onlyPolled; // if there is one
  private final int logicalBlockSize; // as the limits have it; this and what follows are looked at for each bio
  private final boolean shouldMerge;
  private final int simpleBytes; // what is no longer can't be too long; 0 if that depends on where it is
  private final int maxSegments;
  private volatile long stamp; // the tick up to which busyTicks is right
  private final AtomicLong busyTicks = new AtomicLong();

  /**
   * Makes a queue of a device with a write cache that takes one bio a request: one hardware queue that interrupts and
   * one that is polled.
   *
   * @param ops the driver
   * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
   * @param depth tags of each hardware queue, from 1 to 65,536
   */
  public RequestQueue(BlkMqOps ops, int logicalBlockSize, int depth) {
    this(ops, new TagSet(1, 1, depth, false), QueueLimits.of(logicalBlockSize));
  }

  /**
   * Makes a queue whose statistics count time by a clock that ticks every few milliseconds.
   *
   * @param ops the driver
   * @param tagSet its hardware queues
   * @param limits what the device takes
   */
  public RequestQueue(BlkMqOps ops, TagSet tagSet, QueueLimits limits) {
    this(ops, tagSet, limits, CoarseClock::nanos);
  }

  /**
   * Makes a queue.
   *
   * @param ops the driver
   * @param tagSet its hardware queues
   * @param limits what the device takes
   * @param clock tells nanoseconds since some time, for statistics; from any thread
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_init_queue")
  public RequestQueue(BlkMqOps ops, TagSet tagSet, QueueLimits limits, LongSupplier clock) {
    this.ops = ops;
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
    stamp = clock.getAsLong() >> TICK_SHIFT;
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

  /**
   * What the device takes.
   *
   * @return as given
   */
  public QueueLimits limits() {
    return limits;
  }

  /** Sets the device's name. Called before its first request. */
  void setName(String device) {
    name = device;
  }

  /** Passes requests to the driver. If the driver throws, it is not called again, and the requests it holds fail later. */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_dispatch_rq_list")
  void queueRqs(HwCtx hctx, Request chain) {
    BlkMqOps driver = ops; // read once: a request is marked only if the live driver gets it
    if (!(driver instanceof DeadDriver)) {
      for (Request request = chain; request != null; request = request.next) {
        request.setInFlight();
      }
    }
    try {
      driver.queueRqs(hctx, chain);
    } catch (Throwable e) {
      shutDown("the driver of " + name, e);
    }
  }

  /** Polls a hardware queue. Returns the number of completions, or a negative errno. */
  int poll(HwCtx hctx) {
    try {
      return ops.poll(hctx);
    } catch (Throwable e) {
      shutDown("the driver of " + name, e);
      return 0; // requests in flight fail soon
    }
  }

  /**
   * Reports a failure of the driver and shuts the queue down. New requests fail with EIO at once. Requests in flight fail after
   * one second, unless the driver completes them first ({@link BlkMqOps#isIdle}). From any context; a second call does nothing.
   *
   * @param where the thread or the part that failed
   * @param thrown the cause
   */
  @LinuxSource(file = "block/blk-core.c", name = "blk_set_queue_dying")
  public void shutDown(String where, Throwable thrown) {
    synchronized (hctxs) {
      if (ops instanceof DeadDriver) {
        return;
      }
      DeadDriver dead = new DeadDriver(ops, hctxs);
      ops = dead;
      CoarseClock.add(dead, DeadDriver.GRACE_NANOS);
    }
    Oops.report(where, thrown, name + " is shut down, and its requests fail with EIO");
  }

  long now() {
    return clock.getAsLong();
  }

  /**
   * The hardware queue for what a task submits: always the same one for a task, so that one cookie does to poll for
   * all that it sent. From process context.
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
      bio.clear(BlkTypes.REQ_HIPRI); // nobody polls here; REQ_NOWAIT stays
    }
    return interrupting.length == 1 ? interrupting[0] : byThread(interrupting);
  }

  private static HwCtx byThread(HwCtx[] choice) {
    return choice[(int) (Thread.currentThread().threadId() % choice.length)];
  }

  /**
   * Sends a bio that lies inside the device, in pieces if it is too much for one request.
   *
   * @return the cookie, or BLK_QC_T_NONE if the bio ended
   */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_make_request")
  int makeRequest(Task current, Bio bio) {
    int vecs = bio.vecs();
    if (bio.size() > simpleBytes || vecs > maxSegments || vecs == 0) {
      return makeRequests(current, bio);
    }
    return queueOne(current, bio);
  }

  /** As makeRequest, for a bio that may be too much for one request. */
  @LinuxSource(file = "block/blk-merge.c", name = "blk_queue_split")
  private int makeRequests(Task current, Bio bio) {
    int cookie = BlkTypes.BLK_QC_T_NONE;
    for (int most = mostBytes(bio); most < bio.size(); most = mostBytes(bio)) { // each piece takes a block or more
      int sent = queueOne(current, bio.split(current, most));
      if (sent == BlkTypes.BLK_QC_T_NONE) {
        bio.wouldBlockError(); // the owner sees this once the submitted pieces complete
        return cookie;
      }
      cookie = sent;
    }
    int sent = queueOne(current, bio);
    return sent == BlkTypes.BLK_QC_T_NONE ? cookie : sent;
  }

  /** How much of a bio one request can take, from its start. */
  @LinuxSource(file = "block/blk-merge.c", name = {"blk_bio_segment_split", "blk_bio_discard_split", "get_max_io_size"})
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
        return Math.min(most, bio.bytesOf(limits.maxSegments()));
      }
    }
  }

  /** As many bytes as a number of sectors, or a few less, so that what comes behind begins at a multiple. */
  private static int alignedEnd(Bio bio, int sectors, int multiple) {
    int bytes = sectors << BlkTypes.SECTOR_SHIFT;
    if (multiple == 0 || bytes >= bio.size()) {
      return bytes;
    }
    int over = (int) (((bio.sector() << BlkTypes.SECTOR_SHIFT) + bytes) & (multiple - 1));
    return bytes > over ? bytes - over : bytes;
  }

  /**
   * Puts a bio that fits into a request, that of a bio before it if it goes on there, and gives the request to the
   * driver or the task's plug.
   *
   * @return the cookie, or BLK_QC_T_NONE if the bio ended for want of a request
   */
  @LinuxSource(file = "block/blk-mq.c", name = {"blk_mq_get_request", "blk_mq_bio_to_request"})
  private int queueOne(Task current, Bio bio) {
    HwCtx hctx = map(bio);
    if (!(current.plug() instanceof Plug plug)) {
      Request request = hctx.tryGet();
      if (request == null) {
        request = getOrEnd(current, hctx, bio);
        if (request == null) {
          return BlkTypes.BLK_QC_T_NONE;
        }
      }
      request.start(bio, now());
      int cookie = hctx.cookie(request); // now: the request may be another's when the driver has had it
      queueRqs(hctx, request);
      return cookie;
    }
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
      list = plug.list(hctx); // the plug was emptied before the wait
    }
    request.start(bio, plug.now(this));
    int cookie = hctx.cookie(request);
    plug.add(list, request, bio);
    return cookie;
  }

  /** All tags are in use: waits for one, or ends the bio if that must not be, and answers null. */
  @LinuxSource(file = "block/blk-core.c", name = "bio_wouldblock_error")
  private static @Nullable Request getOrEnd(Task current, HwCtx hctx, Bio bio) {
    if (bio.has(BlkTypes.REQ_NOWAIT)) {
      bio.wouldBlockError();
      return null;
    }
    return hctx.get(current);
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
   * Looks once for completions on every polled hardware queue: for who waits for I/O that others sent. Sleeps never.
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
   * Whether there is anything to poll for a cookie: not if the bio has ended, and not on a device without polled
   * queues, where completions come by themselves.
   *
   * @param cookie what submitBio answered
   * @return true if so
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "QUEUE_FLAG_POLL")
  public boolean canPoll(int cookie) {
    return cookie != BlkTypes.BLK_QC_T_NONE && hctxs[cookie >> 16].polled();
  }

  /** Requests were in flight, the first since a time. Counts whole ticks that began meanwhile and that nobody counted. From any context. */
  @LinuxSource(file = "block/blk-core.c", name = "part_round_stats")
  void busy(long start, long now) {
    long tick = now >> TICK_SHIFT;
    long before = stamp;
    if (tick - before > 0 && STAMP.compareAndSet(this, before, tick)) { // once in a millisecond
      long from = Math.max(before, start >> TICK_SHIFT);
      busyTicks.getAndAdd(Math.max(0, tick - from));
    }
  }

  /**
   * What the device has done.
   *
   * @return a look at counters that others count on meanwhile
   */
  public DiskStats stats() {
    return DiskStats.of(hctxs, busyTags(), busyTicks.get() << TICK_SHIFT);
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
