// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Requests of ioctl on a block device. */
@LinuxSource(file = "include/uapi/linux/fs.h")
public final class BlkIoctl {
  /** The size of the device in bytes, as a u64. */
  public static final int BLKGETSIZE64 = 0x80081272;

  private BlkIoctl() {}
}
