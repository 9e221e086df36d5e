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
 *   <li>An address of a program has 47 bits, and what is above is cut off. With that the compiler sees that an access lies
 *       inside the segment which is all of memory, so it checks nothing: the fields of a structure, whose offsets are
 *       constants, cost a load or store each.
 * </ul>
 */
public final class RawMemory {
  private static final MemorySegment ALL = everything();

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle ORDERED_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  /** Bits of an address (C: TASK_SIZE_MAX, less a page). */
  @LinuxSource(file = "arch/x86/include/asm/processor.h", name = "TASK_SIZE_MAX")
  private static final long ADDRESS = (1L << 47) - 1;

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
    return getLong(address, 0);
  }

  /**
   * Loads 8 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @return the value
   */
  public static long getLong(long structure, long offset) {
    return ALL.get(LONG, (structure & ADDRESS) + offset);
  }

  /**
   * Stores 8 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putLong(long address, long value) {
    putLong(address, 0, value);
  }

  /**
   * Stores 8 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @param value the value
   */
  public static void putLong(long structure, long offset, long value) {
    ALL.set(LONG, (structure & ADDRESS) + offset, value);
  }

  /**
   * Loads 4 bytes.
   *
   * @param address any alignment
   * @return the value
   */
  public static int getInt(long address) {
    return getInt(address, 0);
  }

  /**
   * Loads 4 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @return the value
   */
  public static int getInt(long structure, long offset) {
    return ALL.get(INT, (structure & ADDRESS) + offset);
  }

  /**
   * Stores 4 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putInt(long address, int value) {
    putInt(address, 0, value);
  }

  /**
   * Stores 4 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @param value the value
   */
  public static void putInt(long structure, long offset, int value) {
    ALL.set(INT, (structure & ADDRESS) + offset, value);
  }

  /**
   * Loads 2 bytes.
   *
   * @param address any alignment
   * @return the value
   */
  public static short getShort(long address) {
    return getShort(address, 0);
  }

  /**
   * Loads 2 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @return the value
   */
  public static short getShort(long structure, long offset) {
    return ALL.get(SHORT, (structure & ADDRESS) + offset);
  }

  /**
   * Stores 2 bytes.
   *
   * @param address any alignment
   * @param value the value
   */
  public static void putShort(long address, short value) {
    putShort(address, 0, value);
  }

  /**
   * Stores 2 bytes of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @param value the value
   */
  public static void putShort(long structure, long offset, short value) {
    ALL.set(SHORT, (structure & ADDRESS) + offset, value);
  }

  /**
   * Loads a byte.
   *
   * @param address the address
   * @return the value
   */
  public static byte getByte(long address) {
    return getByte(address, 0);
  }

  /**
   * Loads a byte of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @return the value
   */
  public static byte getByte(long structure, long offset) {
    return ALL.get(ValueLayout.JAVA_BYTE, (structure & ADDRESS) + offset);
  }

  /**
   * Stores a byte.
   *
   * @param address the address
   * @param value the value
   */
  public static void putByte(long address, byte value) {
    putByte(address, 0, value);
  }

  /**
   * Stores a byte of a structure.
   *
   * @param structure its address, any alignment
   * @param offset of the field, not negative
   * @param value the value
   */
  public static void putByte(long structure, long offset, byte value) {
    ALL.set(ValueLayout.JAVA_BYTE, (structure & ADDRESS) + offset, value);
  }

  /**
   * Loads an int with acquire order ({@code smp_load_acquire}). Pairs with {@link #putIntRelease} on the
   * other side of a ring.
   *
   * @param address 4-byte aligned
   * @return the value
   */
  public static int getIntAcquire(long address) {
    return (int) ORDERED_INT.getAcquire(ALL, address & ADDRESS);
  }

  /**
   * Stores an int with release order ({@code smp_store_release}). Pairs with {@link #getIntAcquire} on the
   * other side of a ring.
   *
   * @param address 4-byte aligned
   * @param value the value
   */
  public static void putIntRelease(long address, int value) {
    ORDERED_INT.setRelease(ALL, address & ADDRESS, value);
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
