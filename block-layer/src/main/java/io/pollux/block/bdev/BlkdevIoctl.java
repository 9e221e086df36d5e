// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/** The ioctls of a block device. */
@LinuxSource(file = "block/ioctl.c", name = "blkdev_ioctl")
final class BlkdevIoctl {
  private static final long SECTORS_OF_PAGE = HostMemory.PAGE_SIZE >> BlkTypes.SECTOR_SHIFT;
  private static final int MAX_SHORT = 0xffff;
  private static final int BLKPG_ARG_SIZE = 24; // struct blkpg_ioctl_arg
  private static final int BLKPG_DATA = 16;
  private static final int BLKPG_PARTITION_SIZE = 152; // struct blkpg_partition

  private BlkdevIoctl() {}

  static long ioctl(Task current, File file, int cmd, long arg) {
    BlockDevice bdev = DefBlkFops.bdev(file);
    QueueLimits limits = bdev.queue().limits();
    return switch (cmd) {
      case BlkIoctl.BLKROSET -> readOnly(current, bdev, arg);
      case BlkIoctl.BLKIOMIN -> putInt(current, arg, limits.physicalBlockSize());
      case BlkIoctl.BLKIOOPT, BlkIoctl.BLKALIGNOFF, BlkIoctl.BLKDISCARDZEROES ->
          putInt(current, arg, 0);
      case BlkIoctl.BLKGETZONESZ, BlkIoctl.BLKGETNRZONES -> putInt(current, arg, 0);
      case BlkIoctl.BLKSECTGET -> putShort(current, arg, Math.min(MAX_SHORT, limits.maxSectors()));
      case BlkIoctl.BLKROTATIONAL -> putShort(current, arg, 0);
      case BlkIoctl.BLKBSZGET -> putInt(current, arg, bdev.blockSize());
      case BlkIoctl.BLKBSZSET -> setBlockSize(current, file, arg);
      case BlkIoctl.BLKRASET, BlkIoctl.BLKFRASET -> setReadAhead(bdev, arg);
      case BlkIoctl.BLKRAGET, BlkIoctl.BLKFRAGET ->
          arg == 0 ? -Errno.EINVAL : putLong(current, arg, bdev.readAheadPages() * SECTORS_OF_PAGE);
      case BlkIoctl.BLKRRPART -> -Errno.EINVAL; // the disk has no partitions
      case BlkIoctl.BLKPG -> partition(current, arg);
      case BlkIoctl.HDIO_GETGEO -> arg == 0 ? -Errno.EINVAL : -Errno.ENOTTY;
      case BlkIoctl.BLKSECDISCARD -> file.writable() ? -Errno.EOPNOTSUPP : -Errno.EBADF;
      case BlkIoctl.BLKROGET -> putInt(current, arg, bdev.readOnly() ? 1 : 0);
      case BlkIoctl.BLKSSZGET -> putInt(current, arg, bdev.queue().logicalBlockSize());
      case BlkIoctl.BLKPBSZGET -> putInt(current, arg, limits.physicalBlockSize());
      case BlkIoctl.BLKGETSIZE -> putLong(current, arg, bdev.bytes() >> BlkTypes.SECTOR_SHIFT);
      case BlkIoctl.BLKGETSIZE64 -> putLong(current, arg, bdev.bytes());
      case BlkIoctl.BLKFLSBUF -> bdev.sync(current);
      case BlkIoctl.BLKDISCARD -> range(current, file, arg, true);
      case BlkIoctl.BLKZEROOUT -> range(current, file, arg, false);
      default -> -Errno.ENOTTY;
    };
  }

  @LinuxSource(file = "block/ioctl.c", name = "blkdev_roset")
  private static long readOnly(Task current, BlockDevice bdev, long arg) {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    bdev.setReadOnly(RawMemory.getInt(arg) != 0);
    return 0;
  }

  /**
   * Sets the block size. EBUSY if the device is mounted or another file has it open with O_EXCL.
   */
  @LinuxSource(file = "block/ioctl.c", name = "blkdev_bszset")
  private static long setBlockSize(Task current, File file, long arg) {
    if (arg == 0) {
      return -Errno.EINVAL;
    }
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    BlockDevice bdev = DefBlkFops.bdev(file);
    boolean held = bdev.claimedBy(file);
    if (!held && !bdev.claim(file)) {
      return -Errno.EBUSY;
    }
    int result = bdev.setBlockSize(RawMemory.getInt(arg));
    if (!held) {
      bdev.unclaim(file);
    }
    return result;
  }

  private static long setReadAhead(BlockDevice bdev, long sectors) {
    bdev.setReadAheadPages(Long.divideUnsigned(sectors, SECTORS_OF_PAGE));
    return 0;
  }

  /** Returns an error: there are no partitions, and none can be added. */
  @LinuxSource(file = "block/ioctl.c", name = "blkpg_ioctl")
  private static long partition(Task current, long arg) {
    if (!current.mm().accessOk(arg, BLKPG_ARG_SIZE, false)) {
      return -Errno.EFAULT;
    }
    long data = RawMemory.getLong(arg + BLKPG_DATA);
    return current.mm().accessOk(data, BLKPG_PARTITION_SIZE, false) ? -Errno.EINVAL : -Errno.EFAULT;
  }

  @LinuxSource(file = "block/ioctl.c", name = "put_ushort")
  private static long putShort(Task current, long arg, int value) {
    if (!current.mm().accessOk(arg, Short.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putShort(arg, (short) value);
    return 0;
  }

  @LinuxSource(
      file = "block/ioctl.c",
      name = {"put_int", "put_uint"})
  private static long putInt(Task current, long arg, int value) {
    if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, value);
    return 0;
  }

  @LinuxSource(
      file = "block/ioctl.c",
      name = {"put_ulong", "put_u64"})
  private static long putLong(Task current, long arg, long value) {
    if (!current.mm().accessOk(arg, Long.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putLong(arg, value);
    return 0;
  }

  /** Discards or zeroes a range. The cached pages of the range are dropped, dirty or not. */
  @LinuxSource(
      file = "block/ioctl.c",
      name = {"blk_ioctl_discard", "blk_ioctl_zeroout"})
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
    if (start < 0
        || length < 0
        || start > bdev.bytes()
        || length > bdev.bytes() - start
        || length == 0) {
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
