// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/** The ioctls of a block device. */
@LinuxSource(file = "block/ioctl.c", name = "blkdev_ioctl")
final class BlkdevIoctl {
  private BlkdevIoctl() {}

  static long ioctl(Task current, File file, int cmd, long arg) {
    BlockDevice bdev = DefBlkFops.bdev(file);
    return switch (cmd) {
      case BlkIoctl.BLKROGET -> putInt(current, arg, bdev.readOnly() ? 1 : 0);
      case BlkIoctl.BLKSSZGET -> putInt(current, arg, bdev.queue().logicalBlockSize());
      case BlkIoctl.BLKPBSZGET -> putInt(current, arg, bdev.queue().limits().physicalBlockSize());
      case BlkIoctl.BLKGETSIZE -> putLong(current, arg, bdev.bytes() >> BlkTypes.SECTOR_SHIFT);
      case BlkIoctl.BLKGETSIZE64 -> putLong(current, arg, bdev.bytes());
      case BlkIoctl.BLKFLSBUF -> bdev.sync(current);
      case BlkIoctl.BLKDISCARD -> range(current, file, arg, true);
      case BlkIoctl.BLKZEROOUT -> range(current, file, arg, false);
      default -> -Errno.ENOTTY;
    };
  }

  @LinuxSource(file = "block/ioctl.c", name = {"put_int", "put_uint"})
  private static long putInt(Task current, long arg, int value) {
    if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, value);
    return 0;
  }

  @LinuxSource(file = "block/ioctl.c", name = {"put_ulong", "put_u64"})
  private static long putLong(Task current, long arg, long value) {
    if (!current.mm().accessOk(arg, Long.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putLong(arg, value);
    return 0;
  }

  /** Discards or zeroes a range. What is cached of it goes, dirty or not. */
  @LinuxSource(file = "block/ioctl.c", name = {"blk_ioctl_discard", "blk_ioctl_zeroout"})
  private static long range(Task current, File file, long arg, boolean discard) {
    BlockDevice bdev = DefBlkFops.bdev(file);
    if (!file.writable()) {
      return -Errno.EBADF;
    }
    if (discard && bdev.queue().limits().maxDiscardSectors() == 0) {
      return -Errno.EOPNOTSUPP;
    }
    if (!current.mm().accessOk(arg, 2 * Long.BYTES, false)) {
      return -Errno.EFAULT;
    }
    long start = RawMemory.getLong(arg);
    long length = RawMemory.getLong(arg + Long.BYTES);
    int mask = bdev.queue().logicalBlockSize() - 1;
    if (start < 0 || length < 0 || start > bdev.bytes() || length > bdev.bytes() - start || length == 0) {
      return -Errno.EINVAL;
    }
    if (((start | length) & mask) != 0) {
      return -Errno.EINVAL;
    }
    if (bdev.readOnly()) {
      return -Errno.EPERM;
    }
    Mapping mapping = bdev.mapping();
    mapping.truncateRange(current, start, start + length - 1);
    int result =
        discard
            ? bdev.discardAndWait(current, start, length)
            : bdev.zeroAndWait(current, start, length, BlockDevice.ZERO_NOUNMAP);
    mapping.invalidateRange(start, start + length - 1);
    return result;
  }
}
