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
 *       checked. If Java's assertions are on, an access of a structure or a value in the first page
 *       throws an AssertionError.
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

  /** The first page of memory is never mapped, because null pointers lie in it. */
  private static final long FIRST_PAGE_END = 4096;

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

  /**
   * Whether accesses to page 0 are refused, instead of a crash of the Java process. Off in
   * production, where the compiler removes the check: each request makes some thirty accesses.
   */
  private static final boolean CHECKED = Boolean.getBoolean("pollux.debug");

  /** Returns the address that the processor accesses. */
  private static long at(long address) {
    if (CHECKED && (address & ADDRESS) < FIRST_PAGE_END) {
      throw new AssertionError(inPage0(address));
    }
    return address & ADDRESS;
  }

  private static String inPage0(long address) {
    return String.format(
        "no memory is mapped at %#x: a null pointer, such as the result of a peek without an event",
        address);
  }

  /** Loads 8 bytes at an address of any alignment. */
  public static long getLong(long address) {
    return getLong(address, 0);
  }

  /**
   * Loads 8 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static long getLong(long structure, long offset) {
    return ALL.get(LONG, at(structure) + offset);
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
    ALL.set(LONG, at(structure) + offset, value);
  }

  /** Loads 4 bytes at an address of any alignment. */
  public static int getInt(long address) {
    return getInt(address, 0);
  }

  /**
   * Loads 4 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static int getInt(long structure, long offset) {
    return ALL.get(INT, at(structure) + offset);
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
    ALL.set(INT, at(structure) + offset, value);
  }

  /** Loads 2 bytes at an address of any alignment. */
  public static short getShort(long address) {
    return getShort(address, 0);
  }

  /**
   * Loads 2 bytes of a structure at an address of any alignment and an offset that is not negative.
   */
  public static short getShort(long structure, long offset) {
    return ALL.get(SHORT, at(structure) + offset);
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
    ALL.set(SHORT, at(structure) + offset, value);
  }

  /** Loads a byte. */
  public static byte getByte(long address) {
    return getByte(address, 0);
  }

  /**
   * Loads a byte of a structure at an address of any alignment and an offset that is not negative.
   */
  public static byte getByte(long structure, long offset) {
    return ALL.get(ValueLayout.JAVA_BYTE, at(structure) + offset);
  }

  /** Stores a byte. */
  public static void putByte(long address, byte value) {
    putByte(address, 0, value);
  }

  /**
   * Stores a byte of a structure at an address of any alignment and an offset that is not negative.
   */
  public static void putByte(long structure, long offset, byte value) {
    ALL.set(ValueLayout.JAVA_BYTE, at(structure) + offset, value);
  }

  /**
   * Loads an int with acquire order ({@code smp_load_acquire}). Pairs with {@link #putIntRelease}
   * on the other side of a ring.
   *
   * @param address 4-byte aligned
   */
  public static int getIntAcquire(long address) {
    return (int) ORDERED_INT.getAcquire(ALL, at(address));
  }

  /**
   * Stores an int with release order ({@code smp_store_release}). Pairs with {@link #getIntAcquire}
   * on the other side of a ring.
   *
   * @param address 4-byte aligned
   */
  public static void putIntRelease(long address, int value) {
    ORDERED_INT.setRelease(ALL, at(address), value);
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
