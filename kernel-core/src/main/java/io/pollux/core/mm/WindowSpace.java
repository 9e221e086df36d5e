// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a Java program: a window of the host's address space from which mmap allocates. A
 * user pointer is a host pointer. An access outside mappings is a fault.
 *
 * <p>The first mmap reserves the window's address space. Memory backs it from its start to the
 * highest mapping so far. If the host limits the address space (RLIMIT_AS), the window is smaller.
 * Its size limits what the program can map: a larger mmap fails with ENOMEM.
 */
public final class WindowSpace extends AddressSpace {
  /** Size of the window in bytes if the creator names none and the host has no limit. */
  static final long WINDOW_BYTES = 1L << 36;

  /**
   * Divisor: a smaller window takes only a part of the available address space and leaves the rest
   * to others.
   */
  private static final int SHARE_SHIFT = 2;

  private static final long SMALLEST_WINDOW = 1L << 21;

  /** Maximum number of mappings of a process (vm.max_map_count). */
  private static final int MAX_MAPPINGS = 65_530;

  private static final int PROT_ALL = Mman.PROT_READ | Mman.PROT_WRITE | Mman.PROT_EXEC;

  /** A range with one protection. */
  private record Vma(long start, long end, int prot, UserPages pages) {
    boolean allows(int wanted) {
      return (prot & wanted) == wanted;
    }
  }

  /**
   * All mappings, sorted by start; immutable. The starts have their own array, so that a search
   * touches few cache lines.
   */
  private static final class Vmas {
    private final Vma[] all;
    private final long[] starts;

    Vmas(Vma[] sorted) {
      all = sorted;
      starts = new long[sorted.length];
      for (int i = 0; i < starts.length; i++) {
        starts[i] = sorted[i].start;
      }
    }

    @Nullable Vma find(long address) {
      int low = 0;
      int high = starts.length;
      while (low < high) { // the first mapping that starts after the address
        int middle = (low + high) >>> 1;
        if (starts[middle] <= address) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      if (low == 0) {
        return null;
      }
      Vma vma = all[low - 1];
      return address < vma.end ? vma : null;
    }
  }

  private static final Vma[] NONE = {};

  private final long windowBytes;
  private final Consumer<ReservedMemory> disposal;
  private final Object lock = new Object();
  // unmapped, still pinned; under the lock
  private final List<UserPages> zombies = new ArrayList<>();
  // {start, end} in the window, sorted; under the lock
  private final List<long[]> free = new ArrayList<>();
  private @Nullable ReservedMemory window; // null before the first mmap; under the lock
  private boolean closed; // under the lock

  /** Changes with the mappings. Replaced once, under the lock, when the window is reserved. */
  private volatile PageTable pageTable = new PageTable(0, 0);

  /** Written under the lock, read without it. */
  private volatile Vmas vmas = new Vmas(NONE);

  /** Creates an empty address space with a window of 64 GiB. */
  public WindowSpace() {
    this(WINDOW_BYTES, ReservedMemory::close);
  }

  /**
   * Creates an empty address space.
   *
   * @param windowBytes size of the window in bytes, a positive multiple of 2 MiB
   * @param disposal receives the window after the address space is closed and its last page is
   *     unpinned, and owns it. Called from any context. If it keeps the window, a late access of
   *     the program reads zeroes.
   */
  public WindowSpace(long windowBytes, Consumer<ReservedMemory> disposal) {
    if (windowBytes <= 0 || windowBytes % SMALLEST_WINDOW != 0) {
      throw new IllegalArgumentException(
          "a window is a positive multiple of 2 MiB, and not " + windowBytes + " bytes");
    }
    this.windowBytes = windowBytes;
    this.disposal = disposal;
  }

  /**
   * Returns the window, reserved by the first mapping. Null if the host has no address space. Under
   * the lock.
   *
   * @param needed size of the mapping
   */
  private @Nullable ReservedMemory window(long needed) {
    if (window == null) {
      long bytes = windowBytes;
      ReservedMemory made = ReservedMemory.of(bytes);
      while (made == null && bytes > SMALLEST_WINDOW) {
        bytes >>= 1;
        made = ReservedMemory.of(bytes);
      }
      if (made != null && bytes < windowBytes) {
        made.close();
        long enough = (needed + SMALLEST_WINDOW - 1) & -SMALLEST_WINDOW;
        made = ReservedMemory.of(Math.max(Math.max(bytes >> SHARE_SHIFT, SMALLEST_WINDOW), enough));
      }
      if (made != null) {
        free.add(new long[] {made.start(), made.start() + made.bytes()});
        pageTable = new PageTable(made.start(), made.bytes());
        window = made;
      }
    }
    return window;
  }

  @Override
  public long mmap(long length, int prot) {
    if (length <= 0) {
      return length == 0 ? -Errno.EINVAL : -Errno.ENOMEM;
    }
    if (length > windowBytes) {
      return -Errno.ENOMEM;
    }
    long bytes = (length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    synchronized (lock) {
      ReservedMemory memory = closed || vmas.all.length >= MAX_MAPPINGS ? null : window(bytes);
      if (memory == null) {
        return -Errno.ENOMEM;
      }
      for (int i = 0; i < free.size(); i++) {
        long[] hole = free.get(i);
        if (hole[1] - hole[0] >= bytes) {
          long start = hole[0];
          if (!memory.reach(start + bytes - memory.start())) {
            return -Errno.ENOMEM;
          }
          hole[0] += bytes;
          if (hole[0] == hole[1]) {
            free.remove(i);
          }
          insert(new Vma(start, start + bytes, prot, new UserPages(this, start, start + bytes)));
          pageTable.set(start, start + bytes, prot & PROT_ALL);
          return start;
        }
      }
      return -Errno.ENOMEM;
    }
  }

  @Override
  public int munmap(long address, long length) {
    if ((address & (HostMemory.PAGE_SIZE - 1)) != 0
        || length == 0
        || !isUserRange(address, length)) {
      return -Errno.EINVAL;
    }
    long end = (address + length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    synchronized (lock) {
      List<Vma> kept = new ArrayList<>();
      List<UserPages> touched = new ArrayList<>();
      for (Vma vma : vmas.all) {
        if (vma.end <= address || vma.start >= end) {
          kept.add(vma);
          continue;
        }
        touched.add(vma.pages);
        pageTable.set(Math.max(vma.start, address), Math.min(vma.end, end), Mman.PROT_NONE);
        if (vma.start < address) {
          kept.add(new Vma(vma.start, address, vma.prot, vma.pages));
        }
        if (vma.end > end) {
          kept.add(new Vma(end, vma.end, vma.prot, vma.pages));
        }
      }
      vmas = new Vmas(kept.toArray(NONE));
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
    Vma[] old = vmas.all;
    Vma[] grown = new Vma[old.length + 1];
    int at = 0;
    while (at < old.length && old[at].start < vma.start) {
      grown[at] = old[at];
      at++;
    }
    grown[at] = vma;
    System.arraycopy(old, at, grown, at + 1, old.length - at);
    vmas = new Vmas(grown);
  }

  /** Frees the range of unmapped pages, or keeps it while a page is pinned. Under the lock. */
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

  @Override
  void lastUnpin(UserPages pages) {
    synchronized (lock) {
      // The pages may be pinned again by now, or not yet unmapped.
      if (pages.unmapped() && pages.pins() == 0 && zombies.contains(pages)) {
        release(pages);
      }
    }
  }

  @Override
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      if (window != null) {
        munmap(window.start(), window.bytes());
      }
      closed = true;
      closeIfUnpinned();
    }
  }

  private void closeIfUnpinned() {
    if (zombies.isEmpty() && window != null) {
      disposal.accept(window);
    }
  }

  private @Nullable Vma find(long address) {
    return vmas.find(address);
  }

  @Override
  public boolean accessOk(long address, long bytes, boolean write) {
    if (bytes <= 0) {
      return bytes == 0;
    }
    long end = address + bytes;
    if (address < 0 || end < 0) {
      return false;
    }
    int wanted = write ? Mman.PROT_WRITE : Mman.PROT_READ;
    if (bytes <= HostMemory.PAGE_SIZE) {
      return pageTable.allows(address, wanted) && pageTable.allows(end - 1, wanted);
    }
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

  @Override
  public long contiguous(long address, long bytes, boolean write) {
    assert bytes > 0 : bytes;
    Vma vma = find(address);
    if (vma == null || !vma.allows(write ? Mman.PROT_WRITE : Mman.PROT_READ)) {
      return 0;
    }
    return Math.min(bytes, vma.end - address);
  }

  @Override
  public @Nullable UserPages pin(long address, long bytes, boolean write) {
    Vma vma = find(address);
    if (vma == null
        || !vma.allows(write ? Mman.PROT_WRITE : Mman.PROT_READ)
        || bytes > vma.end - address) {
      return null;
    }
    UserPages pages = vma.pages;
    pages.get(address, bytes);
    // munmap won the race; pairs with setUnmapped, which precedes its read of the pins
    if (pages.unmapped()) {
      pages.unpin(address, bytes);
      return null;
    }
    return pages;
  }

  @Override
  public long pinnedPages() {
    synchronized (lock) {
      long sum = 0;
      UserPages last = null; // the parts of one mapping are adjacent
      for (Vma vma : vmas.all) {
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
}
