// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * Iterates over a fixed buffer (ITER_BVEC). Its pages are pinned by another owner until the I/O
 * completes. User addresses are host addresses, so a buffer is one range of addresses even if it
 * spans mappings.
 */
@Patch({22, 24})
@LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_bvec")
public final class BvecIter extends IovIter {
  private long address;
  private @Nullable DmaMapping mapping;

  /** Creates an empty iterator. */
  public BvecIter() {}

  /**
   * Sets the iterator to a pinned range.
   *
   * @param intoMemory true for a read
   * @param address first byte
   * @param bytes length
   */
  public void init(boolean intoMemory, long address, long bytes) {
    init(intoMemory, address, bytes, null);
  }

  /**
   * Sets the iterator to a pinned range of a device mapping.
   *
   * @param intoMemory true for a read
   * @param address first byte
   * @param bytes length
   * @param from the mapping that contains the range, or null
   */
  public void init(boolean intoMemory, long address, long bytes, @Nullable DmaMapping from) {
    this.address = address;
    if (mapping != from) { // a store of a reference also marks a card
      mapping = from;
    }
    restart(intoMemory, bytes);
  }

  /** Returns the mapping that contains the range, or null. */
  public @Nullable DmaMapping mapping() {
    return mapping;
  }

  /** Returns the address of the next byte. */
  public long address() {
    return address;
  }

  @Override
  public boolean isBvec() {
    return true;
  }

  @Override
  protected void skip(long bytes) {
    address += bytes;
  }

  @Override
  public long alignment() {
    long left = count();
    return left > 0 ? address | left : 0;
  }

  @Override
  public long copyTo(long from, long bytes) {
    RawMemory.copy(from, address, bytes);
    advance(bytes);
    return bytes;
  }

  @Override
  public long copyFrom(long to, long bytes) {
    RawMemory.copy(address, to, bytes);
    advance(bytes);
    return bytes;
  }

  @Override
  public long zero(long bytes) {
    RawMemory.zero(address, bytes);
    advance(bytes);
    return bytes;
  }

  @Override
  public int writeIovecs(long at) {
    if (count() == 0) {
      return 0;
    }
    Iovec.iovBase(at, address);
    Iovec.iovLen(at, count());
    return 1;
  }
}
