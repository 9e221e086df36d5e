// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.uapi.RawMemory;

/**
 * The pattern that a verifying run writes. Each 512-byte sector holds the run's seed, its offset
 * and its generation, the number of writes to it. A stale, torn or misplaced sector is thus
 * detected.
 *
 * <p>Word 0 is a magic number, word 1 the offset in the file, word 2 the seed, word 3 the
 * generation. Words 4 to 63 are a hash of those, plus the word's index.
 */
final class WrittenPattern {
  private static final long MAGIC = 0x3130525758554C50L; // PLUXWR01
  private static final int SECTOR = 512;
  private static final int HEAD_WORDS = 4;
  private static final int WORDS = SECTOR / Long.BYTES;

  private final long seed;

  WrittenPattern(long seed) {
    this.seed = seed;
  }

  void fill(long address, int bytes, long fileOffset, int generation) {
    for (int at = 0; at < bytes; at += SECTOR) {
      long sector = address + at;
      long offset = fileOffset + at;
      RawMemory.putLong(sector, MAGIC);
      RawMemory.putLong(sector + 8, offset);
      RawMemory.putLong(sector + 16, seed);
      RawMemory.putLong(sector + 24, generation);
      long filler = filler(offset, generation);
      for (int i = HEAD_WORDS; i < WORDS; i++) {
        RawMemory.putLong(sector + (long) i * Long.BYTES, filler + i);
      }
    }
  }

  /** Returns the offset of the first wrong sector from address, or -1 if there is none. */
  int verify(long address, int bytes, long fileOffset, int generation) {
    for (int at = 0; at < bytes; at += SECTOR) {
      long sector = address + at;
      long offset = fileOffset + at;
      long wrong =
          (RawMemory.getLong(sector) ^ MAGIC)
              | (RawMemory.getLong(sector + 8) ^ offset)
              | (RawMemory.getLong(sector + 16) ^ seed)
              | (RawMemory.getLong(sector + 24) ^ generation);
      long filler = filler(offset, generation);
      for (int i = HEAD_WORDS; i < WORDS; i++) {
        wrong |= RawMemory.getLong(sector + (long) i * Long.BYTES) ^ (filler + i);
      }
      if (wrong != 0) {
        return at;
      }
    }
    return -1;
  }

  private long filler(long offset, int generation) {
    return XorShift.mix(offset ^ XorShift.mix(seed + generation));
  }
}
