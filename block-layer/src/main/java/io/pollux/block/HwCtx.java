// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A hardware queue: its tags, and a request for each: the counterpart of blk_mq_hw_ctx and its sbitmap of
 * tags.
 */
@LinuxSource(file = "include/linux/blk-mq.h", name = {"blk_mq_hw_ctx", "blk_mq_tags"})
public final class HwCtx {
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  private final RequestQueue queue;
  private final int index;
  private final boolean polled;
  private final Request[] requests;
  private final long[] busy; // a set bit is a tag in use; through WORDS
  private final WaitQueue tagWait = new WaitQueue();

  HwCtx(RequestQueue queue, int index, boolean polled, int depth) {
    assert depth > 0 && depth <= 1 << 16 : depth;
    this.queue = queue;
    this.index = index;
    this.polled = polled;
    requests = new Request[depth];
    for (int tag = 0; tag < depth; tag++) {
      requests[tag] = new Request(this, tag);
    }
    int words = (depth + 63) >> 6;
    busy = new long[words];
    if ((depth & 63) != 0) {
      busy[words - 1] = -1L << (depth & 63); // tags that are none
    }
  }

  /**
   * The queue.
   *
   * @return where this belongs
   */
  public RequestQueue queue() {
    return queue;
  }

  /**
   * Whether completions are polled for here.
   *
   * @return true for HCTX_TYPE_POLL
   */
  public boolean polled() {
    return polled;
  }

  int cookie(Request request) {
    return index << 16 | request.tag();
  }

  /** Takes a request, or answers null if all are in use. */
  @LinuxSource(file = "block/blk-mq-tag.c", name = "blk_mq_get_tag")
  @Nullable Request tryGet() {
    for (int word = 0; word < busy.length; word++) {
      long bits = (long) WORDS.getOpaque(busy, word);
      while (bits != -1) {
        long bit = Long.lowestOneBit(~bits);
        long seen = (long) WORDS.compareAndExchange(busy, word, bits, bits | bit);
        if (seen == bits) {
          return requests[(word << 6) + Long.numberOfTrailingZeros(bit)];
        }
        bits = seen;
      }
    }
    return null;
  }

  /**
   * Takes a request, and waits until one is free. On a polled queue it polls meanwhile: nobody else may be
   * there to make one free.
   */
  Request get(Task current) {
    current.aboutToSleep(); // the plug may hold the very requests that have to end first
    Taker taker = new Taker();
    while (polled && !taker.getAsBoolean()) {
      queue.ops().poll(this);
      Thread.onSpinWait();
    }
    tagWait.waitUninterruptibly(taker);
    return taker.taken();
  }

  /** The condition of a wait for a tag, and what it got. */
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

  @LinuxSource(file = "block/blk-mq-tag.c", name = "blk_mq_put_tag")
  void putTag(int tag) {
    long bit = 1L << (tag & 63);
    long before = (long) WORDS.getAndBitwiseAnd(busy, tag >> 6, ~bit);
    assert (before & bit) != 0 : "a tag given back twice";
    if (tagWait.active()) { // full order before it: no waiter is missed
      tagWait.wakeUp();
    }
  }

  /**
   * Tags in use, for the books: 0 when nothing is in flight.
   *
   * @return how many
   */
  public int busyTags() {
    int sum = 0;
    for (int word = 0; word < busy.length; word++) {
      sum += Long.bitCount((long) WORDS.getOpaque(busy, word));
    }
    return sum - (busy.length * 64 - requests.length);
  }
}
