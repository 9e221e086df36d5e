// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.sample;

import io.pollux.uapi.RawMemory;

/**
 * The pattern of the sample's data files, in which each sector says where it belongs.
 *
 * <p>A file is a row of 512-byte sectors, each of 64 little-endian words of 64 bits: word 0 is {@link #MAGIC},
 * word 1 the byte offset of the sector in its file, words 2 to 62 are {@link #FILLER}, and word 63 is the bitwise
 * NOT of word 1. {@code sample/src/sample/fill-xfs.sh} writes it.
 */
public final class SamplePattern {
  /** Word 0: PLUXSM01 as it lies in memory. */
  public static final long MAGIC = 0x31304D5358554C50L;

  /** Words 2 to 62: dots. */
  public static final long FILLER = 0x2E2E2E2E2E2E2E2EL;

  /** Bytes of a sector. */
  public static final int SECTOR = 512;

  private static final int LAST = SECTOR / Long.BYTES - 1; // word

  private SamplePattern() {}

  /**
   * Holds what was read against the pattern. Sectors that are only partly there are compared as far as they go.
   *
   * @param address what was read
   * @param bytes how much
   * @param fileOffset from where in the file, a multiple of 512
   * @return how far from address the first wrong byte is, or -1 if all is right
   */
  public static long verify(long address, long bytes, long fileOffset) {
    long at = 0;
    for (; at + SECTOR <= bytes; at += SECTOR) {
      if (!isRight(address + at, fileOffset + at)) {
        return firstWrong(address, at, SECTOR, fileOffset);
      }
    }
    return at == bytes ? -1 : firstWrong(address, at, bytes - at, fileOffset);
  }

  /** One loop without a way out, so that the compiler makes vector instructions of it. */
  private static boolean isRight(long sector, long offset) {
    long wrong =
        (RawMemory.getLong(sector) ^ MAGIC)
            | (RawMemory.getLong(sector + Long.BYTES) ^ offset)
            | (RawMemory.getLong(sector + (long) LAST * Long.BYTES) ^ ~offset);
    for (int i = 2; i < LAST; i++) {
      wrong |= RawMemory.getLong(sector + (long) i * Long.BYTES) ^ FILLER;
    }
    return wrong == 0;
  }

  /** The slow way, byte by byte, for a sector that is wrong or not whole. */
  private static long firstWrong(long address, long start, long length, long fileOffset) {
    for (long i = 0; i < length; i++) {
      int shift = Byte.SIZE * (int) (i % Long.BYTES);
      byte wanted = (byte) (word((int) (i / Long.BYTES), fileOffset + start) >>> shift);
      if (RawMemory.getByte(address + start + i) != wanted) {
        return start + i;
      }
    }
    return -1;
  }

  /**
   * Writes the pattern.
   *
   * @param address where to
   * @param bytes how much, a multiple of 512
   * @param fileOffset where in the file it belongs, a multiple of 512
   */
  public static void fill(long address, long bytes, long fileOffset) {
    for (long at = 0; at < bytes; at += SECTOR) {
      for (int i = 0; i <= LAST; i++) {
        RawMemory.putLong(address + at + (long) i * Long.BYTES, word(i, fileOffset + at));
      }
    }
  }

  private static long word(int index, long sectorOffset) {
    return switch (index) {
      case 0 -> MAGIC;
      case 1 -> sectorOffset;
      case LAST -> ~sectorOffset;
      default -> FILLER;
    };
  }
}
