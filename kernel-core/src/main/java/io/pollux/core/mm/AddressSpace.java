// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What a process can address: the counterpart of mm_struct and of everything the kernel asks about a user
 * pointer. There are two kinds: {@link WindowSpace} for programs in Java, which have no memory but what this
 * kernel mapped for them, and {@link MachineSpace} for a C program, whose memory is a process of the machine. See
 * the package for the rules.
 */
@LinuxSource(file = "include/linux/mm_types.h", name = "mm_struct")
public abstract sealed class AddressSpace permits WindowSpace, MachineSpace {
  /** End of user address space on x86-64 with four levels of page tables. */
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
   * Removes the mappings of a range, and parts of mappings that stick out of it stay. Nothing mapped there
   * is no error. From process context.
   *
   * @param address page-aligned start
   * @param length bytes, rounded up to pages
   * @return 0, or -EINVAL
   */
  @LinuxSource(file = "mm/mmap.c", name = "do_munmap")
  public abstract int munmap(long address, long length);

  /** Ends the address space. Memory that is still pinned stays until its last unpin. */
  @LinuxSource(file = "kernel/fork.c", name = "mmput")
  public abstract void close();

  /** The last pin of some pages is gone. From any context. */
  abstract void lastUnpin(UserPages pages);

  /**
   * Whether a range may be accessed. Mappings that touch count as one.
   *
   * @param address first byte; any value at all
   * @param bytes length; 0 is always good, negative never
   * @param write whether it is to be written, else read
   * @return true if every byte is mapped with that right
   */
  @LinuxSource(file = "arch/x86/include/asm/uaccess.h", name = "access_ok")
  public abstract boolean accessOk(long address, long bytes, boolean write);

  /**
   * Whether a range lies in user address space, so that its end cannot overflow. Does not check mappings.
   *
   * @param address first byte; any value at all
   * @param bytes length; any value at all, a negative one is rejected
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
   * @param from user address; any value at all
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
   * @param to user address; any value at all
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
   * Copies a string that ends in a 0 byte.
   *
   * @param from user address; any value at all
   * @param max most bytes, the 0 included
   * @return the bytes before the 0; null on a fault; a result of max bytes means that it is too long
   */
  @LinuxSource(file = "lib/strncpy_from_user.c", name = "strncpy_from_user")
  public final byte @Nullable [] stringFromUser(long from, int max) {
    byte[] text = new byte[max];
    long readable = 0; // up to there it was asked for
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
   * How much of a range the mapping at its start holds: what can be pinned in one piece.
   *
   * @param address first byte; any value at all
   * @param bytes length, positive
   * @param write whether it is to be written
   * @return from 1 to bytes, or 0 if the first byte is not mapped with that right (EFAULT)
   */
  public abstract long contiguous(long address, long bytes, boolean write);

  /**
   * Pins the pages of a range that lies in one mapping, as {@link #contiguous} or {@link #mmap} has just told.
   * Whoever calls drops the pins with {@link UserPages#unpin} for exactly the same range.
   *
   * @param address first byte; any value at all
   * @param bytes length, positive
   * @param write whether the kernel or a device is going to write there, as a read from a file does
   * @return the pages, or null (EFAULT)
   */
  @LinuxSource(file = "mm/gup.c", name = "get_user_pages")
  public abstract @Nullable UserPages pin(long address, long bytes, boolean write);

  /**
   * All pins of the process, for the books: 0 when nothing is in flight and no context is left.
   *
   * @return pages times references
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
   * Takes a charge back.
   *
   * @param pages as charged
   */
  public final void unchargeLocked(long pages) {
    long left = lockedPages.addAndGet(-pages);
    assert left >= 0 : "uncharged more than charged";
  }

  /**
   * Pages charged by {@link #chargeLocked}.
   *
   * @return the sum
   */
  public final long lockedPages() {
    return lockedPages.get();
  }

  /**
   * The process's aio contexts, kept for the floor that knows what they are.
   *
   * @return the table, or null before the first context
   */
  @LinuxSource(file = "include/linux/mm_types.h", name = "ioctx_table")
  public final @Nullable IoctxTable ioctxTable() {
    return ioctxTable;
  }

  /**
   * Installs the table of aio contexts, once.
   *
   * @param table the table
   * @return the table that is installed now: the given one, or another that was faster
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
