// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Anonymous memory of the host, in pages: the physical memory of this kernel. It is zeroed, and
 * takes no memory until it is accessed.
 */
public final class HostMemory {
  /** Bytes of a page. */
  public static final int PAGE_SIZE = 4096;

  /** log2 of {@link #PAGE_SIZE}. */
  public static final int PAGE_SHIFT = 12;

  // Values of x86-64 Linux, the host.
  private static final int PROT_NONE = 0;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x2 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;

  private static final MethodHandle MMAP =
      libc(
          "mmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG));
  private static final MethodHandle MUNMAP =
      libc(
          "munmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
  private static final MethodHandle MPROTECT =
      libc(
          "mprotect",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));
  private static final MethodHandle MADVISE =
      libc(
          "madvise",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));

  private HostMemory() {}

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle libc(String name, FunctionDescriptor type) {
    Linker linker = Linker.nativeLinker();
    MemorySegment symbol = linker.defaultLookup().findOrThrow(name);
    return linker.downcallHandle(symbol, type);
  }

  /**
   * Maps zeroed memory. Asks the host for huge pages.
   *
   * @param bytes size, a multiple of {@link #PAGE_SIZE}
   * @return page-aligned address, or 0 if the host has no memory
   */
  public static long map(long bytes) {
    return map(bytes, PROT_READ_WRITE);
  }

  /**
   * Reserves address space without memory. It cannot be accessed before {@link #commit}, and
   * mlockall does not populate it.
   *
   * @param bytes size, a multiple of {@link #PAGE_SIZE}
   * @return page-aligned address, or 0 if the host has no address space; the caller frees it by
   *     {@link #unmap}
   */
  static long reserve(long bytes) {
    return map(bytes, PROT_NONE);
  }

  /**
   * Backs reserved address space with zeroed memory.
   *
   * @param address page-aligned, inside a range from {@link #reserve}
   * @param bytes a multiple of {@link #PAGE_SIZE}
   * @return false if the host has no memory
   */
  static boolean commit(long address, long bytes) {
    checkRange(address, bytes);
    try {
      return (int) MPROTECT.invokeExact(address, bytes, PROT_READ_WRITE) == 0;
    } catch (Throwable e) {
      throw new AssertionError("mprotect has no Java exceptions", e);
    }
  }

  private static long map(long bytes, int prot) {
    checkRange(0, bytes);
    long address;
    try {
      address = (long) MMAP.invokeExact(0L, bytes, prot, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0L);
      if (address == -1) {
        return 0;
      }
      int ignored = (int) MADVISE.invokeExact(address, bytes, MADV_HUGEPAGE); // a hint
    } catch (Throwable e) {
      throw new AssertionError("mmap has no Java exceptions", e);
    }
    return address;
  }

  /**
   * Unmaps memory.
   *
   * @param address from {@link #map}
   * @param bytes its size
   */
  public static void unmap(long address, long bytes) {
    checkRange(address, bytes);
    int result;
    try {
      result = (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable e) {
      throw new AssertionError("munmap has no Java exceptions", e);
    }
    assert result == 0 : "munmap of memory that was not mapped";
  }

  /**
   * Zeroes memory and frees the pages behind it. The range stays mapped.
   *
   * @param address page-aligned, inside a range from {@link #map}
   * @param bytes a multiple of {@link #PAGE_SIZE}
   */
  public static void discard(long address, long bytes) {
    checkRange(address, bytes);
    int result;
    try {
      result = (int) MADVISE.invokeExact(address, bytes, MADV_DONTNEED);
    } catch (Throwable e) {
      throw new AssertionError("madvise has no Java exceptions", e);
    }
    assert result == 0 : "madvise of memory that was not mapped";
  }

  private static void checkRange(long address, long bytes) {
    assert (address & (PAGE_SIZE - 1)) == 0 : address;
    assert bytes > 0 && (bytes & (PAGE_SIZE - 1)) == 0 : bytes;
  }
}
