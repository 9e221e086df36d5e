// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;

/** Memory that a program mapped: whole pages, full of zeroes, and unmapped by close. */
public final class UserMemory implements AutoCloseable {
  /** Bytes of a page. */
  public static final long PAGE_SIZE = 4096;

  private final Program program;
  private final long address;
  private final long bytes;

  private UserMemory(Program program, long address, long bytes) {
    this.program = program;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * Maps memory.
   *
   * @param program who wants it
   * @param bytes how much, at least one byte; rounded up to pages
   * @return the memory
   */
  public static UserMemory map(Program program, long bytes) {
    long size = pageAlign(bytes);
    long address =
        SyscallException.check(
            "mmap",
            program.syscall(
                Nr.MMAP, 0, size, Mman.PROT_READ | Mman.PROT_WRITE, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0));
    return new UserMemory(program, address, size);
  }

  /**
   * Rounds up to whole pages.
   *
   * @param bytes a length
   * @return the least multiple of PAGE_SIZE that holds it
   */
  public static long pageAlign(long bytes) {
    return (bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
  }

  /**
   * Where it is.
   *
   * @return address of the first byte, page-aligned
   */
  public long address() {
    return address;
  }

  /**
   * How long it is.
   *
   * @return bytes, whole pages
   */
  public long bytes() {
    return bytes;
  }

  /**
   * The memory for bulk work. It must not be touched after close.
   *
   * @return all of it
   */
  public MemorySegment segment() {
    return RawMemory.segment(address, bytes);
  }

  @Override
  public void close() {
    SyscallException.check("munmap", program.syscall(Nr.MUNMAP, address, bytes));
  }
}
