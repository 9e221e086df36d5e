// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * A small valid filesystem, built by hand, that tests damage: two groups of 1,000 blocks of 4 KiB,
 * inodes of 512 bytes from 128 on. The log was never written. The root directory is empty, in short
 * form.
 */
final class TestImage {
  static final int BLOCK = 4096;
  static final int AG_BLOCKS = 1000; // not a power of two, so that block numbers have a gap
  static final int AG_LOG = 10;
  static final int INODE = 512;
  static final int LOG_BBS = 2048;
  static final long LOG_FSB = (1L << AG_LOG) + 500; // in the second group
  static final long ROOT = 128;
  static final long DEV = 0x800; // the device's number
  static final byte[] UUID = "uuid of the test".getBytes(StandardCharsets.US_ASCII);

  final ByteBuffer disk = ByteBuffer.allocate(2 * AG_BLOCKS * BLOCK); // big-endian

  TestImage() {
    superblock();
    group(0);
    group(1);
    int root = inode(ROOT, 0040755, 1, 6, 0, 0);
    disk.putInt(root + 178, (int) ROOT); // no entries, and the parent
    sealInode(ROOT);
  }

  BlockDevice device() {
    return writable().disk("image", DEV, HeldDisk.TAGS, QueueLimits.of(512), true);
  }

  MountedTree mount() throws ErrnoException {
    return new MountedTree(device(), "ro");
  }

  /** The same, writable: writes change {@link #disk}. */
  HeldDisk writable() {
    return new HeldDisk(MemorySegment.ofBuffer(disk.duplicate().clear())).letThrough();
  }

  private void superblock() {
    disk.putInt(0, 0x58465342).putInt(4, BLOCK).putLong(8, 2 * AG_BLOCKS).put(32, UUID);
    disk.putLong(48, LOG_FSB)
        .putLong(56, ROOT)
        .putInt(84, AG_BLOCKS)
        .putInt(88, 2)
        .putInt(96, LOG_BBS / 8);
    disk.putShort(100, (short) 0xb4a5)
        .putShort(102, (short) 512)
        .putShort(104, (short) INODE)
        .putShort(106, (short) 8);
    disk.put(120, (byte) 12)
        .put(121, (byte) 9)
        .put(122, (byte) 9)
        .put(123, (byte) 3)
        .put(124, (byte) AG_LOG);
    disk.putInt(216, 0x0b | 0x20); // FTYPE, SPINODES, BIGTIME, NREXT64
    sealSuper();
  }

  void sealSuper() {
    seal(0, 512, 224);
  }

  private void group(int agno) {
    int at = agno * AG_BLOCKS * BLOCK;
    disk.putInt(at + 512, 0x58414746)
        .putInt(at + 516, 1)
        .putInt(at + 520, agno)
        .putInt(at + 524, AG_BLOCKS);
    disk.putInt(at + 512 + 16, 1)
        .putInt(at + 512 + 20, 2)
        .putInt(at + 512 + 28, 1)
        .putInt(at + 512 + 32, 1);
    disk.put(at + 512 + 64, UUID);
    seal(at + 512, 512, 216);
    disk.putInt(at + 1024, 0x58414749)
        .putInt(at + 1028, 1)
        .putInt(at + 1032, agno)
        .putInt(at + 1036, AG_BLOCKS);
    disk.putInt(at + 1024 + 20, 3).putInt(at + 1024 + 24, 1).put(at + 1024 + 296, UUID);
    for (int bucket = 0; bucket < 64; bucket++) {
      disk.putInt(at + 1024 + 40 + 4 * bucket, -1); // no unlinked inode
    }
    seal(at + 1024, 512, 312);
    disk.putInt(at + 1536, 0x5841464c).putInt(at + 1540, agno).put(at + 1544, UUID);
    seal(at + 1536, 512, 32);
  }

  /** Stores the checksum of a structure. */
  void seal(int at, int length, int crcOffset) {
    disk.putInt(at + crcOffset, 0);
    CRC32C crc = new CRC32C();
    crc.update(disk.array(), at, length);
    disk.putInt(at + crcOffset, Integer.reverseBytes((int) crc.getValue()));
  }

  static int byteOf(long fsb) {
    return (int) ((fsb >> AG_LOG) * AG_BLOCKS + (fsb & ((1 << AG_LOG) - 1))) * BLOCK;
  }

  static int byteOfInode(long ino) {
    return byteOf(ino >> 3) + (int) (ino & 7) * INODE;
  }

  /**
   * Makes an inode, to be sealed once its fork is filled. Returns its position; the fork is at 176.
   */
  int inode(long ino, int mode, int format, long size, long extents, long blocks) {
    int at = byteOfInode(ino);
    disk.putShort(at, (short) 0x494e)
        .putShort(at + 2, (short) mode)
        .put(at + 4, (byte) 3)
        .put(at + 5, (byte) format);
    disk.putInt(at + 16, 1)
        .putLong(at + 24, extents)
        .putLong(at + 56, size)
        .putLong(at + 64, blocks);
    disk.putLong(at + 120, 0x18).putLong(at + 152, ino).put(at + 160, UUID); // bigtime, nrext64
    return at;
  }

  void sealInode(long ino) {
    seal(byteOfInode(ino), INODE, 100);
  }

  /** Makes the root a directory with one entry. */
  void rootEntry(String name, long ino) {
    byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
    int root = inode(ROOT, 0040755, 1, 6 + 3 + bytes.length + 1 + 4, 0, 0);
    disk.put(root + 176, (byte) 1).putInt(root + 178, (int) ROOT);
    disk.put(root + 182, (byte) bytes.length)
        .putShort(root + 183, (short) 96)
        .put(root + 185, bytes);
    disk.put(root + 185 + bytes.length, (byte) 1).putInt(root + 186 + bytes.length, (int) ino);
    sealInode(ROOT);
  }

  /** Puts an extent record somewhere. */
  void extent(int at, long off, long fsb, long count, boolean unwritten) {
    disk.putLong(at, (unwritten ? Long.MIN_VALUE : 0) | off << 9 | fsb >>> 43);
    disk.putLong(at + 8, fsb << 21 | count);
  }

  /** Makes a block of an extent tree, with its header. Returns its position; records are at 72. */
  int treeBlock(long fsb, long owner, int level, int records, long left, long right) {
    int at = byteOf(fsb);
    disk.putInt(at, 0x424d4133).putShort(at + 4, (short) level).putShort(at + 6, (short) records);
    disk.putLong(at + 8, left)
        .putLong(at + 16, right)
        .putLong(at + 24, at / 512)
        .put(at + 40, UUID);
    disk.putLong(at + 56, owner);
    return at;
  }

  void sealTree(long fsb) {
    seal(byteOf(fsb), BLOCK, 64);
  }

  /** Position of a pointer in a block of an extent tree. */
  static int pointer(int block, int index) {
    return block + 72 + (BLOCK - 72) / 16 * 8 + index * 8;
  }

  /** Position of a pointer in the root of an extent tree, in an inode without attributes. */
  static int rootPointer(int inode, int index) {
    return inode + 176 + 4 + (INODE - 176 - 4) / 16 * 8 + index * 8;
  }

  /** Makes a block of a log, where a record begins. */
  void logHeader(int bb, int cycle, int length, int ops, int tailCycle, int tail) {
    int at = byteOf(LOG_FSB) + bb * 512;
    disk.putInt(at, 0xfeedbabe).putInt(at + 4, cycle).putInt(at + 8, 2).putInt(at + 12, length);
    disk.putLong(at + 16, (long) cycle << 32 | bb).putLong(at + 24, (long) tailCycle << 32 | tail);
    disk.putInt(at + 40, ops).put(at + 304, UUID).putInt(at + 320, 32 << 10);
  }

  /** Fills blocks of a log with a cycle. */
  void logBody(int bb, int count, int cycle, int opFlags) {
    for (int i = 0; i < count; i++) {
      int at = byteOf(LOG_FSB) + (bb + i) * 512;
      disk.putInt(at, cycle).put(at + 8, (byte) 0xaa).put(at + 9, (byte) opFlags);
    }
  }
}
