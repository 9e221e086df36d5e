// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a C program: all mappings of the host process in which this kernel runs. The
 * program maps and unmaps without this kernel, so nothing is cached. A C function that survives a
 * fault probes each range page by page.
 *
 * <p>Pins are counted, but do not keep memory that the program unmaps. The process's fault handler
 * handles later accesses of the kernel.
 */
public final class MachineSpace extends AddressSpace {
  /** Below this nothing is mapped (vm.mmap_min_addr). */
  private static final long LOWEST = 1L << 16;

  private static final long HIGHEST = TASK_SIZE_MAX;

  private static final MethodHandle PROBE = probe();

  private final MemorySegment probe;
  private final UserPages pages = new UserPages(this, 0, HIGHEST);

  /**
   * Creates the address space of this process.
   *
   * @param probe address of a C function {@code long probe(long address, long bytes, long write)}.
   *     It returns how many bytes from the start of a range can be read, or read and written. It
   *     changes no byte, does not block, and survives a fault. Ranges are not empty and lie in user
   *     space.
   */
  public MachineSpace(long probe) {
    this.probe = MemorySegment.ofAddress(probe);
  }

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle probe() {
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG);
    return Linker.nativeLinker().downcallHandle(type, Linker.Option.critical(false));
  }

  private long accessible(long address, long bytes, boolean write) {
    if (address < LOWEST || address >= HIGHEST) {
      return 0;
    }
    try {
      return (long)
          PROBE.invokeExact(probe, address, Math.min(bytes, HIGHEST - address), write ? 1L : 0L);
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  @Override
  public long mmap(long length, int prot) {
    if (length <= 0) {
      return length == 0 ? -Errno.EINVAL : -Errno.ENOMEM;
    }
    if (length >= HIGHEST) {
      return -Errno.ENOMEM;
    }
    long address = HostMemory.map((length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE);
    return address == 0 ? -Errno.ENOMEM : address;
  }

  @Override
  public int munmap(long address, long length) {
    if ((address & (HostMemory.PAGE_SIZE - 1)) != 0
        || length == 0
        || !isUserRange(address, length)) {
      return -Errno.EINVAL;
    }
    HostMemory.unmap(address, (length + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE);
    return 0;
  }

  @Override
  public void close() {}

  @Override
  void lastUnpin(UserPages ignored) {}

  @Override
  @LinuxSource(file = "arch/x86/mm/fault.c", name = "fixup_exception")
  public boolean accessOk(long address, long bytes, boolean write) {
    return bytes <= 0 ? bytes == 0 : accessible(address, bytes, write) == bytes;
  }

  @Override
  public long contiguous(long address, long bytes, boolean write) {
    assert bytes > 0 : bytes;
    return accessible(address, bytes, write);
  }

  @Override
  public @Nullable UserPages pin(long address, long bytes, boolean write) {
    if (address < LOWEST || address >= HIGHEST || bytes > HIGHEST - address) {
      return null;
    }
    pages.get(address, bytes);
    return pages;
  }

  @Override
  public long pinnedPages() {
    return pages.pins();
  }
}
