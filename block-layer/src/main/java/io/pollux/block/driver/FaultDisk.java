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
import io.pollux.uapi.Errno;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Wraps a disk and injects the faults of a {@link FaultPlan}. It records them in its {@link
 * FaultLog}.
 *
 * <p>Requests without a fault are passed to the wrapped disk, in the same batches. A failing
 * request completes at once, or, on a polled queue, inside a poll. A request that was held back
 * completes on the disk's own thread, or inside a poll.
 *
 * <p>With the volatile cache, this disk serves requests itself. A write completes when its data is
 * in the cache, and reads see it. A flush writes the cache to the wrapped disk, and a write with
 * REQ_FUA goes there directly. The wrapped disk's timers then have no effect. A null disk that
 * keeps no data also drops what is flushed.
 *
 * <p>A <b>power cut</b>, by the plan or by {@link #powerCut}, fails everything in flight with EIO,
 * and everything queued until {@link #powerOn}. With the cache, each unflushed write and each write
 * in flight is then on the medium, lost, or torn at a logical block. The seed decides, also whether
 * an earlier write lies over a later one. Flushed data stays. Without the cache, the completed
 * writes are on the medium and no others. A request that a wrapped disk with timers has, or that
 * another thread is serving, completes as if before the cut.
 *
 * <p>A request without a fault allocates nothing, unless it goes to the cache. The cache copies the
 * data of writes and keeps an entry for each sector. The disk has one lock. It is held while faults
 * are injected and while the cache is used, never while a request completes or is passed to the
 * wrapped disk.
 */
public final class FaultDisk implements BlkMqOps, AutoCloseable {
  /** How long requests wait for others to be reordered with, if the plan has no delay. */
  static final long REORDER_NANOS = 100_000;

  // Results of serve besides 0 and a negative errno.
  private static final int PASS = 1;
  private static final int PASS_AND_CUT = 2;

  private final BlkMqOps wrapped;
  private final @Nullable PolledDisk medium; // the wrapped disk, if it is of this package
  private final long bytes;
  private final TagSet tagSet;
  private final QueueLimits limits;
  private final FaultPlan plan;
  private final LongSupplier clock;
  private final boolean ownTime; // the caller supplies the time
  private final FaultLog log = new FaultLog();
  private final AtomicLong numbers = new AtomicLong();
  // the polled queues that the wrapped disk got requests of
  private final AtomicReferenceArray<@Nullable HwCtx> polled;
  private final @Nullable DiskThread irqs;
  private volatile @Nullable RequestQueue served; // the queue whose requests the thread completes
  private final Object lock = new Object(); // protects all fields below, and their contents
  private final HeldRequests[] held; // one per hardware queue
  private int working; // chains taken from held and not yet completed or passed on, under the lock
  private final @Nullable WriteCache cache;
  private long writes; // number of completed writes
  private volatile boolean off; // written under the lock, as cuts
  private volatile int cuts;

  private FaultDisk(
      BlkMqOps wrapped,
      long bytes,
      TagSet tags,
      QueueLimits limits,
      FaultPlan plan,
      @Nullable LongSupplier clock) {
    this.wrapped = wrapped;
    this.bytes = bytes;
    this.plan = plan;
    medium = wrapped instanceof PolledDisk disk ? disk : null;
    if (medium == null && (plan.volatileCache() || plan.cutsShort())) {
      throw new IllegalArgumentException(
          "a volatile cache, or short completions, need a disk whose data can be reached");
    }
    ownTime = clock != null;
    this.clock = clock == null ? System::nanoTime : clock;
    tagSet = plan.tagsOf(tags);
    polled = new AtomicReferenceArray<>(tags.submitQueues() + tags.pollQueues());
    held = new HeldRequests[polled.length()];
    for (int i = 0; i < held.length; i++) {
      held[i] = new HeldRequests(tagSet.depth(), plan, log);
    }
    this.limits =
        plan.volatileCache() ? limits.withWriteCache(true, true).withDiscard(0, 0, 0) : limits;
    cache = medium != null && plan.volatileCache() ? new WriteCache(medium, log) : null;
    irqs =
        plan.holds() && !ownTime ? new DiskThread("fault-irq", this::expire, this::failed) : null;
  }

  private void failed(Throwable thrown) {
    RequestQueue queue = served;
    assert queue != null : "failed before its first request";
    queue.shutDown("fault-irq", thrown);
  }

  private static FaultDisk overPolled(
      PolledDisk disk, FaultPlan plan, @Nullable LongSupplier clock) {
    if (disk.movesByItself()) {
      throw new IllegalArgumentException(
          "a disk that moves data by itself, so that it would be done before it is to fail");
    }
    return new FaultDisk(disk, disk.bytes(), disk.tagSet(), disk.limits(), plan, clock);
  }

  /**
   * Wraps a disk of this package.
   *
   * @param disk the disk, without a copy engine; closed with this
   * @param plan its faults
   * @return the faulty disk
   */
  public static FaultDisk over(PolledDisk disk, FaultPlan plan) {
    return overPolled(disk, plan, null);
  }

  /**
   * Wraps a disk in memory, with a clock that the caller supplies. There is no thread: held
   * requests of interrupt-driven queues complete inside {@link #expireTimers}.
   *
   * @param disk the disk, closed with this
   * @param plan its faults
   * @param clock nanoseconds since a fixed time; called by any thread
   * @return the faulty disk
   */
  public static FaultDisk withClock(RamDisk disk, FaultPlan plan, LongSupplier clock) {
    return overPolled(disk, plan, clock);
  }

  /**
   * Wraps any driver. A volatile cache and short requests are unsupported, since they need access
   * to the data.
   *
   * @param driver the driver, closed with this
   * @param bytes size of the disk
   * @param tagSet its hardware queues
   * @param limits its limits
   * @param plan its faults
   * @return the faulty disk
   * @throws IllegalArgumentException if the plan has an unsupported fault
   */
  public static FaultDisk over(
      BlkMqOps driver, long bytes, TagSet tagSet, QueueLimits limits, FaultPlan plan) {
    return new FaultDisk(driver, bytes, tagSet, limits, plan, null);
  }

  /**
   * Makes this a block device.
   *
   * @param name its name under /dev
   * @param dev its device number
   * @param readOnly whether it rejects writes
   * @return the device
   */
  public BlockDevice disk(String name, long dev, boolean readOnly) {
    RequestQueue queue =
        ownTime
            ? new RequestQueue(this, tagSet, limits, clock)
            : new RequestQueue(this, tagSet, limits);
    return new BlockDevice(name, dev, bytes, readOnly, queue);
  }

  /** {@return the plan} */
  public FaultPlan plan() {
    return plan;
  }

  /** {@return the log, to which further faults are added} */
  public FaultLog log() {
    return log;
  }

  /** {@return the number of requests that the disk got} */
  public long requests() {
    return numbers.get();
  }

  /** {@return the number of writes that are only in the volatile cache} */
  public int unflushedWrites() {
    synchronized (lock) {
      return cache == null ? 0 : cache.unflushedWrites();
    }
  }

  /**
   * Reads what a read would return, without faults and without a log entry. Unsupported if a driver
   * of another package is wrapped.
   *
   * @param at first byte on the disk
   * @param address destination
   * @param length bytes; the range lies inside the disk
   * @return 0 or a negative errno
   */
  public int peek(long at, long address, int length) {
    if (at < 0 || length < 0 || at > bytes - length) {
      throw new IndexOutOfBoundsException(length + " bytes at " + at + " of a disk of " + bytes);
    }
    PolledDisk disk = medium;
    if (disk == null) {
      return -Errno.EOPNOTSUPP;
    }
    synchronized (lock) {
      return cache == null
          ? disk.move(BlkTypes.REQ_OP_READ, at, address, length)
          : cache.readAt(BlkTypes.REQ_OP_READ, at, address, length);
    }
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (served == null) {
      served = hctx.queue();
    }
    Request fresh = medium == null ? LinearDisk.passAgain(wrapped, hctx, chain) : chain;
    if (fresh != null) {
      queueFresh(hctx, fresh);
    }
  }

  private void queueFresh(HwCtx hctx, Request chain) {
    int power = cuts;
    int length = 0;
    for (Request request = chain; request != null; request = request.next()) {
      length++;
    }
    long number = numbers.getAndAdd(length);
    boolean well = cache == null && !plan.holds() && !off && !cutPending();
    for (Request request = chain; request != null; request = request.next()) {
      number++;
      request.setDriverData(number);
      well = well && fate(number, request) == 0;
    }
    if (well) {
      if (hctx.polled() && polled.getPlain(hctx.index()) == null) {
        polled.set(hctx.index(), hctx);
      }
      wrapped.queueRqs(hctx, chain);
    } else if (plan.holds() || hctx.polled()) {
      hold(hctx, chain);
    } else {
      work(hctx, chain, power);
    }
  }

  private boolean cutPending() {
    return plan.cutAt() != 0 && cuts == 0;
  }

  private long fate(long number, Request request) {
    if (!plan.mayFail()) {
      return 0;
    }
    Bio bio = request.bio();
    return plan.fate(number, bio.op(), bio.sector(), request.bytes() >> BlkTypes.SECTOR_SHIFT);
  }

  private void hold(HwCtx hctx, Request chain) {
    long now = clock.getAsLong();
    Request due;
    int power;
    synchronized (lock) {
      HeldRequests mine = held[hctx.index()];
      Request request = chain;
      while (request != null) {
        Request following = request.next();
        long number = request.driverData();
        if (plan.isLate(number)) {
          log.add(FaultLog.Kind.LATE, number, request);
          mine.add(request, now, plan.delayNanos(), false);
        } else if (plan.reorder() > 0 && !hctx.polled()) {
          mine.add(request, now, plan.delayNanos() > 0 ? plan.delayNanos() : REORDER_NANOS, true);
        } else {
          mine.add(request, now, 0, false);
        }
        request = following;
      }
      power = cuts;
      due = hctx.polled() ? null : takeDue(mine, now);
    }
    if (due != null) {
      work(hctx, due, power);
    }
    if (irqs != null && !hctx.polled()) {
      irqs.wake();
    }
  }

  /** Takes a chain that {@link #work} completes or passes on. Under the lock. */
  private @Nullable Request takeDue(HeldRequests from, long now) {
    Request due = from.takeDue(now);
    if (due != null) {
      working++;
    }
    return due;
  }

  /**
   * Serves due requests that were queued at power-cut count power. Returns how many completed here.
   */
  private int work(HwCtx hctx, @Nullable Request chain, int power) {
    try {
      return serveAll(hctx, chain, power);
    } finally {
      if (chain != null) {
        synchronized (lock) {
          working--;
        }
      }
    }
  }

  private int serveAll(HwCtx hctx, @Nullable Request chain, int power) {
    Request failed = null; // or served here
    Request failedEnd = null;
    Request passed = null;
    Request passedEnd = null;
    int ended = 0;
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      request.setNext(null);
      int status = serve(request, power);
      if (status <= 0) {
        request.setStatus(status);
        if (failedEnd == null) {
          failed = request;
        } else {
          failedEnd.setNext(request);
        }
        failedEnd = request;
      } else {
        if (passedEnd == null) {
          passed = request;
        } else {
          passedEnd.setNext(request);
        }
        passedEnd = request;
        if (status == PASS_AND_CUT) {
          ended += pass(hctx, passed);
          passed = null;
          passedEnd = null;
          powerCut();
        }
      }
      request = following;
    }
    if (passed != null) {
      wrapped.queueRqs(hctx, passed);
    }
    return ended + (failed == null ? 0 : hctx.completeAll(failed));
  }

  /**
   * Has the wrapped disk serve requests now. An error of its poll is reported again by the next
   * poll.
   */
  private int pass(HwCtx hctx, @Nullable Request chain) {
    if (chain != null) {
      wrapped.queueRqs(hctx, chain);
    }
    return hctx.polled() ? Math.max(0, wrapped.poll(hctx)) : 0;
  }

  /** Serves a request, or a part of it. Returns 0, a negative errno, or PASS or PASS_AND_CUT. */
  private int serve(Request request, int power) {
    synchronized (lock) {
      long number = HeldRequests.numberOf(request);
      if (off || power != cuts || request.driverData() < 0) {
        log.add(FaultLog.Kind.POWER_OFF, number, request);
        return -Errno.EIO;
      }
      long fate = fate(number, request);
      if (fate != 0) {
        log.add(
            FaultPlan.isShort(fate) ? FaultLog.Kind.SHORT : FaultLog.Kind.ERROR, number, request);
        return FaultPlan.isShort(fate) ? moveSome(number, request, fate) : -FaultPlan.errnoOf(fate);
      }
      int status = cache == null ? PASS : cache.serve(number, request);
      if (status >= 0
          && request.bio().op() == BlkTypes.REQ_OP_WRITE
          && ++writes == plan.cutAt()
          && cuts == 0) {
        if (cache == null) {
          return PASS_AND_CUT;
        }
        cut();
      }
      return status;
    }
  }

  /** Moves the first sectors of a request. Returns its result. */
  private int moveSome(long number, Request request, long fate) {
    int block = limits.logicalBlockSize();
    int most = (FaultPlan.sectorsOf(fate) << BlkTypes.SECTOR_SHIFT) & -block;
    boolean write = request.bio().op() == BlkTypes.REQ_OP_WRITE;
    int status = 0;
    if (most > 0 && cache != null) {
      status = write ? cache.write(number, request, most) : cache.read(request, most);
    } else if (most > 0 && medium != null) {
      status = moveSome(medium, request, most);
    }
    return status != 0 ? status : -FaultPlan.errnoOf(fate);
  }

  private static int moveSome(PolledDisk disk, Request request, int most) {
    long at = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    int left = most;
    int status = 0;
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      for (int i = 0; i < bio.vecs() && left > 0 && status == 0; i++) {
        int length = Math.min(left, bio.vecLength(i));
        status = disk.move(bio.opf(), at, bio.vecAddress(i), length);
        at += length;
        left -= length;
      }
    }
    return status;
  }

  /** Returns whether the thread has no request left to complete, here or in the wrapped disk. */
  @Override
  public boolean isIdle() {
    boolean idle;
    synchronized (lock) {
      idle = working == 0;
      for (int i = 0; irqs != null && irqs.isAlive() && i < tagSet.submitQueues(); i++) {
        idle &= held[i].isEmpty();
      }
    }
    return idle && wrapped.isIdle(); // in the order in which requests pass
  }

  @Override
  public int poll(HwCtx hctx) {
    Request due;
    int power;
    synchronized (lock) {
      due = takeDue(held[hctx.index()], clock.getAsLong());
      power = cuts;
    }
    int ended = work(hctx, due, power);
    if (cache != null) {
      return ended;
    }
    int found = wrapped.poll(hctx);
    return found >= 0 ? ended + found : (ended > 0 ? ended : found);
  }

  /**
   * Completes the due held requests of interrupt-driven queues. Only for a disk made by {@link
   * #withClock}.
   *
   * @return whether there were any
   */
  public boolean expireTimers() {
    assert irqs == null : "the disk has a thread that does this";
    return expire() == 0;
  }

  private long expire() {
    long now = clock.getAsLong();
    long left = -1;
    boolean done = false;
    for (int i = 0; i < tagSet.submitQueues(); i++) {
      Request due;
      long next;
      int power;
      synchronized (lock) {
        due = takeDue(held[i], now);
        next = held[i].nextDeadline();
        power = cuts;
      }
      if (due != null) {
        work(due.hctx(), due, power);
        done = true;
      } else if (next != DelayLine.NEVER) {
        long more = Math.max(1, next - now);
        left = left < 0 ? more : Math.min(left, more);
      }
    }
    return done ? 0 : left;
  }

  /** Cuts the power now, if it is on. From any thread. */
  public void powerCut() {
    synchronized (lock) {
      if (!off) {
        cut();
      }
    }
  }

  /** Restores the power; the disk has what is on its medium. From any thread. */
  public void powerOn() {
    synchronized (lock) {
      off = false;
    }
  }

  /** Cuts the power. Under the lock. */
  private void cut() {
    off = true;
    int cut = cuts + 1;
    cuts = cut;
    for (int i = 0; i < held.length; i++) {
      HwCtx hctx = polled.get(i);
      if (hctx != null && medium != null) {
        holdAll(held[i], medium.takeBack(hctx));
      }
      held[i].forEach(this::strike);
    }
    int sectors = cache == null ? 0 : cache.unflushedSectors();
    log.add(
        new FaultLog.Fault(
            FaultLog.Kind.POWER_CUT, requests(), BlkTypes.REQ_OP_WRITE, 0, sectors, 0));
    if (cache != null) {
      cache.cut(new SplittableRandom(plan.cutSeed(cut)));
    }
  }

  private void holdAll(HeldRequests mine, @Nullable Request chain) {
    long now = clock.getAsLong();
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      mine.add(request, now, 0, false);
      request = following;
    }
  }

  /**
   * Marks a request in flight at a power cut: it will fail with EIO, and its write may still reach
   * the medium.
   */
  private void strike(Request request) {
    long number = HeldRequests.numberOf(request);
    boolean mine = request.driverData() > 0; // not marked before
    request.setDriverData(-number);
    if (cache != null
        && mine
        && request.bio().op() == BlkTypes.REQ_OP_WRITE
        && fate(number, request) == 0) {
      int status = cache.write(number, request, request.bytes());
      // if a full cache could not be written back, the cut decides about all of it
      assert status <= 0 : status;
    }
  }

  /**
   * Writes the cache back, as a disk does at shutdown, and closes the wrapped disk. No request is
   * in flight.
   */
  @Override
  public void close() {
    AutoCloseable last = wrapped::close;
    AutoCloseable before = this::closeCache;
    try (last;
        before;
        irqs) { // closes in reverse order, each even if another throws
      return;
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      // their close methods throw no checked exception
      throw new IllegalStateException("closing a disk", e);
    }
  }

  private void closeCache() {
    synchronized (lock) {
      if (cache != null) {
        int status = off ? 0 : cache.flush();
        cache.close();
        if (status != 0) {
          throw new IllegalStateException("writing back a cache: " + Errno.name(-status));
        }
      }
    }
  }
}
