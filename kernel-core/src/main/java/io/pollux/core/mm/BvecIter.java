// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The iterator over pages that somebody pinned already and keeps pinned until the I/O is done (ITER_BVEC):
 * a fixed buffer. Since user addresses are real, the pages of a buffer are one range of addresses whatever
 * mappings they came from.
 */
@Patch({22, 24})
@LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_bvec")
public final class BvecIter extends IovIter {
  private long address;
  private @Nullable DmaMapping mapping;

  /** Makes an empty iterator. */
  public BvecIter() {}

  /**
   * Makes this an iterator over a pinned range.
   *
   * @param intoMemory true for a read
   * @param address first byte
   * @param bytes length
   */
  public void init(boolean intoMemory, long address, long bytes) {
    init(intoMemory, address, bytes, null);
  }

  /**
   * Makes this an iterator over a range of memory that is mapped for its devices.
   *
   * @param intoMemory true for a read
   * @param address first byte
   * @param bytes length
   * @param from what the range lies in, or null
   */
  public void init(boolean intoMemory, long address, long bytes, @Nullable DmaMapping from) {
    this.address = address;
    mapping = from;
    restart(intoMemory, bytes);
  }

  /**
   * What the range lies in.
   *
   * @return the mapping, or null
   */
  public @Nullable DmaMapping mapping() {
    return mapping;
  }

  /**
   * Where the rest of the range begins.
   *
   * @return its first byte
   */
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
    return count() == 0 ? 0 : address | count();
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
