// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct iovec}: one segment of a vectored transfer, 16 bytes. */
@LinuxSource(file = "include/uapi/linux/uio.h", name = "iovec")
public final class Iovec {
  /** The layout of {@code struct iovec}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("iov_base"), ValueLayout.JAVA_LONG.withName("iov_len"))
          .withName("iovec");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long IOV_BASE = offset("iov_base");
  private static final long IOV_LEN = offset("iov_len");

  private Iovec() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code iov_base}: first byte. */
  public static long iovBase(long at) {
    return RawMemory.getLong(at, IOV_BASE);
  }

  /** Writes {@code iov_base}: first byte. */
  public static void iovBase(long at, long value) {
    RawMemory.putLong(at, IOV_BASE, value);
  }

  /** Reads {@code iov_len}: bytes. */
  public static long iovLen(long at) {
    return RawMemory.getLong(at, IOV_LEN);
  }

  /** Writes {@code iov_len}: bytes. */
  public static void iovLen(long at, long value) {
    RawMemory.putLong(at, IOV_LEN, value);
  }
}
