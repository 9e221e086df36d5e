// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What a process can address: the counterpart of mm_struct and of everything the kernel asks about a user
 * pointer.
 *
 * <p>The memory is a window of the machine's own address space, reserved once and handed out by mmap, so
 * that a user pointer is a pointer. See the package for the rules.
 */
@LinuxSource(file = "include/linux/mm_types.h", name = "mm_struct")
public final class AddressSpace {
  /** Size of the window. It costs nothing until touched. */
  private static final long WINDOW_BYTES = 1L << 36;

  /** Most mappings of one process (vm.max_map_count). */
  private static final int MAX_MAPPINGS = 65_530;

  /** One range with one protection. */
  private record Vma(long start, long end, int prot, UserPages pages) {
    boolean allows(int wanted) {
      return (prot & wanted) == wanted;
    }
  }

  private static final Vma[] NONE = {};

  private final Object lock = new Object();
  private final AtomicLong lockedPages = new AtomicLong();
  private final List<UserPages> zombies = new ArrayList<>(); // unmapped, still pinned; under the lock
  private final List<long[]> free = new ArrayList<>(); // {start, end} in the window, sorted; under the lock
  private final long window;
  private boolean closed; // under the lock

  /** Sorted by start, never changed in place. Written under the lock, read without. */
  private volatile Vma[] vmas = NONE;

  private volatile @Nullable IoctxTable ioctxTable;

  /**
   * Makes an empty address space.
   *
   * @throws OutOfMemoryError if the machine has no address space to give
   */
  public AddressSpace() {
    window = HostMemory.map(WINDOW_BYTES);
    if (window == 0) {
      throw new OutOfMemoryError("no address space for a process");
    }
    free.add(new long[] {window, window + WINDOW_BYTES});
  }

  /**
   * Maps anonymous memory, zeroed. From process context.
   *
   * @param length bytes, rounded up to pages
   * @param prot Mman.PROT_*
   * @return the address, or -EINVAL for a length of 0 or less, -ENOMEM
   */
  @LinuxSource(file = "mm/mmap.c", name = "do_mmap")
  public long mmap(long length, int prot) {
    if (length <= 0) {
      return length == 0 ? -Errno.EINVAL : -Errno.ENOMEM;
    }
    if (length > WINDOW_BYTES) {
      return -Errno.ENOMEM;
    }
    long bytes = (length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    synchronized (lock) {
      if (closed || vmas.length >= MAX_MAPPINGS) {
        return -Errno.ENOMEM;
      }
      for (int i = 0; i < free.size(); i++) {
        long[] hole = free.get(i);
        if (hole[1] - hole[0] >= bytes) {
          long start = hole[0];
          hole[0] += bytes;
          if (hole[0] == hole[1]) {
            free.remove(i);
          }
          insert(new Vma(start, start + bytes, prot, new UserPages(this, start, start + bytes)));
          return start;
        }
      }
      return -Errno.ENOMEM;
    }
  }

  /**
   * Removes the mappings of a range, and parts of mappings that stick out of it stay. Nothing mapped there
   * is no error. From process context.
   *
   * @param address page-aligned start
   * @param length bytes, rounded up to pages
   * @return 0, or -EINVAL
   */
  @LinuxSource(file = "mm/mmap.c", name = "do_munmap")
  public int munmap(long address, long length) {
    if ((address & (HostMemory.PAGE_SIZE - 1)) != 0
        || length <= 0
        || address < 0
        || length > Long.MAX_VALUE - HostMemory.PAGE_SIZE
        || address > Long.MAX_VALUE - HostMemory.PAGE_SIZE - length) {
      return -Errno.EINVAL;
    }
    long end = (address + length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    synchronized (lock) {
      List<Vma> kept = new ArrayList<>();
      List<UserPages> touched = new ArrayList<>();
      for (Vma vma : vmas) {
        if (vma.end <= address || vma.start >= end) {
          kept.add(vma);
          continue;
        }
        touched.add(vma.pages);
        if (vma.start < address) {
          kept.add(new Vma(vma.start, address, vma.prot, vma.pages));
        }
        if (vma.end > end) {
          kept.add(new Vma(end, vma.end, vma.prot, vma.pages));
        }
      }
      vmas = kept.toArray(NONE);
      for (UserPages pages : touched) {
        if (!pages.unmapped() && kept.stream().noneMatch(vma -> vma.pages == pages)) {
          pages.setUnmapped();
          release(pages);
        }
      }
    }
    return 0;
  }

  private void insert(Vma vma) {
    Vma[] old = vmas;
    Vma[] grown = new Vma[old.length + 1];
    int at = 0;
    while (at < old.length && old[at].start < vma.start) {
      grown[at] = old[at];
      at++;
    }
    grown[at] = vma;
    System.arraycopy(old, at, grown, at + 1, old.length - at);
    vmas = grown;
  }

  /** Gives the range out again, or keeps it while something is pinned. Under the lock. */
  private void release(UserPages pages) {
    if (pages.pins() != 0) {
      zombies.add(pages);
      return;
    }
    zombies.remove(pages);
    if (closed) {
      closeIfUnpinned();
      return;
    }
    HostMemory.discard(pages.start(), pages.end() - pages.start());
    int at = 0;
    while (at < free.size() && free.get(at)[0] < pages.start()) {
      at++;
    }
    free.add(at, new long[] {pages.start(), pages.end()});
    if (at + 1 < free.size() && free.get(at)[1] == free.get(at + 1)[0]) {
      free.get(at)[1] = free.remove(at + 1)[1];
    }
    if (at > 0 && free.get(at - 1)[1] == free.get(at)[0]) {
      free.get(at - 1)[1] = free.remove(at)[1];
    }
  }

  void lastUnpin(UserPages pages) {
    synchronized (lock) {
      // Somebody may have pinned again between the last unpin and here, or unmap may not have come yet.
      if (pages.unmapped() && pages.pins() == 0 && zombies.contains(pages)) {
        release(pages);
      }
    }
  }

  /** Ends the address space. Memory that is still pinned stays until its last unpin. */
  @LinuxSource(file = "kernel/fork.c", name = "mmput")
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      munmap(window, WINDOW_BYTES);
      closed = true;
      closeIfUnpinned();
    }
  }

  private void closeIfUnpinned() {
    if (zombies.isEmpty()) {
      HostMemory.unmap(window, WINDOW_BYTES);
    }
  }

  private @Nullable Vma find(long address) {
    Vma[] list = vmas;
    int low = 0;
    int high = list.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Vma vma = list[middle];
      if (address < vma.start) {
        high = middle - 1;
      } else if (address >= vma.end) {
        low = middle + 1;
      } else {
        return vma;
      }
    }
    return null;
  }

  /**
   * Whether a range may be accessed. Mappings that touch count as one.
   *
   * @param address first byte; any value at all
   * @param bytes length; 0 is always good, negative never
   * @param write whether it is to be written, else read
   * @return true if every byte is mapped with that right
   */
  @LinuxSource(file = "arch/x86/include/asm/uaccess.h", name = "access_ok")
  public boolean accessOk(long address, long bytes, boolean write) {
    if (bytes <= 0) {
      return bytes == 0;
    }
    long end = address + bytes;
    if (address < 0 || end < 0) {
      return false;
    }
    int wanted = write ? Mman.PROT_WRITE : Mman.PROT_READ;
    long at = address;
    while (at < end) { // bounded by the number of mappings
      Vma vma = find(at);
      if (vma == null || !vma.allows(wanted)) {
        return false;
      }
      at = vma.end;
    }
    return true;
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
  public int copyFromUser(long to, long from, long bytes) {
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
  public int copyToUser(long to, long from, long bytes) {
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
  public byte @Nullable [] stringFromUser(long from, int max) {
    byte[] text = new byte[max];
    for (int n = 0; n < max; n++) {
      if (!accessOk(from + n, 1, false)) {
        return null;
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
  public long contiguous(long address, long bytes, boolean write) {
    assert bytes > 0 : bytes;
    Vma vma = find(address);
    if (vma == null || !vma.allows(write ? Mman.PROT_WRITE : Mman.PROT_READ)) {
      return 0;
    }
    return Math.min(bytes, vma.end - address);
  }

  /**
   * Pins the pages of a range that lies in one mapping ({@link #contiguous} tells how much does). Whoever
   * calls drops the pins with {@link UserPages#unpin} for exactly the same range.
   *
   * @param address first byte; any value at all
   * @param bytes length, positive
   * @param write whether the kernel or a device is going to write there, as a read from a file does
   * @return the pages, or null (EFAULT)
   */
  @LinuxSource(file = "mm/gup.c", name = "get_user_pages")
  public @Nullable UserPages pin(long address, long bytes, boolean write) {
    Vma vma = find(address);
    if (vma == null || !vma.allows(write ? Mman.PROT_WRITE : Mman.PROT_READ) || bytes > vma.end - address) {
      return null;
    }
    UserPages pages = vma.pages;
    pages.get(address, bytes);
    if (pages.unmapped()) { // munmap won the race; pairs with setUnmapped before it looks at the pins
      pages.unpin(address, bytes);
      return null;
    }
    return pages;
  }

  /**
   * All pins of the process, for the books: 0 when nothing is in flight and no context is left.
   *
   * @return pages times references
   */
  public long pinnedPages() {
    synchronized (lock) {
      long sum = 0;
      UserPages last = null; // the parts of one mapping follow each other
      for (Vma vma : vmas) {
        if (vma.pages != last) {
          sum += vma.pages.pins();
          last = vma.pages;
        }
      }
      for (UserPages pages : zombies) {
        sum += pages.pins();
      }
      return sum;
    }
  }

  /**
   * Charges memory that stays pinned for long against RLIMIT_MEMLOCK.
   *
   * @param pages how many pages
   * @param limitBytes the limit, Long.MAX_VALUE for none
   * @return false, with nothing charged, if the sum would pass the limit
   */
  public boolean chargeLocked(long pages, long limitBytes) {
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
  public void unchargeLocked(long pages) {
    long left = lockedPages.addAndGet(-pages);
    assert left >= 0 : "uncharged more than charged";
  }

  /**
   * Pages charged by {@link #chargeLocked}.
   *
   * @return the sum
   */
  public long lockedPages() {
    return lockedPages.get();
  }

  /**
   * The process's aio contexts, kept for the floor that knows what they are.
   *
   * @return the table, or null before the first context
   */
  @LinuxSource(file = "include/linux/mm_types.h", name = "ioctx_table")
  public @Nullable IoctxTable ioctxTable() {
    return ioctxTable;
  }

  /**
   * Installs the table of aio contexts, once.
   *
   * @param table the table
   * @return the table that is installed now: the given one, or another that was faster
   */
  public IoctxTable installIoctxTable(IoctxTable table) {
    synchronized (lock) {
      IoctxTable installed = ioctxTable;
      if (installed == null) {
        ioctxTable = table;
        return table;
      }
      return installed;
    }
  }
}
