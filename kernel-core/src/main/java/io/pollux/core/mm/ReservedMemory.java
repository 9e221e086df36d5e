// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import org.jspecify.annotations.Nullable;

/**
 * Address space of the machine that becomes memory by need, from its start on.
 *
 * <p>What is not memory yet can't be accessed and costs nothing: it counts for no limit but that of the address space, and
 * mlockall does not populate it. The owner serialises {@link #reach} and {@link #close}.
 */
public final class ReservedMemory {
  /** What becomes memory at once: a big page of the machine. */
  private static final long STEP = 1L << 21;

  private final long start;
  private final long bytes;
  private long reached; // what is memory, from the start

  private ReservedMemory(long start, long bytes) {
    this.start = start;
    this.bytes = bytes;
  }

  /**
   * Reserves a range.
   *
   * @param bytes size, a multiple of {@link HostMemory#PAGE_SIZE}
   * @return the range, or null if the machine has no address space to give
   */
  public static @Nullable ReservedMemory of(long bytes) {
    long start = HostMemory.reserve(bytes);
    return start == 0 ? null : new ReservedMemory(start, bytes);
  }

  /**
   * The first address.
   *
   * @return page-aligned
   */
  public long start() {
    return start;
  }

  /** Bytes of the range. */
  long bytes() {
    return bytes;
  }

  /**
   * Makes the range memory, zeroed, from its start to an offset. What is memory already stays as it is.
   *
   * @param end offset in bytes, at most the size
   * @return false (ENOMEM) if the machine has no memory to give
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

  /** Gives the range back. */
  public void close() {
    HostMemory.unmap(start, bytes);
  }
}
