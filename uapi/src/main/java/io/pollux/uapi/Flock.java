// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct flock}: a lock of a range of a file, 32 bytes. */
@LinuxSource(file = "include/uapi/asm-generic/fcntl.h", name = "flock")
public final class Flock {
  /** The layout of {@code struct flock}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_SHORT.withName("l_type"),
              ValueLayout.JAVA_SHORT.withName("l_whence"),
              MemoryLayout.paddingLayout(4),
              ValueLayout.JAVA_LONG.withName("l_start"),
              ValueLayout.JAVA_LONG.withName("l_len"),
              ValueLayout.JAVA_INT.withName("l_pid"),
              MemoryLayout.paddingLayout(4))
          .withName("flock");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long L_TYPE = offset("l_type");
  private static final long L_WHENCE = offset("l_whence");
  private static final long L_START = offset("l_start");
  private static final long L_LEN = offset("l_len");
  private static final long L_PID = offset("l_pid");

  private Flock() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code l_type}: one of Fcntl.F_RDLCK, F_WRLCK, F_UNLCK. */
  public static short lType(long at) {
    return RawMemory.getShort(at, L_TYPE);
  }

  /** Writes {@code l_type}: one of Fcntl.F_RDLCK, F_WRLCK, F_UNLCK. */
  public static void lType(long at, short value) {
    RawMemory.putShort(at, L_TYPE, value);
  }

  /** Reads {@code l_whence}: origin of l_start, one of Fcntl.SEEK_*. */
  public static short lWhence(long at) {
    return RawMemory.getShort(at, L_WHENCE);
  }

  /** Writes {@code l_whence}: origin of l_start, one of Fcntl.SEEK_*. */
  public static void lWhence(long at, short value) {
    RawMemory.putShort(at, L_WHENCE, value);
  }

  /** Reads {@code l_start}: start of the range. */
  public static long lStart(long at) {
    return RawMemory.getLong(at, L_START);
  }

  /** Writes {@code l_start}: start of the range. */
  public static void lStart(long at, long value) {
    RawMemory.putLong(at, L_START, value);
  }

  /**
   * Reads {@code l_len}: length of the range; 0 extends to the end, a negative range ends before
   * the start.
   */
  public static long lLen(long at) {
    return RawMemory.getLong(at, L_LEN);
  }

  /**
   * Writes {@code l_len}: length of the range; 0 extends to the end, a negative range ends before
   * the start.
   */
  public static void lLen(long at, long value) {
    RawMemory.putLong(at, L_LEN, value);
  }

  /** Reads {@code l_pid}: the owner. */
  public static int lPid(long at) {
    return RawMemory.getInt(at, L_PID);
  }

  /** Writes {@code l_pid}: the owner. */
  public static void lPid(long at, int value) {
    RawMemory.putInt(at, L_PID, value);
  }
}
