// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Mman;

/** mmap and munmap. Memory is anonymous; the kernel chooses the address. */
final class MemoryCalls {
  private static final int PROT_KNOWN = Mman.PROT_READ | Mman.PROT_WRITE | Mman.PROT_EXEC;

  private MemoryCalls() {}

  /**
   * Implements mmap(2) for MAP_ANONYMOUS. Files cannot be mapped (ENODEV). The address is a hint.
   */
  @LinuxSource(file = "mm/mmap.c", name = "ksys_mmap_pgoff")
  static long mmap(Task current, long hint, long length, int prot, int flags, int fd, long offset) {
    int sharing = flags & (Mman.MAP_SHARED | Mman.MAP_PRIVATE);
    if ((prot & ~PROT_KNOWN) != 0
        || sharing == 0
        || (flags & Mman.MAP_FIXED) != 0
        || (offset & (HostMemory.PAGE_SIZE - 1)) != 0) {
      return -Errno.EINVAL;
    }
    if ((flags & Mman.MAP_ANONYMOUS) == 0) {
      return -Errno.ENODEV;
    }
    return current.mm().mmap(length, prot);
  }

  /** Implements munmap(2). */
  @LinuxSource(file = "mm/mmap.c", name = "__vm_munmap")
  static long munmap(Task current, long address, long length) {
    return current.mm().munmap(address, length);
  }
}
