// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;

/**
 * A place to move bytes to or from, piece by piece, whatever it is made of: the counterpart of struct
 * iov_iter. This floor owns the contract and the kind that walks user memory ({@link IovecIter}); the block
 * layer brings the kind that walks pinned pages.
 *
 * <p>An iterator belongs to one task at a time and lives from the submission of a request until its last
 * byte is mapped or copied; nothing asynchronous keeps it.
 */
@LinuxSource(file = "include/linux/uio.h", name = "iov_iter")
public abstract class IovIter {
  private boolean intoMemory;
  private long count;

  /** For subclasses. */
  protected IovIter() {}

  /**
   * Starts over.
   *
   * @param intoMemory READ: data goes into this memory
   * @param count bytes
   */
  protected final void restart(boolean intoMemory, long count) {
    assert count >= 0 : count;
    this.intoMemory = intoMemory;
    this.count = count;
  }

  /**
   * The direction.
   *
   * @return true if data goes into this memory (a read), false if it comes from there (a write)
   */
  public final boolean intoMemory() {
    return intoMemory;
  }

  /**
   * Whether the memory is pages that its maker holds until the I/O is done.
   *
   * @return true for ITER_BVEC
   */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_is_bvec")
  public boolean isBvec() {
    return false;
  }

  /**
   * What is left.
   *
   * @return bytes
   */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_count")
  public final long count() {
    return count;
  }

  /**
   * Forgets what lies beyond a length.
   *
   * @param bytes what may be left at most
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
   * @param bytes what is to be left, at most what was before
   */
  @LinuxSource(file = "include/linux/uio.h", name = "iov_iter_reexpand")
  public final void reexpand(long bytes) {
    assert bytes >= count;
    count = bytes;
  }

  /**
   * Moves on.
   *
   * @param bytes at most {@link #count()}
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_advance")
  public final void advance(long bytes) {
    assert bytes >= 0 && bytes <= count : bytes;
    count -= bytes;
    skip(bytes);
  }

  /**
   * Moves the position; the count is done.
   *
   * @param bytes at most what is left
   */
  protected abstract void skip(long bytes);

  /**
   * All addresses and lengths of what is left, or'ed together.
   *
   * @return low bits that are set tell misalignment
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_alignment")
  public abstract long alignment();

  /**
   * Copies from the kernel into this memory and moves on.
   *
   * @param from kernel address
   * @param bytes how many, at most {@link #count()}
   * @return bytes copied; fewer only if user memory is bad
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "copy_to_iter")
  public abstract long copyTo(long from, long bytes);

  /**
   * Copies from this memory into the kernel and moves on.
   *
   * @param to kernel address
   * @param bytes how many, at most {@link #count()}
   * @return bytes copied; fewer only if user memory is bad
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "copy_from_iter")
  public abstract long copyFrom(long to, long bytes);

  /**
   * Stores zeroes and moves on.
   *
   * @param bytes how many, at most {@link #count()}
   * @return bytes stored; fewer only if user memory is bad
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_zero")
  public abstract long zero(long bytes);

  /**
   * Writes the remaining segments as an array of struct iovec, without empty ones. The position does not change.
   *
   * @param at kernel address with room for {@link io.pollux.uapi.AioAbi#UIO_MAXIOV} entries
   * @return entries written
   */
  public abstract int writeIovecs(long at);
}
