// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct statx}, 256 bytes: the result of statx.
 *
 * <p>A time is 16 bytes: 64 bits of seconds, 32 bits of nanoseconds, 4 bytes of padding.
 */
@LinuxSource(file = "include/uapi/linux/stat.h", name = "statx")
public final class Statx {
  /** The fields of struct stat. */
  public static final int STATX_BASIC_STATS = 0x7ff;

  /** The birth time. */
  public static final int STATX_BTIME = 0x800;

  /** The file is stored compressed. */
  public static final int STATX_ATTR_COMPRESSED = 0x4;

  /** The file must not change. */
  public static final int STATX_ATTR_IMMUTABLE = 0x10;

  /** The file may only grow. */
  public static final int STATX_ATTR_APPEND = 0x20;

  /** Backups skip the file. */
  public static final int STATX_ATTR_NODUMP = 0x40;

  /** The file is stored encrypted. */
  public static final int STATX_ATTR_ENCRYPTED = 0x800;

  /** A reserved bit: EINVAL. */
  public static final int STATX__RESERVED = 0x8000_0000;

  /** The layout of {@code struct statx}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("stx_mask"),
              ValueLayout.JAVA_INT.withName("stx_blksize"),
              ValueLayout.JAVA_LONG.withName("stx_attributes"),
              ValueLayout.JAVA_INT.withName("stx_nlink"),
              ValueLayout.JAVA_INT.withName("stx_uid"),
              ValueLayout.JAVA_INT.withName("stx_gid"),
              ValueLayout.JAVA_SHORT.withName("stx_mode"),
              MemoryLayout.paddingLayout(2),
              ValueLayout.JAVA_LONG.withName("stx_ino"),
              ValueLayout.JAVA_LONG.withName("stx_size"),
              ValueLayout.JAVA_LONG.withName("stx_blocks"),
              ValueLayout.JAVA_LONG.withName("stx_attributes_mask"),
              ValueLayout.JAVA_LONG.withName("stx_atime"),
              ValueLayout.JAVA_INT.withName("stx_atime_nsec"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_LONG.withName("stx_btime"),
              ValueLayout.JAVA_INT.withName("stx_btime_nsec"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_LONG.withName("stx_ctime"),
              ValueLayout.JAVA_INT.withName("stx_ctime_nsec"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_LONG.withName("stx_mtime"),
              ValueLayout.JAVA_INT.withName("stx_mtime_nsec"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_INT.withName("stx_rdev_major"),
              ValueLayout.JAVA_INT.withName("stx_rdev_minor"),
              ValueLayout.JAVA_INT.withName("stx_dev_major"),
              ValueLayout.JAVA_INT.withName("stx_dev_minor"),
              MemoryLayout.paddingLayout(112))
          .withName("statx");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long STX_MASK = offset("stx_mask");
  private static final long STX_BLKSIZE = offset("stx_blksize");
  private static final long STX_ATTRIBUTES = offset("stx_attributes");
  private static final long STX_NLINK = offset("stx_nlink");
  private static final long STX_UID = offset("stx_uid");
  private static final long STX_GID = offset("stx_gid");
  private static final long STX_MODE = offset("stx_mode");
  private static final long STX_INO = offset("stx_ino");
  private static final long STX_SIZE = offset("stx_size");
  private static final long STX_BLOCKS = offset("stx_blocks");
  private static final long STX_ATTRIBUTES_MASK = offset("stx_attributes_mask");
  private static final long STX_ATIME = offset("stx_atime");
  private static final long STX_ATIME_NSEC = offset("stx_atime_nsec");
  private static final long STX_BTIME = offset("stx_btime");
  private static final long STX_BTIME_NSEC = offset("stx_btime_nsec");
  private static final long STX_CTIME = offset("stx_ctime");
  private static final long STX_CTIME_NSEC = offset("stx_ctime_nsec");
  private static final long STX_MTIME = offset("stx_mtime");
  private static final long STX_MTIME_NSEC = offset("stx_mtime_nsec");
  private static final long STX_RDEV_MAJOR = offset("stx_rdev_major");
  private static final long STX_RDEV_MINOR = offset("stx_rdev_minor");
  private static final long STX_DEV_MAJOR = offset("stx_dev_major");
  private static final long STX_DEV_MINOR = offset("stx_dev_minor");

  private Statx() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code stx_mask}: STATX_* bits of the valid fields. */
  public static int stxMask(long at) {
    return RawMemory.getInt(at, STX_MASK);
  }

  /** Writes {@code stx_mask}: STATX_* bits of the valid fields. */
  public static void stxMask(long at, int value) {
    RawMemory.putInt(at, STX_MASK, value);
  }

  /** Reads {@code stx_blksize}: preferred I/O size in bytes. */
  public static int stxBlksize(long at) {
    return RawMemory.getInt(at, STX_BLKSIZE);
  }

  /** Writes {@code stx_blksize}: preferred I/O size in bytes. */
  public static void stxBlksize(long at, int value) {
    RawMemory.putInt(at, STX_BLKSIZE, value);
  }

  /** Reads {@code stx_attributes}: STATX_ATTR_* bits. */
  public static long stxAttributes(long at) {
    return RawMemory.getLong(at, STX_ATTRIBUTES);
  }

  /** Writes {@code stx_attributes}: STATX_ATTR_* bits. */
  public static void stxAttributes(long at, long value) {
    RawMemory.putLong(at, STX_ATTRIBUTES, value);
  }

  /** Reads {@code stx_nlink}: hard links. */
  public static int stxNlink(long at) {
    return RawMemory.getInt(at, STX_NLINK);
  }

  /** Writes {@code stx_nlink}: hard links. */
  public static void stxNlink(long at, int value) {
    RawMemory.putInt(at, STX_NLINK, value);
  }

  /** Reads {@code stx_uid}: owner. */
  public static int stxUid(long at) {
    return RawMemory.getInt(at, STX_UID);
  }

  /** Writes {@code stx_uid}: owner. */
  public static void stxUid(long at, int value) {
    RawMemory.putInt(at, STX_UID, value);
  }

  /** Reads {@code stx_gid}: group. */
  public static int stxGid(long at) {
    return RawMemory.getInt(at, STX_GID);
  }

  /** Writes {@code stx_gid}: group. */
  public static void stxGid(long at, int value) {
    RawMemory.putInt(at, STX_GID, value);
  }

  /** Reads {@code stx_mode}: type and permissions. */
  public static short stxMode(long at) {
    return RawMemory.getShort(at, STX_MODE);
  }

  /** Writes {@code stx_mode}: type and permissions. */
  public static void stxMode(long at, short value) {
    RawMemory.putShort(at, STX_MODE, value);
  }

  /** Reads {@code stx_ino}: inode number. */
  public static long stxIno(long at) {
    return RawMemory.getLong(at, STX_INO);
  }

  /** Writes {@code stx_ino}: inode number. */
  public static void stxIno(long at, long value) {
    RawMemory.putLong(at, STX_INO, value);
  }

  /** Reads {@code stx_size}: size in bytes. */
  public static long stxSize(long at) {
    return RawMemory.getLong(at, STX_SIZE);
  }

  /** Writes {@code stx_size}: size in bytes. */
  public static void stxSize(long at, long value) {
    RawMemory.putLong(at, STX_SIZE, value);
  }

  /** Reads {@code stx_blocks}: blocks of 512 bytes. */
  public static long stxBlocks(long at) {
    return RawMemory.getLong(at, STX_BLOCKS);
  }

  /** Writes {@code stx_blocks}: blocks of 512 bytes. */
  public static void stxBlocks(long at, long value) {
    RawMemory.putLong(at, STX_BLOCKS, value);
  }

  /** Reads {@code stx_attributes_mask}: supported STATX_ATTR_* bits. */
  public static long stxAttributesMask(long at) {
    return RawMemory.getLong(at, STX_ATTRIBUTES_MASK);
  }

  /** Writes {@code stx_attributes_mask}: supported STATX_ATTR_* bits. */
  public static void stxAttributesMask(long at, long value) {
    RawMemory.putLong(at, STX_ATTRIBUTES_MASK, value);
  }

  /** Reads {@code stx_atime}: seconds of the last access. */
  public static long stxAtime(long at) {
    return RawMemory.getLong(at, STX_ATIME);
  }

  /** Writes {@code stx_atime}: seconds of the last access. */
  public static void stxAtime(long at, long value) {
    RawMemory.putLong(at, STX_ATIME, value);
  }

  /** Reads {@code stx_atime_nsec}: nanoseconds of the last access. */
  public static int stxAtimeNsec(long at) {
    return RawMemory.getInt(at, STX_ATIME_NSEC);
  }

  /** Writes {@code stx_atime_nsec}: nanoseconds of the last access. */
  public static void stxAtimeNsec(long at, int value) {
    RawMemory.putInt(at, STX_ATIME_NSEC, value);
  }

  /** Reads {@code stx_btime}: seconds of the birth. */
  public static long stxBtime(long at) {
    return RawMemory.getLong(at, STX_BTIME);
  }

  /** Writes {@code stx_btime}: seconds of the birth. */
  public static void stxBtime(long at, long value) {
    RawMemory.putLong(at, STX_BTIME, value);
  }

  /** Reads {@code stx_btime_nsec}: nanoseconds of the birth. */
  public static int stxBtimeNsec(long at) {
    return RawMemory.getInt(at, STX_BTIME_NSEC);
  }

  /** Writes {@code stx_btime_nsec}: nanoseconds of the birth. */
  public static void stxBtimeNsec(long at, int value) {
    RawMemory.putInt(at, STX_BTIME_NSEC, value);
  }

  /** Reads {@code stx_ctime}: seconds of the last change. */
  public static long stxCtime(long at) {
    return RawMemory.getLong(at, STX_CTIME);
  }

  /** Writes {@code stx_ctime}: seconds of the last change. */
  public static void stxCtime(long at, long value) {
    RawMemory.putLong(at, STX_CTIME, value);
  }

  /** Reads {@code stx_ctime_nsec}: nanoseconds of the last change. */
  public static int stxCtimeNsec(long at) {
    return RawMemory.getInt(at, STX_CTIME_NSEC);
  }

  /** Writes {@code stx_ctime_nsec}: nanoseconds of the last change. */
  public static void stxCtimeNsec(long at, int value) {
    RawMemory.putInt(at, STX_CTIME_NSEC, value);
  }

  /** Reads {@code stx_mtime}: seconds of the last write. */
  public static long stxMtime(long at) {
    return RawMemory.getLong(at, STX_MTIME);
  }

  /** Writes {@code stx_mtime}: seconds of the last write. */
  public static void stxMtime(long at, long value) {
    RawMemory.putLong(at, STX_MTIME, value);
  }

  /** Reads {@code stx_mtime_nsec}: nanoseconds of the last write. */
  public static int stxMtimeNsec(long at) {
    return RawMemory.getInt(at, STX_MTIME_NSEC);
  }

  /** Writes {@code stx_mtime_nsec}: nanoseconds of the last write. */
  public static void stxMtimeNsec(long at, int value) {
    RawMemory.putInt(at, STX_MTIME_NSEC, value);
  }

  /** Reads {@code stx_rdev_major}: major number, of a device. */
  public static int stxRdevMajor(long at) {
    return RawMemory.getInt(at, STX_RDEV_MAJOR);
  }

  /** Writes {@code stx_rdev_major}: major number, of a device. */
  public static void stxRdevMajor(long at, int value) {
    RawMemory.putInt(at, STX_RDEV_MAJOR, value);
  }

  /** Reads {@code stx_rdev_minor}: minor number, of a device. */
  public static int stxRdevMinor(long at) {
    return RawMemory.getInt(at, STX_RDEV_MINOR);
  }

  /** Writes {@code stx_rdev_minor}: minor number, of a device. */
  public static void stxRdevMinor(long at, int value) {
    RawMemory.putInt(at, STX_RDEV_MINOR, value);
  }

  /** Reads {@code stx_dev_major}: major number of the filesystem's device. */
  public static int stxDevMajor(long at) {
    return RawMemory.getInt(at, STX_DEV_MAJOR);
  }

  /** Writes {@code stx_dev_major}: major number of the filesystem's device. */
  public static void stxDevMajor(long at, int value) {
    RawMemory.putInt(at, STX_DEV_MAJOR, value);
  }

  /** Reads {@code stx_dev_minor}: minor number of the filesystem's device. */
  public static int stxDevMinor(long at) {
    return RawMemory.getInt(at, STX_DEV_MINOR);
  }

  /** Writes {@code stx_dev_minor}: minor number of the filesystem's device. */
  public static void stxDevMinor(long at, int value) {
    RawMemory.putInt(at, STX_DEV_MINOR, value);
  }
}
