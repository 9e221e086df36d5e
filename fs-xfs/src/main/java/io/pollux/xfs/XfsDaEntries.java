// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * Hashes of names, and arrays of (hash, value) pairs of 32 bits each, sorted by hash. Every level
 * of a directory's index is such an array.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_da_format.h",
    name = {"xfs_dir2_leaf_entry", "xfs_da_node_entry"})
final class XfsDaEntries {
  /** Bytes of a pair. */
  static final int BYTES = 8;

  private XfsDaEntries() {}

  /** The hash of a name: for each byte it is rotated by 7 bits and XORed with the byte. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da_hashname")
  static int hashName(byte[] name) {
    int hash = 0;
    for (byte b : name) {
      hash = Integer.rotateLeft(hash, 7) ^ (b & 0xff);
    }
    return hash;
  }

  static int hash(BufData buf, int at, int index) throws ErrnoException {
    return buf.i32(at + index * BYTES);
  }

  static long value(BufData buf, int at, int index) throws ErrnoException {
    return buf.u32(at + index * BYTES + 4);
  }

  /**
   * Finds the first pair whose hash is not less than the given one.
   *
   * @param buf the block with the pairs
   * @param at offset of the first
   * @param count number of pairs
   * @param hash the hash, unsigned
   * @return its index, or count if there is none
   */
  static int lowerBound(BufData buf, int at, int count, int hash) throws ErrnoException {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Integer.compareUnsigned(hash(buf, at, middle), hash) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Checks that the pairs are sorted. */
  static void verifyOrder(BufData buf, int at, int count) throws ErrnoException {
    for (int i = 1; i < count; i++) {
      if (Integer.compareUnsigned(hash(buf, at, i - 1), hash(buf, at, i)) > 0) {
        throw buf.corrupt("its hashes are not in order");
      }
    }
  }
}
