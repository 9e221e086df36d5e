// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct f_owner_ex}: the owner that receives a file's signals, 8 bytes. */
@LinuxSource(file = "include/uapi/asm-generic/fcntl.h", name = "f_owner_ex")
public final class FOwnerEx {
  /** The layout of {@code struct f_owner_ex}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("type"), ValueLayout.JAVA_INT.withName("pid"))
          .withName("f_owner_ex");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long TYPE = offset("type");
  private static final long PID = offset("pid");

  private FOwnerEx() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code type}: one of Fcntl.F_OWNER_*. */
  public static int type(long at) {
    return RawMemory.getInt(at, TYPE);
  }

  /** Writes {@code type}: one of Fcntl.F_OWNER_*. */
  public static void type(long at, int value) {
    RawMemory.putInt(at, TYPE, value);
  }

  /** Reads {@code pid}: the number of the thread, process or process group. */
  public static int pid(long at) {
    return RawMemory.getInt(at, PID);
  }

  /** Writes {@code pid}: the number of the thread, process or process group. */
  public static void pid(long at, int value) {
    RawMemory.putInt(at, PID, value);
  }
}
