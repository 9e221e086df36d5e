// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct rlimit64}: a limit of a process, 16 bytes, and the names of the limits. */
@LinuxSource(file = "include/uapi/linux/resource.h", name = "rlimit64")
public final class Rlimit64 {
  /** Descriptors. */
  public static final int RLIMIT_NOFILE = 7;

  /** Bytes of memory that stay pinned. */
  public static final int RLIMIT_MEMLOCK = 8;

  /** No limit: the largest unsigned number. */
  public static final long RLIM64_INFINITY = -1;

  /** The layout of {@code struct rlimit64}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("rlim_cur"),
              ValueLayout.JAVA_LONG.withName("rlim_max"))
          .withName("rlimit64");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long RLIM_CUR = offset("rlim_cur");
  private static final long RLIM_MAX = offset("rlim_max");

  private Rlimit64() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code rlim_cur}: the soft limit, unsigned. */
  public static long rlimCur(long at) {
    return RawMemory.getLong(at, RLIM_CUR);
  }

  /** Writes {@code rlim_cur}: the soft limit, unsigned. */
  public static void rlimCur(long at, long value) {
    RawMemory.putLong(at, RLIM_CUR, value);
  }

  /** Reads {@code rlim_max}: the hard limit, unsigned. */
  public static long rlimMax(long at) {
    return RawMemory.getLong(at, RLIM_MAX);
  }

  /** Writes {@code rlim_max}: the hard limit, unsigned. */
  public static void rlimMax(long at, long value) {
    RawMemory.putLong(at, RLIM_MAX, value);
  }
}
