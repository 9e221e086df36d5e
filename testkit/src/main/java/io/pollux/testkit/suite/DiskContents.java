// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import io.pollux.block.BlkTypes;
import io.pollux.uapi.RawMemory;
import java.util.Arrays;

/**
 * What a disk contains according to the writes so far: a version for each sector. A sector in
 * memory contains its number and its version, so a failure names what was found instead.
 */
final class DiskContents {
  /** The version of zeroes. */
  static final int ZEROES = 0;

  /** The version of a sector with any content. */
  static final int UNKNOWN = -1;

  /** The version of memory that is no sector of this disk. */
  static final int FOREIGN = -2;

  private static final int SHIFT = BlkTypes.SECTOR_SHIFT;
  private static final int WORDS = BlkTypes.SECTOR_SIZE / Long.BYTES;
  private static final long STEP = 0x9e3779b97f4a7c15L;

  private final long key;
  private final boolean stores;
  private final int[] versions;
  private int last; // the newest version

  DiskContents(long seed, long sectors, boolean stores) {
    key = seed * STEP | 1;
    this.stores = stores;
    versions = new int[Math.toIntExact(sectors)];
    Arrays.fill(versions, UNKNOWN);
  }

  /** Returns a version that was not used before. */
  synchronized int newVersion() {
    return ++last;
  }

  private long firstWord(long sector, int version) {
    return ((long) version << 32 | sector) ^ key;
  }

  /** Fills memory with a version of sectors. */
  void fill(long address, long sector, long sectors, int version) {
    for (long i = 0; i < sectors; i++) {
      long word = firstWord(sector + i, version);
      for (int j = 0; j < WORDS; j++) {
        RawMemory.putLong(address + (i << SHIFT) + (long) j * Long.BYTES, word);
        word += STEP;
      }
    }
  }

  /** Records the version of sectors. */
  void set(long sector, long sectors, int version) {
    Arrays.fill(versions, (int) sector, (int) (sector + sectors), version);
  }

  int version(long sector) {
    return versions[(int) sector];
  }

  /** Returns the version of a sector in memory, or FOREIGN. */
  int versionIn(long address, long sector) {
    long first = RawMemory.getLong(address);
    int version = (int) ((first ^ key) >>> 32);
    boolean zeroes = first == 0;
    long word = zeroes ? 0 : firstWord(sector, version);
    boolean same = zeroes || version > 0;
    for (int j = 0; j < WORDS && same; j++) {
      same = RawMemory.getLong(address + (long) j * Long.BYTES) == word;
      word += zeroes ? 0 : STEP;
    }
    return same ? (zeroes ? ZEROES : version) : FOREIGN;
  }

  /** Checks sectors in memory, if the disk stores data. */
  void check(long address, long sector, long sectors) {
    for (long i = 0; stores && i < sectors; i++) {
      int expected = versions[(int) (sector + i)];
      int found = versionIn(address + (i << SHIFT), sector + i);
      if (expected != UNKNOWN && found != expected) {
        throw new AssertionError(
            "sector "
                + (sector + i)
                + ": expected "
                + describe(expected)
                + ", but there is "
                + (found == FOREIGN ? describe(address + (i << SHIFT)) : describe(found)));
      }
    }
  }

  private static String describe(int version) {
    return version == ZEROES ? "zeroes" : "version " + version;
  }

  /** Describes memory that is not the sector that it should be. */
  private String describe(long address) {
    long word = RawMemory.getLong(address) ^ key;
    long sector = word & 0xffff_ffffL;
    int version = (int) (word >>> 32);
    return sector < versions.length && version > 0 && version <= last
        ? "version " + version + " of sector " + sector + ", or a part of it"
        : "something that was never written";
  }
}
