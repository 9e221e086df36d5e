// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** What nodes say of the records below them, computed from the bytes of records. */
final class RawKeys {
  private static final int RMAP_RECORD = 24;
  private static final int BMBT_RECORD = 16;
  private static final int BMBT_KEY = 8;
  private static final long UNWRITTEN = 1L << 61;
  private static final long BMBT = 1L << 62;

  private RawKeys() {}

  static byte[] of(byte[] rec, int keyBytes) {
    ByteBuffer from = ByteBuffer.wrap(rec);
    if (rec.length == RMAP_RECORD) {
      long offset = from.getLong(16) & ~UNWRITTEN;
      boolean offsets = from.getLong(8) >= 0 && (offset & BMBT) == 0;
      return ByteBuffer.allocate(40)
          .putInt(from.getInt(0))
          .putLong(from.getLong(8))
          .putLong(offset)
          .putInt(from.getInt(0) + from.getInt(4) - 1)
          .putLong(from.getLong(8))
          .putLong(offsets ? offset + from.getInt(4) - 1 : offset)
          .array();
    }
    if (rec.length == BMBT_RECORD && keyBytes == BMBT_KEY) {
      return ByteBuffer.allocate(8).putLong(from.getLong(0) << 1 >>> 10).array();
    }
    return Arrays.copyOf(rec, keyBytes);
  }

  /** The keys of both. */
  static byte[] union(byte[] left, byte[] right) {
    if (left.length != 40 || Arrays.compareUnsigned(left, 20, 40, right, 20, 40) >= 0) {
      return left;
    }
    byte[] both = left.clone();
    System.arraycopy(right, 20, both, 20, 20);
    return both;
  }
}
