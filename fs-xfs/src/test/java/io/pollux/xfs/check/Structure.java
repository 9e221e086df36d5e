// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;

/**
 * A structure on a disk with blocks of 1 KiB and inodes of 512 bytes, found by its magic number.
 *
 * @param at its first byte
 * @param bytes its length
 * @param crc offset of its checksum
 */
record Structure(long at, int bytes, int crc) {
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort BE16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Offsets of checksums by magic number. */
  private static final Map<Integer, Integer> BLOCKS =
      Map.ofEntries(
          Map.entry(0x41423342, 52), // AB3B
          Map.entry(0x41423343, 52), // AB3C
          Map.entry(0x49414233, 52), // IAB3
          Map.entry(0x46494233, 52), // FIB3
          Map.entry(0x524d4233, 52), // RMB3
          Map.entry(0x52334643, 52), // R3FC
          Map.entry(0x424d4133, 64), // BMA3
          Map.entry(0x58444233, 4), // XDB3
          Map.entry(0x58444433, 4), // XDD3
          Map.entry(0x58444633, 4), // XDF3
          Map.entry(0x5841524d, 12), // XARM
          Map.entry(0x58534c4d, 12)); // XSLM

  private static final Map<Integer, Integer> SECTORS =
      Map.of(0x58414746, 216, 0x58414749, 312, 0x5841464c, 32); // XAGF, XAGI, XAFL

  /** All structures of a disk, except for superblocks. */
  static List<Structure> all(MemorySegment disk) {
    List<Structure> found = new ArrayList<>();
    for (long at = 0; at < disk.byteSize(); at += 512) {
      int magic = disk.get(BE32, at);
      int second = disk.get(BE16, at + 8) & 0xffff;
      if (SECTORS.containsKey(magic)) {
        found.add(new Structure(at, 512, SECTORS.get(magic)));
      } else if (magic >>> 16 == 0x494e) {
        found.add(new Structure(at, 512, 100));
      } else if (at % 1024 == 0 && BLOCKS.containsKey(magic)) {
        found.add(new Structure(at, 1024, BLOCKS.get(magic)));
      } else if (at % 1024 == 0
          && (second == 0x3df1 || second == 0x3dff || second == 0x3ebe || second == 0x3bee)) {
        found.add(new Structure(at, 1024, 12));
      }
    }
    return found;
  }

  byte[] bytes(MemorySegment disk) {
    return disk.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Changes a byte after the magic number, and the checksum. */
  void change(MemorySegment disk, Random random) {
    int where = 4 + random.nextInt(random.nextBoolean() ? 200 : bytes - 4);
    byte value = random.nextBoolean() ? (byte) random.nextInt() : (byte) (random.nextInt(2) - 1);
    disk.set(ValueLayout.JAVA_BYTE, at + where, value);
    disk.set(BE32, at + crc, 0);
    CRC32C sum = new CRC32C();
    sum.update(bytes(disk));
    disk.set(BE32, at + crc, Integer.reverseBytes((int) sum.getValue()));
  }

  void restore(MemorySegment disk, byte[] before) {
    MemorySegment.copy(MemorySegment.ofArray(before), 0, disk, at, bytes);
  }
}
