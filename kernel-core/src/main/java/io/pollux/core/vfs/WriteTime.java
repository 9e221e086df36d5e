// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The time of the last write to a file, kept in memory until the filesystem writes it to the disk.
 * From any context.
 */
@LinuxSource(file = "fs/inode.c", name = "file_update_time")
public final class WriteTime {
  private static final long NEVER = Long.MIN_VALUE;

  private final Runnable whenDirty;
  private volatile long millis = NEVER; // since 1970
  private final AtomicBoolean dirty = new AtomicBoolean(); // the time is not on disk yet

  /**
   * Creates the time of a file that was not written to.
   *
   * @param whenDirty called when the time must be written; not called again before {@link
   *     #markClean}
   */
  public WriteTime(Runnable whenDirty) {
    this.whenDirty = whenDirty;
  }

  /** Records that the content changes now. */
  public void update() {
    long now = System.currentTimeMillis(); // as coarse as a kernel's tick
    if (millis != now) {
      millis = now;
    }
    markDirty();
  }

  /** Marks the time as not written. */
  public void markDirty() {
    if (!dirty.get() && dirty.compareAndSet(false, true)) {
      whenDirty.run();
    }
  }

  /**
   * Marks the time as written, just before the write. A later change of the file marks it dirty
   * again.
   *
   * @return false if it was clean already
   */
  public boolean markClean() {
    return dirty.getAndSet(false);
  }

  /** Drops the time, unless it is dirty. Afterwards the times on the disk apply. */
  public void forget() {
    if (!dirty.get()) {
      millis = NEVER;
    }
  }

  /** Whether {@link #millis} is the time of modification and of change of the file. */
  public boolean isSet() {
    return millis != NEVER;
  }

  /** Returns the time in milliseconds since 1970; Long.MIN_VALUE if there is none. */
  public long millis() {
    return millis;
  }
}
