// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;

/** Memory mapped by a program: zeroed whole pages, unmapped by close. */
public final class UserMemory implements AutoCloseable {
  /** Size of a page in bytes. */
  public static final long PAGE_SIZE = 4096;

  private final Program program;
  private final long address;
  private final long bytes;
  private boolean closed;

  private UserMemory(Program program, long address, long bytes) {
    this.program = program;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * Maps memory.
   *
   * @param program the program
   * @param bytes size, at least 1; rounded up to pages
   */
  public static UserMemory map(Program program, long bytes) {
    long size = pageAlign(bytes);
    long address =
        SyscallException.check(
            "mmap",
            program.syscall(
                Nr.MMAP,
                0,
                size,
                Mman.PROT_READ | Mman.PROT_WRITE,
                Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
                -1,
                0));
    return new UserMemory(program, address, size);
  }

  /**
   * Rounds up to whole pages.
   *
   * @param bytes a length
   * @return the smallest multiple of PAGE_SIZE that is not less
   */
  public static long pageAlign(long bytes) {
    return (bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
  }

  /**
   * Returns the page-aligned address of the first byte.
   *
   * @throws IllegalStateException if the memory was unmapped, or the program has ended
   */
  public long address() {
    requireMapped();
    return address;
  }

  /** Returns the size in bytes, whole pages. */
  public long bytes() {
    return bytes;
  }

  /**
   * Returns the memory for bulk work. It must not be used after close.
   *
   * @throws IllegalStateException if the memory was unmapped, or the program has ended
   */
  public MemorySegment segment() {
    requireMapped();
    return RawMemory.segment(address, bytes);
  }

  private void requireMapped() {
    if (closed) {
      throw new IllegalStateException("the memory is used after its close");
    }
    if (program.hasEnded()) {
      throw new IllegalStateException("the memory is used after the end of its program");
    }
  }

  /** Unmaps the memory. Does nothing after the end of the program, or the second time. */
  @Override
  public void close() {
    if (closed || program.hasEnded()) {
      closed = true;
      return;
    }
    closed = true;
    SyscallException.check("munmap", program.syscall(Nr.MUNMAP, address, bytes));
  }
}
