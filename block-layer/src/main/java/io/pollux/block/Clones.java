// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The clones of a request's bios, which a stacked driver submits to other disks. Belongs to the
 * request's owner until all are submitted, and then to the completions of the clones. The bios are
 * made at first use and kept.
 */
@LinuxSource(
    file = "drivers/md/dm.c",
    name = {"dm_io", "dm_target_io"})
final class Clones {
  /** Maximum number of clones of a request. */
  static final int MAX_CLONES = 4_096;

  private static final VarHandle REMAINING;
  private static final VarHandle ERROR;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      REMAINING = lookup.findVarHandle(Clones.class, "remaining", int.class);
      ERROR = lookup.findVarHandle(Clones.class, "error", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Request request;
  private Bio[] bios = {};
  private int count;
  private int submitted;

  @SuppressWarnings("unused") // through REMAINING
  private int remaining; // clones that have not completed, submitted or not

  @SuppressWarnings("unused") // through ERROR
  private int error; // the first one

  Clones(Request request) {
    this.request = request;
  }

  boolean isEmpty() {
    return count == 0;
  }

  /** Whether some are submitted and not all have completed. */
  boolean inFlight() {
    return submitted != 0;
  }

  /** Adds a bio that is not in use, for the caller to initialize with {@link #ended}. */
  Bio add() {
    if (submitted != 0) {
      throw new IllegalStateException(request.misuse("gets a clone after others were submitted"));
    }
    if (count == bios.length) {
      if (count == MAX_CLONES) {
        throw new IllegalStateException(request.misuse("gets more than " + MAX_CLONES + " clones"));
      }
      bios = Arrays.copyOf(bios, Math.min(MAX_CLONES, Math.max(1, 2 * count)));
      for (int i = count; i < bios.length; i++) {
        bios[i] = Bio.embedded();
      }
    }
    return bios[count++];
  }

  /**
   * Submits the clones that are not submitted yet. Returns false if a disk has no request free for
   * one. After the last was submitted, the request may be complete.
   */
  boolean submit() {
    if (submitted == 0) {
      if (count == 0) {
        throw new IllegalStateException(request.misuse("has no clones to submit"));
      }
      error = 0;
      REMAINING.setOpaque(this, count); // no other thread has a clone yet
    }
    int all = count;
    for (int next = submitted; next < all; next++) {
      Bio clone = bios[next];
      submitted = next + 1; // first: the last completion resets it
      if (!clone.bdev().submitFromDriver(clone)) {
        submitted = next;
        return false;
      }
    }
    return true;
  }

  /**
   * Fails the clones that are not submitted, when the driver will not submit them. Returns whether
   * others are in flight: the request is then theirs, and completes with the last of them.
   */
  boolean abandon() {
    int next = submitted;
    int all = count;
    if (next == 0) {
      for (int i = 0; i < all; i++) {
        bios[i].put();
      }
      count = 0;
      return false;
    }
    request.setInFlightAgain(); // it may have been handed back
    submitted = all;
    for (; next < all; next++) {
      bios[next].endio(-Errno.EIO);
    }
    return true;
  }

  /**
   * Polls the disks of the clones. Returns the number of completions there. A poller that races
   * with a completion may see earlier clones, and polls their disks in vain.
   */
  int poll() {
    int found = 0;
    for (Bio clone : bios) {
      BlockDevice disk = clone == null ? null : clone.lastBdev();
      if (disk != null) {
        found += disk.queue().pollAll();
      }
    }
    return found;
  }

  /** The end_io of a clone. The last one completes the request. */
  @LinuxSource(
      file = "drivers/md/dm.c",
      name = {"clone_endio", "dec_pending"})
  static void ended(Bio clone) {
    Clones clones = (Clones) clone.owner();
    assert clones != null;
    int status = clone.status();
    clone.put();
    if (status != 0) {
      ERROR.compareAndSet(clones, 0, status);
    }
    // the only one left: pairs with the others' getAndAdd, which have full order
    if ((int) REMAINING.getAcquire(clones) == 1 || (int) REMAINING.getAndAdd(clones, -1) == 1) {
      clones.count = 0;
      clones.submitted = 0;
      clones.request.clonesEnded();
      clones.request.complete((int) ERROR.getOpaque(clones));
    }
  }
}
