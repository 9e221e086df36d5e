// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct stat} of x86-64, 144 bytes: the result of stat. */
@LinuxSource(file = "arch/x86/include/uapi/asm/stat.h", name = "stat")
public final class Stat {
  /** The layout of {@code struct stat}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("st_dev"),
              ValueLayout.JAVA_LONG.withName("st_ino"),
              ValueLayout.JAVA_LONG.withName("st_nlink"),
              ValueLayout.JAVA_INT.withName("st_mode"),
              ValueLayout.JAVA_INT.withName("st_uid"),
              ValueLayout.JAVA_INT.withName("st_gid"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_LONG.withName("st_rdev"),
              ValueLayout.JAVA_LONG.withName("st_size"),
              ValueLayout.JAVA_LONG.withName("st_blksize"),
              ValueLayout.JAVA_LONG.withName("st_blocks"),
              ValueLayout.JAVA_LONG.withName("st_atime"),
              ValueLayout.JAVA_LONG.withName("st_atime_nsec"),
              ValueLayout.JAVA_LONG.withName("st_mtime"),
              ValueLayout.JAVA_LONG.withName("st_mtime_nsec"),
              ValueLayout.JAVA_LONG.withName("st_ctime"),
              ValueLayout.JAVA_LONG.withName("st_ctime_nsec"),
              MemoryLayout.paddingLayout(24))
          .withName("stat");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long ST_DEV = offset("st_dev");
  private static final long ST_INO = offset("st_ino");
  private static final long ST_NLINK = offset("st_nlink");
  private static final long ST_MODE = offset("st_mode");
  private static final long ST_UID = offset("st_uid");
  private static final long ST_GID = offset("st_gid");
  private static final long ST_RDEV = offset("st_rdev");
  private static final long ST_SIZE = offset("st_size");
  private static final long ST_BLKSIZE = offset("st_blksize");
  private static final long ST_BLOCKS = offset("st_blocks");
  private static final long ST_ATIME = offset("st_atime");
  private static final long ST_ATIME_NSEC = offset("st_atime_nsec");
  private static final long ST_MTIME = offset("st_mtime");
  private static final long ST_MTIME_NSEC = offset("st_mtime_nsec");
  private static final long ST_CTIME = offset("st_ctime");
  private static final long ST_CTIME_NSEC = offset("st_ctime_nsec");

  private Stat() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code st_dev}: device of the filesystem. */
  public static long stDev(long at) {
    return RawMemory.getLong(at, ST_DEV);
  }

  /** Writes {@code st_dev}: device of the filesystem. */
  public static void stDev(long at, long value) {
    RawMemory.putLong(at, ST_DEV, value);
  }

  /** Reads {@code st_ino}: inode number. */
  public static long stIno(long at) {
    return RawMemory.getLong(at, ST_INO);
  }

  /** Writes {@code st_ino}: inode number. */
  public static void stIno(long at, long value) {
    RawMemory.putLong(at, ST_INO, value);
  }

  /** Reads {@code st_nlink}: hard links. */
  public static long stNlink(long at) {
    return RawMemory.getLong(at, ST_NLINK);
  }

  /** Writes {@code st_nlink}: hard links. */
  public static void stNlink(long at, long value) {
    RawMemory.putLong(at, ST_NLINK, value);
  }

  /** Reads {@code st_mode}: type and permissions. */
  public static int stMode(long at) {
    return RawMemory.getInt(at, ST_MODE);
  }

  /** Writes {@code st_mode}: type and permissions. */
  public static void stMode(long at, int value) {
    RawMemory.putInt(at, ST_MODE, value);
  }

  /** Reads {@code st_uid}: owner. */
  public static int stUid(long at) {
    return RawMemory.getInt(at, ST_UID);
  }

  /** Writes {@code st_uid}: owner. */
  public static void stUid(long at, int value) {
    RawMemory.putInt(at, ST_UID, value);
  }

  /** Reads {@code st_gid}: group. */
  public static int stGid(long at) {
    return RawMemory.getInt(at, ST_GID);
  }

  /** Writes {@code st_gid}: group. */
  public static void stGid(long at, int value) {
    RawMemory.putInt(at, ST_GID, value);
  }

  /** Reads {@code st_rdev}: device number of a device node. */
  public static long stRdev(long at) {
    return RawMemory.getLong(at, ST_RDEV);
  }

  /** Writes {@code st_rdev}: device number of a device node. */
  public static void stRdev(long at, long value) {
    RawMemory.putLong(at, ST_RDEV, value);
  }

  /** Reads {@code st_size}: size in bytes. */
  public static long stSize(long at) {
    return RawMemory.getLong(at, ST_SIZE);
  }

  /** Writes {@code st_size}: size in bytes. */
  public static void stSize(long at, long value) {
    RawMemory.putLong(at, ST_SIZE, value);
  }

  /** Reads {@code st_blksize}: preferred I/O size in bytes. */
  public static long stBlksize(long at) {
    return RawMemory.getLong(at, ST_BLKSIZE);
  }

  /** Writes {@code st_blksize}: preferred I/O size in bytes. */
  public static void stBlksize(long at, long value) {
    RawMemory.putLong(at, ST_BLKSIZE, value);
  }

  /** Reads {@code st_blocks}: space used, in units of 512 bytes. */
  public static long stBlocks(long at) {
    return RawMemory.getLong(at, ST_BLOCKS);
  }

  /** Writes {@code st_blocks}: space used, in units of 512 bytes. */
  public static void stBlocks(long at, long value) {
    RawMemory.putLong(at, ST_BLOCKS, value);
  }

  /** Reads {@code st_atime}: last access, seconds. */
  public static long stAtime(long at) {
    return RawMemory.getLong(at, ST_ATIME);
  }

  /** Writes {@code st_atime}: last access, seconds. */
  public static void stAtime(long at, long value) {
    RawMemory.putLong(at, ST_ATIME, value);
  }

  /** Reads {@code st_atime_nsec}: last access, nanoseconds. */
  public static long stAtimeNsec(long at) {
    return RawMemory.getLong(at, ST_ATIME_NSEC);
  }

  /** Writes {@code st_atime_nsec}: last access, nanoseconds. */
  public static void stAtimeNsec(long at, long value) {
    RawMemory.putLong(at, ST_ATIME_NSEC, value);
  }

  /** Reads {@code st_mtime}: last modification, seconds. */
  public static long stMtime(long at) {
    return RawMemory.getLong(at, ST_MTIME);
  }

  /** Writes {@code st_mtime}: last modification, seconds. */
  public static void stMtime(long at, long value) {
    RawMemory.putLong(at, ST_MTIME, value);
  }

  /** Reads {@code st_mtime_nsec}: last modification, nanoseconds. */
  public static long stMtimeNsec(long at) {
    return RawMemory.getLong(at, ST_MTIME_NSEC);
  }

  /** Writes {@code st_mtime_nsec}: last modification, nanoseconds. */
  public static void stMtimeNsec(long at, long value) {
    RawMemory.putLong(at, ST_MTIME_NSEC, value);
  }

  /** Reads {@code st_ctime}: last status change, seconds. */
  public static long stCtime(long at) {
    return RawMemory.getLong(at, ST_CTIME);
  }

  /** Writes {@code st_ctime}: last status change, seconds. */
  public static void stCtime(long at, long value) {
    RawMemory.putLong(at, ST_CTIME, value);
  }

  /** Reads {@code st_ctime_nsec}: last status change, nanoseconds. */
  public static long stCtimeNsec(long at) {
    return RawMemory.getLong(at, ST_CTIME_NSEC);
  }

  /** Writes {@code st_ctime_nsec}: last status change, nanoseconds. */
  public static void stCtimeNsec(long at, long value) {
    RawMemory.putLong(at, ST_CTIME_NSEC, value);
  }
}
