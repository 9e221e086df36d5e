// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Loads and stores at raw 64-bit addresses, as a C program has them.
 *
 * <p>Rules of using it:
 *
 * <ul>
 *   <li>Nothing here checks that an address is mapped. A user program may touch what it mapped; the kernel
 *       may touch what it allocated, what it pinned, and what its AddressSpace just vouched for.
 *   <li>Plain accesses need no alignment. The acquire and release ones do: 4 bytes for an int, 8 for a long.
 *   <li>Values are little-endian.
 * </ul>
 */
public final class RawMemory {
  private static final MemorySegment ALL = everything();

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle ORDERED_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private RawMemory() {}

  // The one place in the project where an address becomes memory.
  @SuppressWarnings("restricted")
  private static MemorySegment everything() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  /**
   * A bounded view of memory for bulk work such as decoding or writing to a stream. It outlives nothing: it
   * is good as long as the memory is.
   *
   * @param address first byte
   * @param bytes length, not negative
   * @return the segment
   */
  public static MemorySegment segment(long address, long bytes) {
    return ALL.asSlice(address, bytes);
  }

  /**
   * Loads 8 bytes.
   *
   * @param address any alignment
   * @return the value
   */
  public static long getLong(long address) {
    return ALL.get(LONG, address);
  }

  /**
   * Stores 8 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putLong(long address, long value) {
    ALL.set(LONG, address, value);
  }

  /**
   * Loads 4 bytes.
   *
   * @param address any alignment
   * @return the value
   */
  public static int getInt(long address) {
    return ALL.get(INT, address);
  }

  /**
   * Stores 4 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putInt(long address, int value) {
    ALL.set(INT, address, value);
  }

  /**
   * Loads 2 bytes.
   *
   * @param address any alignment
   * @return the value
   */
  public static short getShort(long address) {
    return ALL.get(SHORT, address);
  }

  /**
   * Stores 2 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putShort(long address, short value) {
    ALL.set(SHORT, address, value);
  }

  /**
   * Loads a byte.
   *
   * @param address the address
   * @return the value
   */
  public static byte getByte(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address);
  }

  /**
   * Stores a byte.
   *
   * @param address the address
   * @param value the value
   */
  public static void putByte(long address, byte value) {
    ALL.set(ValueLayout.JAVA_BYTE, address, value);
  }

  /**
   * Loads an int with acquire order ({@code smp_load_acquire}). Pairs with {@link #putIntRelease} on the
   * other side of a ring.
   *
   * @param address 4-byte aligned
   * @return the value
   */
  public static int getIntAcquire(long address) {
    return (int) ORDERED_INT.getAcquire(ALL, address);
  }

  /**
   * Stores an int with release order ({@code smp_store_release}). Pairs with {@link #getIntAcquire} on the
   * other side of a ring.
   *
   * @param address 4-byte aligned
   * @param value the value
   */
  public static void putIntRelease(long address, int value) {
    ORDERED_INT.setRelease(ALL, address, value);
  }

  /**
   * Copies bytes. The ranges may overlap.
   *
   * @param from source address
   * @param to destination address
   * @param bytes count, not negative
   */
  public static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }

  /**
   * Fills a range with zeroes.
   *
   * @param address first byte
   * @param bytes count, not negative
   */
  public static void zero(long address, long bytes) {
    ALL.asSlice(address, bytes).fill((byte) 0);
  }
}
