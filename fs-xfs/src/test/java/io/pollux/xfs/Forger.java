// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Changes metadata of an image and makes the checksums right. */
final class Forger {
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong BE64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** A block with a checksum. */
  record Structure(String type, long at, int length, int crcAt) {}

  private final MemorySegment disk;
  private final Random random;
  private final Map<String, List<Structure>> found; // by type

  /**
   * Creates one for a copy of an image.
   *
   * @param disk the copy
   * @param found what {@link #find} found in the image
   * @param random decides
   */
  Forger(MemorySegment disk, Map<String, List<Structure>> found, Random random) {
    this.disk = disk;
    this.found = found;
    this.random = random;
  }

  /** Finds the structures of the first groups by their magic numbers. */
  static Map<String, List<Structure>> find(MemorySegment disk, int block, int dirBlock, int inode) {
    Map<String, List<Structure>> found = new TreeMap<>();
    for (long at = 0; at < disk.byteSize(); at += 512) {
      Structure there = at(disk, at, block, dirBlock, inode);
      if (there != null && at + there.length <= disk.byteSize()) {
        found.computeIfAbsent(there.type, type -> new ArrayList<>()).add(there);
      }
    }
    return found;
  }

  private static @Nullable Structure at(
      MemorySegment disk, long at, int block, int dirBlock, int inode) {
    int magic = disk.get(BE32, at);
    if (magic == 0x58465342) {
      return at == 0 ? new Structure("sb", at, 512, 224) : null;
    }
    return switch (magic) {
      case 0x58414746 -> new Structure("agf", at, 512, 216);
      case 0x58414749 -> new Structure("agi", at, 512, 312);
      case 0x5841464c -> new Structure("agfl", at, 512, 32);
      case 0x41423342 -> new Structure("bnobt", at, block, 52);
      case 0x41423343 -> new Structure("cntbt", at, block, 52);
      case 0x49414233 -> new Structure("inobt", at, block, 52);
      case 0x46494233 -> new Structure("finobt", at, block, 52);
      case 0x524d4233 -> new Structure("rmapbt", at, block, 52);
      case 0x52334643 -> new Structure("refcountbt", at, block, 52);
      case 0x424d4133 -> new Structure("bmbt", at, block, 64);
      case 0x58444233 -> new Structure("dirblock", at, dirBlock, 4);
      case 0x58444433 -> new Structure("dirdata", at, dirBlock, 4);
      case 0x58444633 -> new Structure("dirfree", at, dirBlock, 4);
      case 0x58534c4d -> new Structure("symlink", at, block, 12);
      default -> second(disk, at, dirBlock, block, inode, magic);
    };
  }

  private static @Nullable Structure second(
      MemorySegment disk, long at, int dirBlock, int block, int inode, int magic) {
    if (magic >>> 16 == 0x494e) {
      boolean used = (magic & 0xffff) != 0;
      return at % inode == 0 && used ? new Structure("inode", at, inode, 100) : null;
    }
    return switch (disk.get(BE32, at + 8) >>> 16) {
      case 0x3df1 -> new Structure("leaf1", at, dirBlock, 12);
      case 0x3dff -> new Structure("leafn", at, dirBlock, 12);
      case 0x3ebe -> new Structure("danode", at, dirBlock, 12);
      case 0x3bee -> new Structure("attrleaf", at, block, 12);
      default -> null;
    };
  }

  /** Changes up to three fields of one or two structures. Returns what was changed. */
  String forge() {
    StringBuilder what = new StringBuilder();
    for (int i = random.nextInt(4) == 0 ? 2 : 1; i > 0; i--) {
      List<String> types = List.copyOf(found.keySet());
      List<Structure> all = found.getOrDefault(types.get(random.nextInt(types.size())), List.of());
      Structure one = all.get(random.nextInt(all.size()));
      what.append(one.type).append('@').append(one.at);
      for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
        what.append(change(one));
      }
      seal(one);
      what.append("; ");
    }
    return what.toString();
  }

  private String change(Structure one) {
    int width = 1 << random.nextInt(4);
    int off;
    int tries = 0;
    do {
      int most = random.nextBoolean() ? Math.min(256, one.length) : one.length;
      off = random.nextInt(most / width) * width;
      tries++;
    } while (tries < 20 && isZero(one.at + off, width));
    long place = one.at + off;
    long value =
        switch (random.nextInt(8)) {
          case 0 -> get(place, width) + 1;
          case 1 -> get(place, width) - 1;
          case 2 -> 0;
          case 3 -> -1;
          case 4 -> random.nextLong();
          case 5 -> get(place, width) ^ (1L << random.nextInt(8 * width));
          case 6 -> random.nextInt(64);
          default -> get(one.at + (long) width * random.nextInt(one.length / width), width);
        };
    put(place, width, value);
    return " " + off + "/" + width + "=" + Long.toHexString(value);
  }

  private boolean isZero(long at, int width) {
    return get(at, width) == 0;
  }

  private long get(long at, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value = value << 8 | (disk.get(ValueLayout.JAVA_BYTE, at + i) & 0xff);
    }
    return value;
  }

  private void put(long at, int width, long value) {
    for (int i = 0; i < width; i++) {
      disk.set(ValueLayout.JAVA_BYTE, at + i, (byte) (value >>> (8 * (width - 1 - i))));
    }
  }

  private void seal(Structure one) {
    byte[] bytes = disk.asSlice(one.at, one.length).toArray(ValueLayout.JAVA_BYTE);
    MemorySegment copy = MemorySegment.ofArray(bytes);
    copy.set(BE32, one.crcAt, 0);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    disk.set(BE32, one.at + one.crcAt, Integer.reverseBytes((int) crc.getValue()));
  }

  /** The bytes of the filesystem that its superblock tells. */
  static long bytes(MemorySegment disk) {
    return disk.get(BE64, 8) * disk.get(BE32, 4);
  }
}
