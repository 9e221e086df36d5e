// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct aio_ring}: the header of the old completion ring that every context maps into the
 * process. Its address is the {@code aio_context_t}. {@link IoEvent} slots follow it.
 *
 * <p>User space may write to all of it. The kernel uses only the id, which it verifies, and the
 * head, which it clamps.
 */
@LinuxSource(file = "fs/aio.c", name = "aio_ring")
public final class AioRing {
  /** The layout of {@code struct aio_ring}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("id"),
              ValueLayout.JAVA_INT.withName("nr"),
              ValueLayout.JAVA_INT.withName("head"),
              ValueLayout.JAVA_INT.withName("tail"),
              ValueLayout.JAVA_INT.withName("magic"),
              ValueLayout.JAVA_INT.withName("compat_features"),
              ValueLayout.JAVA_INT.withName("incompat_features"),
              ValueLayout.JAVA_INT.withName("header_length"))
          .withName("aio_ring");

  /** Size of the header in bytes; events start here. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long ID = offset("id");
  private static final long NR = offset("nr");
  private static final long HEAD = offset("head");
  private static final long TAIL = offset("tail");
  private static final long MAGIC = offset("magic");
  private static final long COMPAT_FEATURES = offset("compat_features");
  private static final long INCOMPAT_FEATURES = offset("incompat_features");
  private static final long HEADER_LENGTH = offset("header_length");

  private AioRing() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code id}: index of the context in the process's table. */
  public static int id(long at) {
    return RawMemory.getInt(at, ID);
  }

  /** Writes {@code id}: index of the context in the process's table. */
  public static void id(long at, int value) {
    RawMemory.putInt(at, ID, value);
  }

  /** Reads {@code nr}: number of event slots. */
  public static int nr(long at) {
    return RawMemory.getInt(at, NR);
  }

  /** Writes {@code nr}: number of event slots. */
  public static void nr(long at, int value) {
    RawMemory.putInt(at, NR, value);
  }

  /**
   * Reads {@code head}: next event to read; user space or the kernel advances it. Acquire order.
   */
  public static int head(long at) {
    return RawMemory.getIntAcquire(at + HEAD);
  }

  /**
   * Writes {@code head}: next event to read; user space or the kernel advances it. Release order.
   */
  public static void head(long at, int value) {
    RawMemory.putIntRelease(at + HEAD, value);
  }

  /** Reads {@code tail}: slot of the next event. Acquire order. */
  public static int tail(long at) {
    return RawMemory.getIntAcquire(at + TAIL);
  }

  /** Writes {@code tail}: slot of the next event. Release order. */
  public static void tail(long at, int value) {
    RawMemory.putIntRelease(at + TAIL, value);
  }

  /** Reads {@code magic}: AIO_RING_MAGIC. */
  public static int magic(long at) {
    return RawMemory.getInt(at, MAGIC);
  }

  /** Writes {@code magic}: AIO_RING_MAGIC. */
  public static void magic(long at, int value) {
    RawMemory.putInt(at, MAGIC, value);
  }

  /** Reads {@code compat_features}: AIO_RING_COMPAT_FEATURES. */
  public static int compatFeatures(long at) {
    return RawMemory.getInt(at, COMPAT_FEATURES);
  }

  /** Writes {@code compat_features}: AIO_RING_COMPAT_FEATURES. */
  public static void compatFeatures(long at, int value) {
    RawMemory.putInt(at, COMPAT_FEATURES, value);
  }

  /** Reads {@code incompat_features}: AIO_RING_INCOMPAT_FEATURES. */
  public static int incompatFeatures(long at) {
    return RawMemory.getInt(at, INCOMPAT_FEATURES);
  }

  /** Writes {@code incompat_features}: AIO_RING_INCOMPAT_FEATURES. */
  public static void incompatFeatures(long at, int value) {
    RawMemory.putInt(at, INCOMPAT_FEATURES, value);
  }

  /** Reads {@code header_length}: 32. */
  public static int headerLength(long at) {
    return RawMemory.getInt(at, HEADER_LENGTH);
  }

  /** Writes {@code header_length}: 32. */
  public static void headerLength(long at, int value) {
    RawMemory.putInt(at, HEADER_LENGTH, value);
  }

  /**
   * Returns the address of the {@link IoEvent} in a slot.
   *
   * @param ring address of the header
   * @param index slot, from 0 to nr - 1
   */
  public static long event(long ring, int index) {
    return ring + SIZE + index * IoEvent.SIZE;
  }
}
