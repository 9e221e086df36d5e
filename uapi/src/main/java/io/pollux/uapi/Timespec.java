// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct timespec}: a time or a duration, 16 bytes. */
@LinuxSource(file = "include/uapi/linux/time.h", name = "timespec")
public final class Timespec {
  /** The layout of {@code struct timespec}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("tv_sec"), ValueLayout.JAVA_LONG.withName("tv_nsec"))
          .withName("timespec");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long TV_SEC = offset("tv_sec");
  private static final long TV_NSEC = offset("tv_nsec");

  private Timespec() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code tv_sec}: seconds. */
  public static long tvSec(long at) {
    return RawMemory.getLong(at, TV_SEC);
  }

  /** Writes {@code tv_sec}: seconds. */
  public static void tvSec(long at, long value) {
    RawMemory.putLong(at, TV_SEC, value);
  }

  /** Reads {@code tv_nsec}: nanoseconds, 0 to 999,999,999. */
  public static long tvNsec(long at) {
    return RawMemory.getLong(at, TV_NSEC);
  }

  /** Writes {@code tv_nsec}: nanoseconds, 0 to 999,999,999. */
  public static void tvNsec(long at, long value) {
    RawMemory.putLong(at, TV_NSEC, value);
  }
}
