// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A transfer of many pieces of kernel memory that somebody waits for: pieces that follow each other on the device go
 * in one bio, and all bios are on their way before the wait begins.
 *
 * <p>Belongs to one task, and serves one transfer.
 */
@LinuxSource(file = "fs/mpage.c", name = "mpage_readpages")
public final class BioBatch {
  private static final int MAX_RANGE = 1 << 30; // a multiple of everything

  private final BlockDevice bdev;
  private final int opf;
  private final Plug plug = new Plug();
  private final WaitQueue queue = new WaitQueue();
  private final AtomicInteger ref = new AtomicInteger(1); // bios in flight, and the submitter
  private final AtomicInteger error = new AtomicInteger(); // the first one
  private @Nullable Bio bio; // being filled
  private long next; // the position behind it
  private boolean plugged;

  /**
   * Makes an empty batch.
   *
   * @param bdev the device
   * @param opf operation and flags of {@link BlkTypes}
   */
  public BioBatch(BlockDevice bdev, int opf) {
    this.bdev = bdev;
    this.opf = opf;
  }

  /**
   * Adds a piece. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param address kernel memory, good until {@link #await} returns
   * @param bytes length, a positive multiple of the logical block size, at most a page
   */
  public void add(Task current, long position, long address, int bytes) {
    assert ((position | bytes) & (bdev.queue().logicalBlockSize() - 1)) == 0 : position;
    Bio open = bio;
    if (open == null || position != next || !open.addMemory(address, bytes)) {
      send(current);
      open = Bio.alloc(current, bdev, position >> BlkTypes.SECTOR_SHIFT, opf, BioBatch::end, this);
      boolean added = open.addMemory(address, bytes);
      assert added : bytes;
      bio = open;
    }
    next = position + bytes;
  }

  /**
   * Adds a range of the device that needs no memory. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param bytes length, a positive multiple of the logical block size
   */
  void addRange(Task current, long position, long bytes) {
    for (long done = 0; done < bytes && error.get() == 0; done += MAX_RANGE) {
      bio = Bio.alloc(current, bdev, (position + done) >> BlkTypes.SECTOR_SHIFT, opf, BioBatch::end, this);
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
    bdev.submitBio(current, full);
  }

  /**
   * Waits until everything that was added is done. From process context.
   *
   * @param current the calling task
   * @return 0, or the first error
   */
  @LinuxSource(file = "block/bio.c", name = "submit_bio_wait")
  public int await(Task current) {
    send(current);
    if (plugged) {
      plug.finish(current);
      plugged = false;
    }
    if (ref.decrementAndGet() != 0) {
      current.aboutToSleep(); // the bios may sit in somebody else's plug
      queue.waitUninterruptibly(() -> ref.get() == 0);
    }
    return error.get();
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
      batch.queue.wakeUp();
    }
  }
}
