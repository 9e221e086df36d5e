// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import org.jspecify.annotations.Nullable;

/**
 * Host address space that is backed by memory on demand, from its start.
 *
 * <p>Address space without memory cannot be accessed. It counts only against RLIMIT_AS, and
 * mlockall does not populate it. The owner serialises {@link #reach} and {@link #close}.
 */
public final class ReservedMemory {
  /** Step in which memory is added: a huge page of the host. */
  private static final long STEP = 1L << 21;

  private final long start;
  private final long bytes;
  private long reached; // bytes backed by memory, from the start

  private ReservedMemory(long start, long bytes) {
    this.start = start;
    this.bytes = bytes;
  }

  /**
   * Reserves a range.
   *
   * @param bytes size, a multiple of {@link HostMemory#PAGE_SIZE}
   * @return the range, or null if the host has no address space
   */
  public static @Nullable ReservedMemory of(long bytes) {
    long start = HostMemory.reserve(bytes);
    return start == 0 ? null : new ReservedMemory(start, bytes);
  }

  /** Returns the page-aligned start of the range. */
  public long start() {
    return start;
  }

  /** Bytes of the range. */
  long bytes() {
    return bytes;
  }

  /**
   * Backs the range with zeroed memory from its start to an offset. Memory that is already there
   * keeps its contents.
   *
   * @param end offset in bytes, at most the size
   * @return false (ENOMEM) if the host has no memory
   */
  public boolean reach(long end) {
    assert end <= bytes : end;
    return end <= reached || grow(end);
  }

  private boolean grow(long end) {
    long wanted = Math.min((end + STEP - 1) & -STEP, bytes);
    if (!HostMemory.commit(start + reached, wanted - reached)) {
      return false;
    }
    reached = wanted;
    return true;
  }

  /** Frees the range. */
  public void close() {
    HostMemory.unmap(start, bytes);
  }
}
