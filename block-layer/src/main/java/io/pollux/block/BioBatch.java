// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A synchronous transfer of many pieces of kernel memory. Contiguous pieces share a bio, and all
 * bios are submitted before the wait.
 *
 * <p>Belongs to one task, from {@link #get} to {@link #await}.
 */
@LinuxSource(file = "fs/mpage.c", name = "mpage_readpages")
public final class BioBatch extends Slab.Item implements BooleanSupplier {
  private static final Slab<BioBatch> SLAB = new Slab<>(BioBatch::new);

  private static final int MAX_RANGE = 1 << 30; // a multiple of every block size and granularity

  private @Nullable BlockDevice bdev;
  private int opf;
  private final Plug plug = new Plug();
  private final WaitQueue queue = new WaitQueue();
  private final AtomicInteger ref = new AtomicInteger(); // bios in flight, and the submitter
  private final AtomicInteger error = new AtomicInteger(); // the first one
  private @Nullable Bio bio; // being filled
  private long next; // the position after it
  private boolean plugged;

  private BioBatch() {}

  /**
   * Takes an empty batch. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param opf operation and flags of {@link BlkTypes}
   * @return the batch; the caller must call {@link #await}
   */
  public static BioBatch get(Task current, BlockDevice bdev, int opf) {
    BioBatch batch = SLAB.alloc(current);
    batch.bdev = bdev;
    batch.opf = opf;
    batch.ref.set(1);
    batch.error.set(0);
    return batch;
  }

  private BlockDevice bdev() {
    BlockDevice target = bdev;
    assert target != null : "a batch that has ended";
    return target;
  }

  /**
   * Adds a piece. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param address kernel memory, valid until {@link #await} returns
   * @param bytes length, a positive multiple of the logical block size, at most a page
   */
  public void add(Task current, long position, long address, int bytes) {
    assert ((position | bytes) & (bdev().queue().logicalBlockSize() - 1)) == 0 : position;
    Bio open = bio;
    if (open == null || position != next || !open.addMemory(address, bytes)) {
      send(current);
      open =
          Bio.alloc(current, bdev(), position >> BlkTypes.SECTOR_SHIFT, opf, BioBatch::end, this);
      boolean added = open.addMemory(address, bytes);
      assert added : bytes;
      bio = open;
    }
    next = position + bytes;
  }

  /**
   * Adds a range of the device for an operation without memory. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param bytes length, a positive multiple of the logical block size
   */
  void addRange(Task current, long position, long bytes) {
    for (long done = 0; done < bytes && error.get() == 0; done += MAX_RANGE) {
      bio =
          Bio.alloc(
              current,
              bdev(),
              (position + done) >> BlkTypes.SECTOR_SHIFT,
              opf,
              BioBatch::end,
              this);
      bio.setSize((int) Math.min(MAX_RANGE, bytes - done));
      send(current);
    }
  }

  private void send(Task current) {
    Bio full = bio;
    if (full == null) {
      return;
    }
    bio = null;
    if (!plugged) {
      plugged = plug.start(current);
    }
    ref.getAndIncrement();
    bdev().submitBio(current, full);
  }

  /**
   * Waits until all added pieces complete, and frees the batch. From process context.
   *
   * @param current the calling task
   * @return 0 or the first error
   */
  @LinuxSource(file = "block/bio.c", name = "submit_bio_wait")
  public int await(Task current) {
    send(current);
    if (plugged) {
      plug.finish(current);
      plugged = false;
    }
    if (ref.decrementAndGet() != 0) {
      current.aboutToSleep(); // the bios may be in an outer plug
      queue.waitUninterruptibly(this);
    }
    int result = error.get();
    bdev = null;
    Slab.free(this);
    return result;
  }

  /** The condition of {@link #await}. */
  @Override
  public boolean getAsBoolean() {
    return ref.get() == 0;
  }

  private static void end(Bio bio) {
    BioBatch batch = (BioBatch) bio.owner();
    assert batch != null;
    int status = bio.status();
    bio.put();
    if (status != 0) {
      batch.error.compareAndSet(0, status);
    }
    if (batch.ref.decrementAndGet() == 0) {
      // the batch may be another task's by now: its waiter checks its condition and sleeps again
      batch.queue.wakeUp();
    }
  }
}
