// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A hardware queue, with its tags and a request for each: the counterpart of blk_mq_hw_ctx and its
 * sbitmap of tags.
 */
@LinuxSource(
    file = "include/linux/blk-mq.h",
    name = {"blk_mq_hw_ctx", "blk_mq_tags"})
public final class HwCtx {
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final AtomicInteger INTERRUPTING = new AtomicInteger();
  private static final AtomicInteger POLLED = new AtomicInteger();

  private final RequestQueue queue;
  private final int number;
  private final int index;
  private final boolean polled;
  private final Request[] requests;
  private final QueueStats stats;
  private final long[] busy; // a set bit is a tag in use; through WORDS
  private int hint; // the word where the last tag was found; written by any thread, so only a hint
  private final WaitQueue tagWait = new WaitQueue();
  private final RequestList waiting = new RequestList();
  private final DispatchList dispatch = new DispatchList(this);

  HwCtx(RequestQueue queue, int index, boolean polled, int depth) {
    this.queue = queue;
    this.index = index;
    this.polled = polled;
    number = (polled ? POLLED : INTERRUPTING).getAndIncrement();
    requests = new Request[depth];
    for (int tag = 0; tag < depth; tag++) {
      requests[tag] = new Request(this, tag);
    }
    stats = new QueueStats(depth);
    int words = (depth + 63) >> 6;
    busy = new long[words];
    if ((depth & 63) != 0) {
      busy[words - 1] = -1L << (depth & 63); // bits beyond the depth
    }
  }

  /** {@return the queue that this belongs to} */
  public RequestQueue queue() {
    return queue;
  }

  /** {@return the index in the queue, from 0; interrupt-driven queues come first} */
  public int index() {
    return index;
  }

  /** {@return true for HCTX_TYPE_POLL: requests complete only inside a poll} */
  public boolean polled() {
    return polled;
  }

  /** {@return a list for the driver's own use: requests that wait for a poll} */
  public RequestList waiting() {
    return waiting;
  }

  DispatchList dispatch() {
    return dispatch;
  }

  /**
   * Takes back requests that the driver has no resources for, unchanged. They are queued before all
   * later requests of this hardware queue. The driver gets them again after the next completion of
   * the hardware queue, or within milliseconds. From {@link BlkMqOps#queueRqs}, or later from any
   * context.
   *
   * @param chain requests of this queue that the driver owns, linked by {@link Request#next()}; no
   *     longer the driver's
   * @throws IllegalStateException if the driver does not own one of them, or the chain is a circle;
   *     then none is taken back
   */
  @LinuxSource(
      file = "include/linux/blk_types.h",
      name = {"BLK_STS_RESOURCE", "BLK_STS_DEV_RESOURCE"})
  public void handBack(Request chain) {
    int count = 0;
    for (Request request = chain; request != null; request = request.next) {
      request.checkOwned(this);
      if (++count > requests.length) {
        throw new IllegalStateException("a chain of " + queue.name() + " that is a circle");
      }
    }
    for (Request request = chain; request != null; request = request.next) {
      request.setHandedBack();
    }
    if (Trace.on()) {
      BlockTrace.requests(TracePoint.BLOCK_RQ_REQUEUE, chain);
    }
    dispatch.handBack(chain);
  }

  /** A number that is unique among hardware queues of the same kind, up to 2^32 of them. */
  int number() {
    return number;
  }

  QueueStats stats() {
    return stats;
  }

  int depth() {
    return requests.length;
  }

  Request request(int tag) {
    return requests[tag];
  }

  int cookie(Request request) {
    return index << 16 | request.tag();
  }

  /** Takes a request, or returns null if all are in use. */
  @LinuxSource(file = "block/blk-mq-tag.c", name = "blk_mq_get_tag")
  @Nullable Request tryGet() {
    int start = hint;
    for (int i = 0; i < busy.length; i++) {
      int word = start + i < busy.length ? start + i : start + i - busy.length;
      long bits = (long) WORDS.getOpaque(busy, word);
      while (bits != -1) {
        long bit = Long.lowestOneBit(~bits);
        long seen = (long) WORDS.compareAndExchange(busy, word, bits, bits | bit);
        if (seen == bits) {
          found(word);
          return requests[(word << 6) + Long.numberOfTrailingZeros(bit)];
        }
        bits = seen;
      }
    }
    return null;
  }

  /**
   * Takes tags for a plug, at most as many as wanted. It takes more than one only if plenty are
   * free, so that spare tags starve no other task. Returns false if all are in use.
   */
  @Differs(
      kind = Differs.Kind.LATER,
      why =
          "A batch takes tags for as many requests as the batch before it used. The posting's"
              + " kernel takes a tag for each request; Linux takes several since 5.16.",
      test = "BatchesTest#aBatchTakesTagsForAsManyRequestsAsTheLastOneHad")
  boolean takeAhead(PlugList list, int wanted) {
    int start = hint;
    for (int i = 0; i < busy.length; i++) {
      int word = start + i < busy.length ? start + i : start + i - busy.length;
      long bits = (long) WORDS.getOpaque(busy, word);
      while (bits != -1) {
        long taken = lowestBits(~bits, wanted);
        long seen = (long) WORDS.compareAndExchange(busy, word, bits, bits | taken);
        if (seen == bits) {
          found(word);
          list.word = word;
          list.tags = taken;
          return true;
        }
        bits = seen;
      }
    }
    return false;
  }

  /**
   * Returns some of the lowest free bits: at least one, at most a quarter of them. free is not 0.
   */
  private static long lowestBits(long free, int wanted) {
    long taken = Long.lowestOneBit(free);
    int most = Math.min(wanted, Long.bitCount(free) >> 2);
    for (int n = 1; n < most; n++) {
      taken |= Long.lowestOneBit(free ^ taken);
    }
    return taken;
  }

  private void found(int word) {
    if (hint != word) {
      hint = word;
    }
  }

  /**
   * Takes a request; waits until one is free. On a polled queue it polls meanwhile, since no other
   * task may be polling.
   */
  Request get(Task current) {
    current.aboutToSleep(); // the plug may hold the requests that must complete first
    Taker taker = new Taker();
    while (polled && !taker.getAsBoolean()) {
      queue.poll(this);
      Thread.onSpinWait();
    }
    tagWait.waitUninterruptibly(taker);
    return taker.taken();
  }

  /** The condition of a wait for a tag, and the request it got. */
  private final class Taker implements BooleanSupplier {
    private @Nullable Request got;

    @Override
    public boolean getAsBoolean() {
      if (got == null) {
        got = tryGet();
      }
      return got != null;
    }

    Request taken() {
      Request request = got;
      assert request != null;
      return request;
    }
  }

  /** Puts tags and wakes a waiter. From any context. */
  @LinuxSource(file = "block/blk-mq-tag.c", name = "blk_mq_put_tag")
  void putTags(int word, long tags) {
    // clears only these bits, which are all set
    long before = (long) WORDS.getAndAdd(busy, word, -tags);
    if ((before & tags) != tags) {
      WORDS.getAndAdd(busy, word, tags); // as it was; another thread may have seen wrong tags
      throw new IllegalStateException("a tag of " + queue.name() + " given back twice");
    }
    if (tagWait.active()) { // the add's full order comes first: no waiter is missed
      tagWait.wakeUp();
    }
  }

  /**
   * Completes a chain of requests of this queue, each with its status ({@link Request#setStatus}).
   * All tags are put before the first end_io, which may wake a task that needs one. On a device
   * with a write cache the requests complete one by one. From any context.
   *
   * @param chain requests, linked by {@link Request#next()}; no longer the driver's, except those
   *     that come back for a flush
   * @return the number of requests
   * @throws IllegalStateException if the driver does not own one of them: it completed the request
   *     before, or the request is another queue's. Those before it in the chain are complete; it
   *     and those after it are as they were.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "All tags of a batch are put before its first end_io, whose owner may need one. The"
              + " posting's kernel ends requests one by one.",
      test = "BatchesTest#allTagsAreFreeBeforeTheFirstEndIo")
  @LinuxSource(
      file = "block/blk-mq.c",
      name = {"blk_mq_end_request", "blk_mq_end_request_batch", "blk_account_io_done"})
  public int completeAll(Request chain) {
    chain.checkCompletes(this);
    int count = endAll(chain);
    if (dispatch.isActive()) {
      dispatch.run();
    }
    return count;
  }

  /** Completes a chain that the driver, or the queue in its place, owns. */
  private int endAll(Request chain) {
    if (chain.next == null) {
      complete(chain);
      return 1;
    }
    if (queue.limits().writeCache()) {
      return completeEach(chain); // any of them may have another step
    }
    long now = queue.now();
    queue.busy(chain.startNanos(), now); // the first has been in flight longest
    int count = 0;
    Bio first = chain.bio();
    Bio last = null;
    int word = chain.tag() >> 6;
    long tags = 0;
    int op = first.op();
    int ios = 0; // of that operation, not in the statistics yet; so are the next two
    long sectors = 0;
    long nanos = 0;
    Request request = chain;
    Request foreign = null;
    while (true) {
      Request following = request.next;
      if (following != null && !following.completesBy(this)) {
        foreign = following; // complete those before it first
        following = null;
      }
      int tag = request.tag();
      int own = request.bio().op();
      if (own != op) {
        stats.done(tag, QueueStats.group(op), ios, sectors, nanos);
        op = own;
        ios = 0;
        sectors = 0;
        nanos = 0;
      }
      ios++;
      sectors += request.bytes() >> BlkTypes.SECTOR_SHIFT;
      nanos += now - request.startNanos();
      if (following == null) {
        stats.done(
            tag, QueueStats.group(op), ios, sectors, nanos); // while this thread still owns the tag
      }
      if (tag >> 6 != word) {
        putTags(word, tags);
        tags = 0;
        word = tag >> 6;
      }
      tags |= 1L << (tag & 63);
      if (last != null) {
        last.next = request.bio();
      }
      last = request.detach();
      count++;
      if (following == null) {
        break;
      }
      request = following;
    }
    putTags(word, tags);
    endBios(first);
    if (foreign != null) {
      foreign.checkCompletes(this);
    }
    return count;
  }

  private int completeEach(Request chain) {
    int count = 0;
    Request request = chain;
    while (request != null) {
      request.checkCompletes(this);
      Request following = request.next;
      request.next = null;
      complete(request);
      count++;
      request = following;
    }
    return count;
  }

  /** As completeAll, for a single request. */
  private void complete(Request request) {
    if (request.goesOn()) {
      return;
    }
    Bio head = request.bio();
    int tag = request.tag();
    if (head.op() != BlkTypes.REQ_OP_FLUSH) {
      long now = queue.now();
      long start = request.startNanos();
      stats.done(
          tag,
          QueueStats.group(head.op()),
          1,
          request.bytes() >> BlkTypes.SECTOR_SHIFT,
          now - start);
      queue.busy(start, now);
    }
    request.detach();
    try {
      putTags(tag >> 6, 1L << (tag & 63));
    } finally {
      endBios(head); // even if a driver's mistake made the tags wrong
    }
  }

  private static void endBios(@Nullable Bio first) {
    if (Debug.ON) {
      LockOrder.enterCompletion();
      try {
        endEach(first);
      } finally {
        LockOrder.leaveCompletion();
      }
    } else {
      endEach(first);
    }
  }

  private static void endEach(@Nullable Bio first) {
    Bio bio = first;
    while (bio != null) {
      Bio following = bio.next;
      bio.next = null;
      bio.endio(bio.result);
      bio = following;
    }
  }

  /** Fails requests that no driver holds with EIO. From any context. */
  void failAll(Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next;
      request.next = null;
      if (!request.abandonClones()) {
        request.setStatus(-Errno.EIO);
        complete(request);
      }
      request = following;
    }
  }

  /**
   * Fails the requests that the driver holds with EIO. The driver no longer accesses them. Requests
   * with clones in flight complete with those. Requests in a plug fail when the plug is flushed.
   * From completion context.
   */
  @LinuxSource(file = "drivers/nvme/host/core.c", name = "nvme_cancel_request")
  void cancelAll() {
    for (Request request : requests) {
      if (request.isInFlight()) {
        try {
          if (!request.abandonClones()) {
            request.complete(-Errno.EIO);
          }
        } catch (Throwable e) { // raced with its completion
          Oops.report("a disk that is shut down", e, "its other requests fail with EIO");
        }
      }
    }
  }

  /** {@return the number of tags in use; 0 when nothing is in flight} */
  public int busyTags() {
    int sum = 0;
    for (int word = 0; word < busy.length; word++) {
      sum += Long.bitCount((long) WORDS.getOpaque(busy, word));
    }
    return sum - (busy.length * 64 - requests.length);
  }

  /**
   * Lists the requests whose tags are in use, for a dump. From any context; takes no lock.
   *
   * @return a line for each busy tag, in the order of the tags. A tag that a plug keeps for later
   *     has no bio.
   */
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    for (int tag = 0; tag < requests.length; tag++) {
      long bits = (long) WORDS.getOpaque(busy, tag >> 6);
      if ((bits >>> tag & 1) != 0) {
        lines.add(requests[tag].toString());
      }
    }
    return lines;
  }

  /** Describes the hardware queue in one line, for a dump. From any context; takes no lock. */
  @Override
  public String toString() {
    return "hctx "
        + index
        + " of "
        + queue.name()
        + (polled ? " polled, " : ", ")
        + busyTags()
        + " of "
        + requests.length
        + " tags in use";
  }
}
