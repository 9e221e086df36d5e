// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.IovIter;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;

/**
 * The iterator over pages that somebody pinned already and keeps pinned until the I/O is done (ITER_BVEC):
 * a fixed buffer. Since user addresses are real, the pages of a buffer are one range of addresses whatever
 * mappings they came from.
 */
@Patch({22, 24})
@LinuxSource(file = "lib/iov_iter.c", name = "iov_iter_bvec")
public final class BvecIter extends IovIter {
  private long address;

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
    this.address = address;
    restart(intoMemory, bytes);
  }

  long address() {
    return address;
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
}
