// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.sample;

import io.pollux.uapi.RawMemory;

/**
 * The pattern of the sample's data files. Each sector contains its own offset.
 *
 * <p>A file consists of 512-byte sectors of 64 little-endian 64-bit words. Word 0 is {@link
 * #MAGIC}. Word 1 is the byte offset of the sector in its file. Words 2 to 62 are {@link #FILLER}.
 * Word 63 is the bitwise NOT of word 1. {@code sample/src/sample/fill-xfs.sh} writes it.
 */
public final class SamplePattern {
  /** Word 0: PLUXSM01 in memory order. */
  public static final long MAGIC = 0x31304D5358554C50L;

  /** Words 2 to 62: dots. */
  public static final long FILLER = 0x2E2E2E2E2E2E2E2EL;

  /** Size of a sector in bytes. */
  public static final int SECTOR = 512;

  private static final int LAST = SECTOR / Long.BYTES - 1; // word

  private SamplePattern() {}

  /**
   * Compares data with the pattern. An incomplete sector is compared up to its end.
   *
   * @param address address of the data
   * @param bytes length of the data
   * @param fileOffset its offset in the file, a multiple of 512
   * @return offset of the first wrong byte from address, or -1 if there is none
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

  /** Whether a sector is right. The loop has no early exit, so that the compiler vectorizes it. */
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

  /** Compares byte by byte, for a sector that is wrong or incomplete. */
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
   * @param address destination
   * @param bytes length, a multiple of 512
   * @param fileOffset its offset in the file, a multiple of 512
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
