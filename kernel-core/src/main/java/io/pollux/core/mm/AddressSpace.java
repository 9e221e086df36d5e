// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a process: struct mm_struct, and the checks of user pointers. {@link WindowSpace}
 * is for programs in Java, whose memory consists of mappings of this kernel. {@link MachineSpace}
 * is for a C program, whose memory belongs to a process of the host. The package describes the
 * rules.
 */
@LinuxSource(file = "include/linux/mm_types.h", name = "mm_struct")
public abstract sealed class AddressSpace permits WindowSpace, MachineSpace {
  /** End of the user address space on x86-64 with four levels of page tables. */
  @LinuxSource(file = "arch/x86/include/asm/processor.h", name = "TASK_SIZE_MAX")
  public static final long TASK_SIZE_MAX = (1L << 47) - HostMemory.PAGE_SIZE;

  private final AtomicLong lockedPages = new AtomicLong();
  private volatile @Nullable IoctxTable ioctxTable; // set once

  AddressSpace() {}

  /**
   * Maps anonymous memory, zeroed. From process context.
   *
   * @param length bytes, rounded up to pages
   * @param prot Mman.PROT_*
   * @return the address, or -EINVAL for a length of 0 or less, -ENOMEM
   */
  @LinuxSource(file = "mm/mmap.c", name = "do_mmap")
  public abstract long mmap(long length, int prot);

  /**
   * Unmaps a range. Parts of mappings outside the range stay. It is no error if nothing is mapped
   * there. From process context.
   *
   * @param address page-aligned start
   * @param length bytes, rounded up to pages
   * @return 0, or -EINVAL
   */
  @LinuxSource(file = "mm/mmap.c", name = "do_munmap")
  public abstract int munmap(long address, long length);

  /** Frees the address space. Pinned memory stays until its last unpin. */
  @LinuxSource(file = "kernel/fork.c", name = "mmput")
  public abstract void close();

  /** Handles the last unpin of some pages. From any context. */
  abstract void lastUnpin(UserPages pages);

  /**
   * Whether a range may be accessed. It may span adjacent mappings.
   *
   * @param address first byte; any value
   * @param bytes length; 0 is always valid, a negative one never
   * @param write whether the access is a write, else a read
   * @return true if every byte is mapped with that right
   */
  @LinuxSource(file = "arch/x86/include/asm/uaccess.h", name = "access_ok")
  public abstract boolean accessOk(long address, long bytes, boolean write);

  /**
   * Whether a range lies in user address space, so that its end cannot overflow. Does not check
   * mappings.
   *
   * @param address first byte; any value
   * @param bytes length; any value, a negative one is rejected
   * @return true if the end is at most {@link #TASK_SIZE_MAX}
   */
  @LinuxSource(file = "arch/x86/include/asm/uaccess.h", name = "__chk_range_not_ok")
  public static boolean isUserRange(long address, long bytes) {
    return address >= 0 && bytes >= 0 && bytes <= TASK_SIZE_MAX && address <= TASK_SIZE_MAX - bytes;
  }

  /**
   * Copies from user memory, all or nothing.
   *
   * @param to kernel address
   * @param from user address; any value
   * @param bytes length
   * @return 0 or -EFAULT
   */
  @LinuxSource(file = "include/linux/uaccess.h", name = "copy_from_user")
  public final int copyFromUser(long to, long from, long bytes) {
    if (!accessOk(from, bytes, false)) {
      return -Errno.EFAULT;
    }
    RawMemory.copy(from, to, bytes);
    return 0;
  }

  /**
   * Copies to user memory, all or nothing.
   *
   * @param to user address; any value
   * @param from kernel address
   * @param bytes length
   * @return 0 or -EFAULT
   */
  @LinuxSource(file = "include/linux/uaccess.h", name = "copy_to_user")
  public final int copyToUser(long to, long from, long bytes) {
    if (!accessOk(to, bytes, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.copy(from, to, bytes);
    return 0;
  }

  /**
   * Copies a string that ends with a 0 byte.
   *
   * @param from user address; any value
   * @param max maximum length, including the 0
   * @return the bytes before the 0; null on a fault; max bytes if the string is too long
   */
  @LinuxSource(file = "lib/strncpy_from_user.c", name = "strncpy_from_user")
  public final byte @Nullable [] stringFromUser(long from, int max) {
    byte[] text = new byte[max];
    long readable = 0; // bytes that were checked
    for (int n = 0; n < max; n++) {
      if (n == readable) {
        long inPage = HostMemory.PAGE_SIZE - ((from + n) & (HostMemory.PAGE_SIZE - 1));
        long more = contiguous(from + n, Math.min(max - n, inPage), false);
        if (more == 0) {
          return null;
        }
        readable += more;
      }
      byte b = RawMemory.getByte(from + n);
      if (b == 0) {
        return Arrays.copyOf(text, n);
      }
      text[n] = b;
    }
    return text;
  }

  /**
   * Returns how much of a range the mapping at its start covers: the part that can be pinned at
   * once.
   *
   * @param address first byte; any value
   * @param bytes length, positive
   * @param write whether the range will be written
   * @return from 1 to bytes, or 0 if the first byte is not mapped with that right (EFAULT)
   */
  public abstract long contiguous(long address, long bytes, boolean write);

  /**
   * Pins the pages of a range in one mapping, whose length {@link #contiguous} or {@link #mmap} has
   * returned. The caller drops the pins by {@link UserPages#unpin} for exactly the same range.
   *
   * @param address first byte; any value
   * @param bytes length, positive
   * @param write whether the kernel or a device will write there, as a read from a file does
   * @return the pages, or null (EFAULT)
   */
  @LinuxSource(file = "mm/gup.c", name = "get_user_pages")
  public abstract @Nullable UserPages pin(long address, long bytes, boolean write);

  /**
   * Returns the sum of all pins of the process: pages times references. It is 0 if no I/O is in
   * flight and no context exists.
   */
  public abstract long pinnedPages();

  /**
   * Charges memory that stays pinned for long against RLIMIT_MEMLOCK.
   *
   * @param pages how many pages, not negative
   * @param limitBytes the limit, Long.MAX_VALUE for none
   * @return false, with nothing charged, if the sum would pass the limit
   */
  public final boolean chargeLocked(long pages, long limitBytes) {
    assert pages >= 0 : pages;
    long limit = limitBytes >> HostMemory.PAGE_SHIFT;
    long before;
    do {
      before = lockedPages.get();
      if (pages > limit - before) {
        return false;
      }
    } while (!lockedPages.compareAndSet(before, before + pages));
    return true;
  }

  /**
   * Reverts a charge.
   *
   * @param pages number of pages, as charged
   */
  public final void unchargeLocked(long pages) {
    long left = lockedPages.addAndGet(-pages);
    assert left >= 0 : "uncharged more than charged";
  }

  /** Returns the number of pages charged by {@link #chargeLocked}. */
  public final long lockedPages() {
    return lockedPages.get();
  }

  /** Returns the aio contexts of the process, or null before the first context. */
  @LinuxSource(file = "include/linux/mm_types.h", name = "ioctx_table")
  public final @Nullable IoctxTable ioctxTable() {
    return ioctxTable;
  }

  /**
   * Installs the table of aio contexts, once.
   *
   * @param table the table
   * @return the installed table: this one, or one that another thread has installed before
   */
  public final synchronized IoctxTable installIoctxTable(IoctxTable table) {
    IoctxTable installed = ioctxTable;
    if (installed == null) {
      ioctxTable = table;
      return table;
    }
    return installed;
  }
}
