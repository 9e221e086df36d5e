// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Requests of ioctl on a block device. */
@LinuxSource(file = "include/uapi/linux/fs.h")
public final class BlkIoctl {
  /** Whether the device is read-only, as an int. */
  public static final int BLKROGET = 0x125e;

  /** The size of the device in sectors of 512 bytes, as an unsigned long. */
  public static final int BLKGETSIZE = 0x1260;

  /** Writes back what is dirty and forgets what is cached. */
  public static final int BLKFLSBUF = 0x1261;

  /** The logical block size in bytes, as an int. */
  public static final int BLKSSZGET = 0x1268;

  /** Discards a range: two u64, its first byte and its length. */
  public static final int BLKDISCARD = 0x1277;

  /** The physical block size in bytes, as an unsigned int. */
  public static final int BLKPBSZGET = 0x127b;

  /** Makes a range zero: two u64, its first byte and its length. */
  public static final int BLKZEROOUT = 0x127f;

  /** The size of the device in bytes, as a u64. */
  public static final int BLKGETSIZE64 = 0x80081272;

  private BlkIoctl() {}
}
