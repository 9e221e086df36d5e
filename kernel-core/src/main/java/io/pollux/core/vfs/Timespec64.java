// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/**
 * A time of a file.
 *
 * @param seconds since 1970, any value
 * @param nanos from 0 to 999,999,999
 */
@LinuxSource(file = "include/linux/time64.h", name = "timespec64")
public record Timespec64(long seconds, int nanos) {
  /** Nanoseconds in a second. */
  public static final int NSEC_PER_SEC = 1_000_000_000;

  private static final int MILLIS = 1000;
  private static final int NANOS_OF_MILLI = 1_000_000;

  /** Checks the range of the nanoseconds. */
  public Timespec64 {
    assert nanos >= 0 && nanos < NSEC_PER_SEC : nanos;
  }

  /**
   * Returns a time in milliseconds.
   *
   * @param millis milliseconds since 1970
   */
  public static Timespec64 ofMillis(long millis) {
    return new Timespec64(
        Math.floorDiv(millis, MILLIS), Math.floorMod(millis, MILLIS) * NANOS_OF_MILLI);
  }

  /** Returns the milliseconds since 1970, rounded down; at the ends of the range the last ones. */
  public long toMillis() {
    long most = Long.MAX_VALUE / MILLIS - 1;
    return Math.clamp(seconds, -most, most) * MILLIS + nanos / NANOS_OF_MILLI;
  }

  /** Returns the time now, as coarse as the tick of a kernel. */
  @LinuxSource(file = "fs/inode.c", name = "current_time")
  public static Timespec64 now() {
    return ofMillis(System.currentTimeMillis());
  }
}
