// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;

/**
 * Iterates over memory that data is copied to or from: struct iov_iter. {@link IovecIter} walks
 * user memory, {@link BvecIter} walks pinned pages.
 *
 * <p>An iterator belongs to one task at a time. It is used from the submission of a request until
 * its last byte is mapped or copied. Nothing asynchronous keeps it.
 */
@LinuxSource(file = "include/linux/uio.h", name = "iov_iter")
public abstract class IovIter {
  private boolean intoMemory;
  private long count;

  /** Creates an empty iterator. */
  protected IovIter() {}

  /**
   * Resets the direction and the count.
   *
   * @param intoMemory READ: data is copied into this memory
   * @param count bytes
   */
  protected final void restart(boolean intoMemory, long count) {
    assert count >= 0 : count;
    this.intoMemory = intoMemory;
    this.count = count;
  }

  /** Whether data is copied into this memory (a read), or out of it (a write). */
  public final boolean intoMemory() {
    return intoMemory;
  }

  /** Whether the pages are pinned by their owner until the I/O completes (ITER_BVEC). */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_is_bvec")
  public boolean isBvec() {
    return false;
  }

  /** Returns the number of bytes left. */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_count")
  public final long count() {
    return count;
  }

  /**
   * Limits the number of bytes left.
   *
   * @param bytes the maximum
   */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_truncate")
  public final void truncate(long bytes) {
    if (count > bytes) {
      count = bytes;
    }
  }

  /**
   * Grows again after {@link #truncate}.
   *
   * @param bytes the new count, at most the count before truncate
   */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_reexpand")
  public final void reexpand(long bytes) {
    assert bytes >= count;
    count = bytes;
  }

  /**
   * Advances the position.
   *
   * @param bytes at most {@link #count()}
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_advance")
  public final void advance(long bytes) {
    assert Long.compareUnsigned(bytes, count) <= 0 : bytes; // nor negative
    count -= bytes;
    skip(bytes);
  }

  /**
   * Advances the position; the count is already updated.
   *
   * @param bytes at most the bytes left
   */
  protected abstract void skip(long bytes);

  /**
   * Returns the bitwise or of all addresses and lengths left. Low bits that are set show
   * misalignment.
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_alignment")
  public abstract long alignment();

  /**
   * Copies from the kernel into this memory and advances.
   *
   * @param from kernel address
   * @param bytes at most {@link #count()}
   * @return bytes copied; fewer only on a fault
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "copy_to_iter")
  public abstract long copyTo(long from, long bytes);

  /**
   * Copies from this memory into the kernel and advances.
   *
   * @param to kernel address
   * @param bytes at most {@link #count()}
   * @return bytes copied; fewer only on a fault
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "copy_from_iter")
  public abstract long copyFrom(long to, long bytes);

  /**
   * Stores zeroes and advances.
   *
   * @param bytes at most {@link #count()}
   * @return bytes stored; fewer only on a fault
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_zero")
  public abstract long zero(long bytes);

  /**
   * Writes the remaining segments as an array of struct iovec, without empty ones. The position
   * does not change.
   *
   * @param at kernel address with room for {@link io.pollux.uapi.AioAbi#UIO_MAXIOV} entries
   * @return entries written
   */
  public abstract int writeIovecs(long at);
}
