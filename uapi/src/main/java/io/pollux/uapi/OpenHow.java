// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct open_how}: the arguments of openat2, 24 bytes. */
@LinuxSource(file = "include/uapi/linux/openat2.h", name = "open_how")
public final class OpenHow {
  /** The layout of {@code struct open_how}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("flags"),
              ValueLayout.JAVA_LONG.withName("mode"),
              ValueLayout.JAVA_LONG.withName("resolve"))
          .withName("open_how");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long FLAGS = offset("flags");
  private static final long MODE = offset("mode");
  private static final long RESOLVE = offset("resolve");

  private OpenHow() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code flags}: O_* flags. */
  public static long flags(long at) {
    return RawMemory.getLong(at, FLAGS);
  }

  /** Reads {@code mode}: mode bits of a new file. */
  public static long mode(long at) {
    return RawMemory.getLong(at, MODE);
  }

  /** Reads {@code resolve}: Fcntl.RESOLVE_* flags. */
  public static long resolve(long at) {
    return RawMemory.getLong(at, RESOLVE);
  }
}
