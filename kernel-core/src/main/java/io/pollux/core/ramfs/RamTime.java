// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.vfs.Timespec64;
import org.jspecify.annotations.Nullable;

/**
 * A time of an inode: the current time in milliseconds, as coarse as the tick of a kernel, or a
 * time that a program named. Setting the current time allocates nothing, because each write does
 * it.
 */
final class RamTime {
  private volatile long millis;
  private volatile @Nullable Timespec64 named; // instead of the milliseconds

  RamTime(long millis) {
    this.millis = millis;
  }

  void set(long now) {
    millis = now;
    if (named != null) {
      named = null;
    }
  }

  void set(Timespec64 time) {
    named = time;
  }

  Timespec64 get() {
    Timespec64 time = named;
    return time != null ? time : Timespec64.ofMillis(millis);
  }
}
