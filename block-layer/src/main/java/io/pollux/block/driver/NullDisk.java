// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.LinuxSource;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A disk with no latency, or a configured one. Metadata is kept in memory, so that a filesystem can
 * live on it. Data requests move nothing, unless the disk is memory-backed. It shows the cost of
 * the layers above a device.
 *
 * <p>With TIMER, a request on an interrupt-driven queue completes on the disk's own thread at its
 * deadline. One on a polled queue completes at the first poll after its deadline. With SOFTIRQ, the
 * thread completes requests as soon as it can, and a poll completes polled ones at once.
 */
@LinuxSource(file = "drivers/block/null_blk_main.c", name = "null_blk")
public final class NullDisk extends PolledDisk {
  private final RamDisk memory;
  private final NullParameters parameters;
  private final LongSupplier clock;
  private final boolean ownTime; // the caller supplies the time
  private final boolean timed; // otherwise every poll completes polled requests
  private final DelayLine[] lines; // one per hardware queue; none if everything completes at once
  private final @Nullable DiskThread irqs;
  private volatile @Nullable RequestQueue served; // the queue whose requests the thread completes

  /**
   * Makes a disk that completes requests at once and keeps no data.
   *
   * @param memory keeps the metadata; closed with this
   */
  public NullDisk(RamDisk memory) {
    this(memory, NullParameters.DEFAULT);
  }

  /**
   * Makes a disk.
   *
   * @param memory keeps the metadata, and the data if memory-backed; closed with this
   * @param parameters its behaviour
   */
  public NullDisk(RamDisk memory, NullParameters parameters) {
    this(memory, parameters, System::nanoTime, true);
  }

  /**
   * Makes a disk with a clock that the caller supplies. It has no thread: requests of
   * interrupt-driven queues complete at their deadlines inside {@link #expireTimers}.
   *
   * @param memory keeps the metadata, and the data if memory-backed; closed with this
   * @param parameters its behaviour
   * @param clock nanoseconds since a fixed time; called by any thread
   * @return the disk
   */
  public static NullDisk withClock(RamDisk memory, NullParameters parameters, LongSupplier clock) {
    return new NullDisk(memory, parameters, clock, false);
  }

  private NullDisk(
      RamDisk memory, NullParameters parameters, LongSupplier clock, boolean threaded) {
    super(memory.bytes());
    this.memory = memory;
    this.parameters = parameters;
    this.clock = clock;
    ownTime = !threaded;
    timed = parameters.irqmode() == NullParameters.IrqMode.TIMER;
    boolean delayed = parameters.irqmode() != NullParameters.IrqMode.NONE;
    lines = new DelayLine[delayed ? parameters.submitQueues() + parameters.pollQueues() : 0];
    for (int i = 0; i < lines.length; i++) {
      lines[i] = new DelayLine();
    }
    irqs = delayed && threaded ? new DiskThread("nullb-irq", this::expire, this::failed) : null;
  }

  /** Returns whether the thread has no request left to complete. */
  @Override
  public boolean isIdle() {
    boolean idle = true;
    for (int i = 0;
        irqs != null && irqs.isAlive() && lines.length != 0 && i < parameters.submitQueues();
        i++) {
      idle &= lines[i].isEmpty();
    }
    return idle;
  }

  private void failed(Throwable thrown) {
    RequestQueue queue = served;
    assert queue != null : "failed before its first request";
    queue.shutDown("nullb-irq", thrown);
  }

  @Override
  TagSet tagSet() {
    return new TagSet(
        parameters.submitQueues(), parameters.pollQueues(), parameters.hwQueueDepth(), true);
  }

  @Override
  QueueLimits limits() {
    QueueLimits limits = QueueLimits.of(parameters.bs()).withWriteCache(false, false);
    return limits.withDiscard(Math.max(parameters.bs(), 4096), 1 << 21, 1 << 21);
  }

  @Override
  RequestQueue queue() {
    return ownTime ? new RequestQueue(this, tagSet(), limits(), clock) : super.queue();
  }

  @Override
  int transfer(Bio bio, boolean write) {
    return parameters.memoryBacked() || bio.has(BlkTypes.REQ_META)
        ? memory.transfer(bio, write)
        : 0;
  }

  @Override
  int move(int opf, long at, long address, int bytes) {
    boolean kept = parameters.memoryBacked() || (opf & BlkTypes.REQ_META) != 0;
    return kept ? memory.move(opf, at, address, bytes) : 0;
  }

  @Override
  int discard(Bio bio) {
    return parameters.memoryBacked() ? memory.discard(bio) : 0;
  }

  @Override
  int writeZeroes(Bio bio) {
    return parameters.memoryBacked() ? memory.writeZeroes(bio) : 0;
  }

  private boolean delays(HwCtx hctx) {
    return timed || (lines.length != 0 && !hctx.polled());
  }

  @Override
  @LinuxSource(
      file = "drivers/block/null_blk_main.c",
      name = {"null_queue_rq", "null_cmd_end_timer"})
  public void queueRqs(HwCtx hctx, Request chain) {
    if (!delays(hctx)) {
      super.queueRqs(hctx, chain);
      return;
    }
    if (served == null) {
      served = hctx.queue();
    }
    lines[hctx.index()].add(chain, clock.getAsLong() + (timed ? parameters.completionNsec() : 0));
    if (irqs != null && !hctx.polled()) {
      irqs.wake();
    }
  }

  @Override
  @LinuxSource(file = "drivers/block/null_blk_main.c", name = "null_poll")
  public int poll(HwCtx hctx) {
    if (!delays(hctx)) {
      return super.poll(hctx);
    }
    return workAll(hctx, lines[hctx.index()].takeDue(clock.getAsLong()));
  }

  /**
   * Completes the due requests of interrupt-driven queues. Only for a disk made by {@link
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
    for (int i = 0; i < parameters.submitQueues(); i++) {
      Request due = lines[i].takeDue(now);
      if (due != null) {
        workAll(due.hctx(), due);
        done = true;
      } else {
        long next = lines[i].nextDeadline();
        if (next != DelayLine.NEVER) {
          long more = Math.max(1, next - now);
          left = left < 0 ? more : Math.min(left, more);
        }
      }
    }
    return done ? 0 : left;
  }

  @Override
  public void close() {
    try (memory;
        irqs) { // closes in reverse order, each even if the other throws
      return;
    }
  }
}
