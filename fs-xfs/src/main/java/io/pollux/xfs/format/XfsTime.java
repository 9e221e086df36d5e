// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/**
 * Times of inodes, in one of two formats. The older one has 32 bits of seconds and 32 bits of
 * nanoseconds. The other ("bigtime") has 64 bits of nanoseconds since the earliest second of the
 * older one.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_inode_from_disk_ts")
public final class XfsTime {
  private static final long NANOS = 1_000_000_000;
  private static final long MILLIS = 1_000;

  /** The second at which bigtime begins: 1901-12-13 20:45:52 UTC. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_BIGTIME_EPOCH_OFFSET")
  private static final long BIGTIME_EPOCH = Integer.MIN_VALUE;

  /** The last second of bigtime: 2486-07-02 20:20:24 UTC. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_BIGTIME_TIME_MAX")
  private static final long BIGTIME_LAST = (Long.divideUnsigned(-1, NANOS) & ~3) + BIGTIME_EPOCH;

  private XfsTime() {}

  /** Seconds since 1970. */
  public static long seconds(long disk, boolean bigtime) {
    return bigtime ? Long.divideUnsigned(disk, NANOS) + BIGTIME_EPOCH : (int) (disk >> 32);
  }

  /**
   * Converts milliseconds since 1970 to the format on disk; the older format clamps to its range of
   * seconds.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_inode_to_disk_ts")
  public static long ofMillis(long millis, boolean bigtime) {
    long seconds = Math.floorDiv(millis, MILLIS);
    long nanos = Math.floorMod(millis, MILLIS) * (NANOS / MILLIS);
    return of(seconds, nanos, bigtime);
  }

  /** As {@link #ofMillis}, from seconds and nanoseconds; both formats clamp to their range. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_inode_to_disk_ts")
  public static long of(long seconds, long nanos, boolean bigtime) {
    return bigtime
        ? (Math.clamp(seconds, BIGTIME_EPOCH, BIGTIME_LAST) - BIGTIME_EPOCH) * NANOS + nanos
        : (long) Math.clamp(seconds, Integer.MIN_VALUE, Integer.MAX_VALUE) << 32 | nanos;
  }

  /** Nanoseconds on top of the seconds. */
  public static long nanos(long disk, boolean bigtime) {
    return bigtime ? Long.remainderUnsigned(disk, NANOS) : disk & 0xffff_ffffL;
  }
}
