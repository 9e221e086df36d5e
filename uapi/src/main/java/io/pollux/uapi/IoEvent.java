// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct io_event}: one completion, 32 bytes. */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "io_event")
public final class IoEvent {
  /** The layout of {@code struct io_event}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("data"),
              ValueLayout.JAVA_LONG.withName("obj"),
              ValueLayout.JAVA_LONG.withName("res"),
              ValueLayout.JAVA_LONG.withName("res2"))
          .withName("io_event");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long DATA = offset("data");
  private static final long OBJ = offset("obj");
  private static final long RES = offset("res");
  private static final long RES2 = offset("res2");

  private IoEvent() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code data}: the {@code aio_data} of the request. */
  public static long data(long at) {
    return RawMemory.getLong(at, DATA);
  }

  /** Writes {@code data}: the {@code aio_data} of the request. */
  public static void data(long at, long value) {
    RawMemory.putLong(at, DATA, value);
  }

  /** Reads {@code obj}: the iocb's address, or its index on USERIOCB and SCQRING contexts. */
  public static long obj(long at) {
    return RawMemory.getLong(at, OBJ);
  }

  /** Writes {@code obj}: the iocb's address, or its index on USERIOCB and SCQRING contexts. */
  public static void obj(long at, long value) {
    RawMemory.putLong(at, OBJ, value);
  }

  /** Reads {@code res}: bytes transferred, or a negative errno. */
  public static long res(long at) {
    return RawMemory.getLong(at, RES);
  }

  /** Writes {@code res}: bytes transferred, or a negative errno. */
  public static void res(long at, long value) {
    RawMemory.putLong(at, RES, value);
  }

  /** Reads {@code res2}: second result, 0 for file I/O. */
  public static long res2(long at) {
    return RawMemory.getLong(at, RES2);
  }

  /** Writes {@code res2}: second result, 0 for file I/O. */
  public static void res2(long at, long value) {
    RawMemory.putLong(at, RES2, value);
  }
}
