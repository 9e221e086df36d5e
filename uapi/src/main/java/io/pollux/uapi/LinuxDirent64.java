// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct linux_dirent64}: the header of one record of getdents64. The name with a 0 byte
 * follows, and padding to a multiple of 8 bytes.
 */
@LinuxSource(file = "include/linux/dirent.h", name = "linux_dirent64")
public final class LinuxDirent64 {
  /** The layout of {@code struct linux_dirent64}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("d_ino"),
              ValueLayout.JAVA_LONG.withName("d_off"),
              ValueLayout.JAVA_SHORT.withName("d_reclen"),
              ValueLayout.JAVA_BYTE.withName("d_type"))
          .withName("linux_dirent64");

  /** Bytes before the name. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long D_INO = offset("d_ino");
  private static final long D_OFF = offset("d_off");
  private static final long D_RECLEN = offset("d_reclen");
  private static final long D_TYPE = offset("d_type");

  private LinuxDirent64() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code d_ino}: inode number. */
  public static long dIno(long at) {
    return RawMemory.getLong(at, D_INO);
  }

  /** Writes {@code d_ino}: inode number. */
  public static void dIno(long at, long value) {
    RawMemory.putLong(at, D_INO, value);
  }

  /** Reads {@code d_off}: position after this entry, for lseek. */
  public static long dOff(long at) {
    return RawMemory.getLong(at, D_OFF);
  }

  /** Writes {@code d_off}: position after this entry, for lseek. */
  public static void dOff(long at, long value) {
    RawMemory.putLong(at, D_OFF, value);
  }

  /** Reads {@code d_reclen}: bytes of this record. */
  public static short dReclen(long at) {
    return RawMemory.getShort(at, D_RECLEN);
  }

  /** Writes {@code d_reclen}: bytes of this record. */
  public static void dReclen(long at, short value) {
    RawMemory.putShort(at, D_RECLEN, value);
  }

  /** Reads {@code d_type}: DT_* type of the file. */
  public static byte dType(long at) {
    return RawMemory.getByte(at, D_TYPE);
  }

  /** Writes {@code d_type}: DT_* type of the file. */
  public static void dType(long at, byte value) {
    RawMemory.putByte(at, D_TYPE, value);
  }
}
