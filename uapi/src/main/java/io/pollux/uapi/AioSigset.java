// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct __aio_sigset}: the temporary signal mask of io_pgetevents, 16 bytes. */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "__aio_sigset")
public final class AioSigset {
  /** The layout of {@code struct __aio_sigset}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("sigmask"),
              ValueLayout.JAVA_LONG.withName("sigsetsize"))
          .withName("__aio_sigset");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long SIGMASK = offset("sigmask");
  private static final long SIGSETSIZE = offset("sigsetsize");

  private AioSigset() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code sigmask}: address of the mask. */
  public static long sigmask(long at) {
    return RawMemory.getLong(at, SIGMASK);
  }

  /** Writes {@code sigmask}: address of the mask. */
  public static void sigmask(long at, long value) {
    RawMemory.putLong(at, SIGMASK, value);
  }

  /** Reads {@code sigsetsize}: size of the mask, 8. */
  public static long sigsetsize(long at) {
    return RawMemory.getLong(at, SIGSETSIZE);
  }

  /** Writes {@code sigsetsize}: size of the mask, 8. */
  public static void sigsetsize(long at, long value) {
    RawMemory.putLong(at, SIGSETSIZE, value);
  }
}
