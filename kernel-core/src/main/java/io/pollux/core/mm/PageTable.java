// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The access rights of each page of a window. A lookup takes constant time. There are two levels,
 * of 2 MiB and of 4 KiB. A big page replaces the second level if all its pages have the same
 * rights.
 *
 * <p>Written under the lock of the address space, read without it.
 */
@LinuxSource(file = "arch/x86/include/asm/pgtable.h")
final class PageTable {
  private static final int BIG_SHIFT = 21;
  private static final long BIG_BYTES = 1L << BIG_SHIFT;
  private static final int PAGES = (int) (BIG_BYTES / HostMemory.PAGE_SIZE); // of a big page

  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(byte[][].class);

  /** Big pages by their rights, shared and immutable. The first is for unmapped memory. */
  private static final byte[][] BIG = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}};

  private final long window;
  private final byte[][] entries; // the rights of each of 512 pages, or one for all of them

  /** Creates the table of a window without mappings. */
  PageTable(long window, long bytes) {
    assert bytes % BIG_BYTES == 0 : bytes;
    this.window = window;
    entries = new byte[(int) (bytes >>> BIG_SHIFT)][];
    Arrays.fill(entries, BIG[0]);
  }

  /**
   * Sets the rights of whole pages.
   *
   * @param from first byte, page-aligned, in the window
   * @param to end, page-aligned, in the window
   * @param prot Mman.PROT_*; none for unmapped memory
   */
  void set(long from, long to, int prot) {
    long at = from - window;
    long end = to - window;
    while (at < end) { // bounded by the size of the window
      int entry = (int) (at >>> BIG_SHIFT);
      long begin = (long) entry << BIG_SHIFT;
      long stop = Math.min(end, begin + BIG_BYTES);
      if (stop - at == BIG_BYTES) {
        ENTRY.setRelease(entries, entry, BIG[prot]);
      } else {
        Arrays.fill(small(entry), page(at - begin), page(stop - begin), (byte) prot);
      }
      at = stop;
    }
  }

  private static int page(long offset) {
    return (int) (offset >>> HostMemory.PAGE_SHIFT);
  }

  /** Returns the rights of the pages of an entry. Splits a big page. */
  private byte[] small(int entry) {
    byte[] there = entries[entry];
    if (there.length == PAGES) {
      return there;
    }
    byte[] split = new byte[PAGES];
    Arrays.fill(split, there[0]);
    ENTRY.setRelease(entries, entry, split); // filled before: pairs with the acquire in allows
    return split;
  }

  /**
   * Whether the page of an address may be accessed. From any thread.
   *
   * @param address any value
   * @param wanted Mman.PROT_*
   */
  boolean allows(long address, int wanted) {
    long entry = (address - window) >>> BIG_SHIFT;
    // also true for an address before the window: the shift is unsigned
    if (entry >= entries.length) {
      return false;
    }
    byte[] rights = (byte[]) ENTRY.getAcquire(entries, (int) entry);
    return (rights[page(address - window) & (rights.length - 1)] & wanted) == wanted;
  }
}
