// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The pattern of the sample's data files, in which each sector says where it belongs.
 *
 * <p>A file is a row of 512-byte sectors, each of 64 little-endian words of 64 bits: word 0 is {@link #MAGIC}, word 1 the
 * byte offset of the sector in its file, words 2 to 62 are {@link #FILLER}, and word 63 is the bitwise NOT of
 * word 1. {@code tools/src/sample/fill-xfs.sh} writes it.
 */
public final class SamplePattern {
  /** Word 0: PLUXSM01 as it lies in memory. */
  public static final long MAGIC = 0x31304D5358554C50L;

  /** Words 2 to 62: dots. */
  public static final long FILLER = 0x2E2E2E2E2E2E2E2EL;

  /** Bytes of a sector. */
  public static final int SECTOR = 512;

  private static final int FILLER_AT = 2 * Long.BYTES;
  private static final int NOT_OFFSET_AT = SECTOR - Long.BYTES;

  /** All memory, so that nothing needs to be sliced off for a comparison. */
  private static final MemorySegment MEMORY = RawMemory.segment(0, Long.MAX_VALUE);

  private static final MemorySegment DOTS = Arena.global().allocate(SECTOR, Long.BYTES).fill((byte) FILLER);

  private SamplePattern() {}

  /**
   * Holds what was read against the pattern. Sectors that are only partly there are compared as far as they go.
   *
   * @param address what was read
   * @param bytes how much
   * @param fileOffset from where in the file, a multiple of 512
   * @return how far from address the first wrong byte or word is, or -1 if all is right
   */
  public static long verify(long address, long bytes, long fileOffset) {
    long at = 0;
    for (; at + SECTOR <= bytes; at += SECTOR) {
      long sector = address + at;
      long offset = fileOffset + at;
      boolean good =
          RawMemory.getLong(sector) == MAGIC
              && RawMemory.getLong(sector + Long.BYTES) == offset
              && RawMemory.getLong(sector + NOT_OFFSET_AT) == ~offset
              && MemorySegment.mismatch(
                      MEMORY, sector + FILLER_AT, sector + NOT_OFFSET_AT, DOTS, FILLER_AT, NOT_OFFSET_AT)
                  < 0;
      if (!good) {
        return firstWrong(address, at, SECTOR, fileOffset);
      }
    }
    return at == bytes ? -1 : firstWrong(address, at, bytes - at, fileOffset);
  }

  /** The slow way, byte by byte, for a sector that is wrong or not whole. */
  private static long firstWrong(long address, long start, long length, long fileOffset) {
    for (long i = 0; i < length; i++) {
      int shift = Byte.SIZE * (int) (i % Long.BYTES);
      byte wanted = (byte) (word((int) (i / Long.BYTES), fileOffset + start) >>> shift);
      if (MEMORY.get(ValueLayout.JAVA_BYTE, address + start + i) != wanted) {
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
      for (int i = 0; i < SECTOR / Long.BYTES; i++) {
        RawMemory.putLong(address + at + (long) i * Long.BYTES, word(i, fileOffset + at));
      }
    }
  }

  private static long word(int index, long sectorOffset) {
    return switch (index) {
      case 0 -> MAGIC;
      case 1 -> sectorOffset;
      case 63 -> ~sectorOffset;
      default -> FILLER;
    };
  }
}
