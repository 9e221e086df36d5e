// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/**
 * Changes one structure of the sample's metadata in a few places, and makes its sum right again.
 */
final class MetadataForger {
  private static final int INODE = 512;
  private static final int INODE_MAGIC = 0x494e;
  private static final long[] INTERESTING = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fffffff,
    0x80000000L,
    0xffffffffL,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1
  };

  private final GoldenSample sample;
  private final long at;
  private final byte[] original;
  private final List<String> changes = new ArrayList<>();

  /** Forges something. */
  MetadataForger(GoldenSample sample, SplittableRandom random) {
    this.sample = sample;
    List<Map.Entry<Long, Integer>> structures = List.copyOf(sample.metadata().entrySet());
    long start;
    int length;
    int sum;
    do {
      Map.Entry<Long, Integer> structure = structures.get(random.nextInt(structures.size()));
      start = structure.getKey();
      length = structure.getValue();
      if (Short.toUnsignedInt(ByteBuffer.wrap(sample.peek(start, 2)).getShort()) == INODE_MAGIC) {
        // a cluster of inodes, each with a sum
        start += (long) INODE * random.nextInt(length / INODE);
        length = INODE;
      }
      sum = sumAt(sample.peek(start, length));
    } while (sum < 0); // a log record, say
    at = start;
    original = sample.peek(at, length);
    byte[] forged = original.clone();
    int used = usedBytes();
    for (int i = random.nextInt(3); i >= 0; i--) {
      change(forged, used, random);
    }
    putSum(forged, sum);
    sample.poke(at, forged);
  }

  /** Most changes go to where something is. */
  private int usedBytes() {
    int used = original.length;
    while (used > 8 && original[used - 1] == 0) {
      used--;
    }
    return used;
  }

  private void change(byte[] forged, int used, SplittableRandom random) {
    int width = 1 << random.nextInt(4);
    int reach = random.nextInt(4) == 0 ? Math.min(used, 256) : used; // headers are small
    int place = random.nextInt(Math.max(1, (reach - width) / width + 1)) * width;
    long value =
        switch (random.nextInt(4)) {
          case 0 -> random.nextLong();
          case 1 -> get(forged, place, width) + random.nextInt(-3, 4);
          case 2 -> get(forged, random.nextInt(Math.max(1, used - width)), width);
          default -> INTERESTING[random.nextInt(INTERESTING.length)];
        };
    for (int i = 0; i < width; i++) {
      forged[place + i] = (byte) (value >>> (Byte.SIZE * (width - 1 - i)));
    }
    changes.add(width + " bytes at " + place + " = 0x" + Long.toHexString(value));
  }

  private static long get(byte[] bytes, int place, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value = (value << Byte.SIZE) | (bytes[place + i] & 0xff);
    }
    return value;
  }

  /** Where a structure has its sum, by its magic number; -1 if it has none. */
  private static int sumAt(byte[] bytes) {
    ByteBuffer fields = ByteBuffer.wrap(bytes);
    if (Short.toUnsignedInt(fields.getShort(0)) == INODE_MAGIC) {
      return 100;
    }
    return switch (fields.getInt(0)) {
      case 0x58465342 -> 224; // XFSB, superblock
      case 0x58414746 -> 216; // XAGF, free space
      case 0x58414749 -> 312; // XAGI, inodes
      case 0x5841464c -> 32; // XAFL, free list
      case 0x424d4133 -> 64; // BMA3, extents
      // AB3B, AB3C, IAB3, FIB3: B+trees of a group
      case 0x41423342, 0x41423343, 0x49414233, 0x46494233 -> 52;
      case 0x58444233, 0x58444433, 0x58444633 -> 4; // XDB3, XDD3, XDF3: directories
      case 0x58534c4d -> 12; // XSLM, symlink
      default ->
          switch (Short.toUnsignedInt(fields.getShort(8))) {
            // nodes and leaves of directories and attributes
            case 0x3ebe, 0x3df1, 0x3dff, 0x3bee -> 12;
            default -> -1;
          };
    };
  }

  private static void putSum(byte[] bytes, int sum) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, sum);
    crc.update(new byte[Integer.BYTES]);
    crc.update(bytes, sum + Integer.BYTES, bytes.length - sum - Integer.BYTES);
    ByteBuffer.wrap(bytes).putInt(sum, Integer.reverseBytes((int) crc.getValue()));
  }

  /** Makes the sum of a structure in memory right: for tests that forge by hand. */
  static void makeSumRight(long address, int length) {
    byte[] bytes = RawMemory.segment(address, length).toArray(ValueLayout.JAVA_BYTE);
    putSum(bytes, sumAt(bytes));
    for (int i = 0; i < length; i++) {
      RawMemory.putByte(address + i, bytes[i]);
    }
  }

  /** Puts back what was there. */
  void undo() {
    sample.poke(at, original);
  }

  @Override
  public String toString() {
    return "structure 0x"
        + Integer.toHexString(ByteBuffer.wrap(original).getInt())
        + " of "
        + original.length
        + " bytes at "
        + at
        + ": "
        + String.join(", ", changes);
  }
}
