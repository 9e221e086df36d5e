// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.core.host.HostCall;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;

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

  private HostMemory() {}

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
    return HostCall.call(HostCall.MPROTECT, address, bytes, PROT_READ_WRITE, 0) == 0;
  }

  private static long map(long bytes, int prot) {
    checkRange(0, bytes);
    long address = HostCall.call(Nr.MMAP, 0, bytes, prot, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
    if (address < 0) {
      return 0;
    }
    HostCall.call(HostCall.MADVISE, address, bytes, MADV_HUGEPAGE, 0); // a hint
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
    long result = HostCall.call(Nr.MUNMAP, address, bytes, 0, 0);
    assert result == 0 : "munmap of memory that was not mapped";
  }

  /**
   * Zeroes memory and frees the pages behind it, unless they are locked. The range stays mapped.
   *
   * @param address page-aligned, inside a range from {@link #map}
   * @param bytes a multiple of {@link #PAGE_SIZE}
   */
  public static void discard(long address, long bytes) {
    checkRange(address, bytes);
    long result = HostCall.call(HostCall.MADVISE, address, bytes, MADV_DONTNEED, 0);
    if (result == -Errno.EINVAL) { // locked by a program under exec: the pages stay
      RawMemory.segment(address, bytes).fill((byte) 0);
      return;
    }
    assert result == 0 : "madvise of memory that was not mapped";
  }

  private static void checkRange(long address, long bytes) {
    assert (address & (PAGE_SIZE - 1)) == 0 : address;
    assert bytes > 0 && (bytes & (PAGE_SIZE - 1)) == 0 : bytes;
  }
}
