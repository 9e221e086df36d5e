// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Loads and stores at raw 64-bit addresses, as in C.
 *
 * <ul>
 *   <li>No access checks that the address is mapped. A user program may access what it mapped. The
 *       kernel may access what it allocated, what it pinned, and what its AddressSpace has just
 *       checked.
 *   <li>Plain accesses need no alignment. Acquire and release accesses do: 4 bytes for an int, 8
 *       for a long.
 *   <li>Values are little-endian.
 *   <li>An address has 47 bits; higher bits are cut off. The compiler thus sees that an access is
 *       inside the segment of all memory, and omits its bounds check. A field of a structure, whose
 *       offset is constant, costs one load or store.
 * </ul>
 */
public final class RawMemory {
  private static final MemorySegment ALL = everything();

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle ORDERED_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  /** Bits of an address (C: TASK_SIZE_MAX, less a page). */
  @LinuxSource(file = "arch/x86/include/asm/processor.h", name = "TASK_SIZE_MAX")
  private static final long ADDRESS = (1L << 47) - 1;

  private RawMemory() {}

  // The only place in the project that turns an address into memory.
  @SuppressWarnings("restricted")
  private static MemorySegment everything() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  /**
   * Returns a bounded view of memory for bulk work, such as decoding or writing to a stream. It is
   * valid only as long as the memory is.
   *
   * @param address first byte
   * @param bytes length, not negative
   */
  public static MemorySegment segment(long address, long bytes) {
    return ALL.asSlice(address, bytes);
  }

  /** Loads 8 bytes at an address of any alignment. */
  public static long getLong(long address) {
    return getLong(address, 0);
  }

  /**
   * Loads 8 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static long getLong(long structure, long offset) {
    return ALL.get(LONG, (structure & ADDRESS) + offset);
  }

  /** Stores 8 bytes at an address of any alignment. */
  public static void putLong(long address, long value) {
    putLong(address, 0, value);
  }

  /**
   * Stores 8 bytes of a structure at an address of any alignment and an offset that is not
   * negative.
   */
  public static void putLong(long structure, long offset, long value) {
    ALL.set(LONG, (structure & ADDRESS) + offset, value);
  }

  /** Loads 4 bytes at an address of any alignment. */
  public static int getInt(long address) {
    return getInt(address, 0);
  }

  /**
   * Loads 4 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static int getInt(long structure, long offset) {
    return ALL.get(INT, (structure & ADDRESS) + offset);
  }

  /** Stores 4 bytes at an address of any alignment. */
  public static void putInt(long address, int value) {
    putInt(address, 0, value);
  }

  /**
   * Stores 4 bytes of a structure at an address of any alignment and an offset that is not
   * negative.
   */
  public static void putInt(long structure, long offset, int value) {
    ALL.set(INT, (structure & ADDRESS) + offset, value);
  }

  /** Loads 2 bytes at an address of any alignment. */
  public static short getShort(long address) {
    return getShort(address, 0);
  }

  /**
   * Loads 2 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static short getShort(long structure, long offset) {
    return ALL.get(SHORT, (structure & ADDRESS) + offset);
  }

  /** Stores 2 bytes at an address of any alignment. */
  public static void putShort(long address, short value) {
    putShort(address, 0, value);
  }

  /**
   * Stores 2 bytes of a structure at an address of any alignment and an offset that is not
   * negative.
   */
  public static void putShort(long structure, long offset, short value) {
    ALL.set(SHORT, (structure & ADDRESS) + offset, value);
  }

  /** Loads a byte. */
  public static byte getByte(long address) {
    return getByte(address, 0);
  }

  /**
   * Loads a byte of a structure at an address of any alignment and an offset that is not negative.
   */
  public static byte getByte(long structure, long offset) {
    return ALL.get(ValueLayout.JAVA_BYTE, (structure & ADDRESS) + offset);
  }

  /** Stores a byte. */
  public static void putByte(long address, byte value) {
    putByte(address, 0, value);
  }

  /**
   * Stores a byte of a structure at an address of any alignment and an offset that is not negative.
   */
  public static void putByte(long structure, long offset, byte value) {
    ALL.set(ValueLayout.JAVA_BYTE, (structure & ADDRESS) + offset, value);
  }

  /**
   * Loads an int with acquire order ({@code smp_load_acquire}). Pairs with {@link #putIntRelease}
   * on the other side of a ring.
   *
   * @param address 4-byte aligned
   */
  public static int getIntAcquire(long address) {
    return (int) ORDERED_INT.getAcquire(ALL, address & ADDRESS);
  }

  /**
   * Stores an int with release order ({@code smp_store_release}). Pairs with {@link #getIntAcquire}
   * on the other side of a ring.
   *
   * @param address 4-byte aligned
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
