// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.RawMemory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;

/**
 * A small valid filesystem, built by hand, that tests damage. It has blocks of 4 KiB, one resource
 * group, one journal of 8 MiB, the system files, and an empty root directory. Blocks from {@link
 * #FREE} on are for tests.
 */
final class TinyImage implements AutoCloseable {
  static final int BLOCK = 4096;
  static final int BLOCKS = 2600;
  static final int RGRP = 17;
  static final int DATA0 = 18;
  static final int MASTER = 20;
  static final int ROOT = 21;
  static final int RINDEX = 22;
  static final int JINDEX = 27;
  static final int JOURNAL = 28;
  static final int JOURNAL_DATA = 100;
  static final int JOURNAL_BLOCKS = 2048;
  static final int FREE = 2200;
  static final int SB = 64 << 10;
  static final int DINODE = 232;
  static final int JDATA = 1;
  static final int EXHASH = 2;

  private static final int MAGIC = 0x01161970;

  final RamDisk ram = new RamDisk((long) BLOCKS * BLOCK);
  // big-endian
  final ByteBuffer disk = RawMemory.segment(ram.address(), ram.bytes()).asByteBuffer();
  private final Map<Integer, List<byte[]>> directories = new TreeMap<>();

  TinyImage() {
    header(SB / BLOCK, 1, 100);
    disk.putInt(SB + 24, 1802).putInt(SB + 28, 1900).putInt(SB + 36, BLOCK).putInt(SB + 40, 12);
    disk.putLong(SB + 48, MASTER)
        .putLong(SB + 56, MASTER)
        .putLong(SB + 80, ROOT)
        .putLong(SB + 88, ROOT);
    disk.put(SB + 96, "lock_nolock".getBytes(StandardCharsets.US_ASCII));
    header(RGRP, 2, 200);

    directory(MASTER, MASTER);
    directory(ROOT, ROOT);
    stuffed(RINDEX, 96);
    rindex();
    stuffed(23, 8);
    stuffed(24, 24);
    stuffed(25, 176);
    directory(26, MASTER);
    directory(JINDEX, MASTER);
    entry(MASTER, "rindex", RINDEX, 8);
    entry(MASTER, "inum", 23, 8);
    entry(MASTER, "statfs", 24, 8);
    entry(MASTER, "quota", 25, 8);
    entry(MASTER, "per_node", 26, 4);
    entry(MASTER, "jindex", JINDEX, 4);
    entry(JINDEX, "journal0", JOURNAL, 8);
    journal();
  }

  @Override
  public void close() {
    ram.close();
  }

  MountedImage mount() throws ErrnoException {
    return new MountedImage(this, "ro", LockNolock.INSTANCE);
  }

  MountedImage mountForWriting() throws ErrnoException {
    return new MountedImage(this, MountedImage.READ_WRITE, LockNolock.INSTANCE);
  }

  static int at(int block) {
    return block * BLOCK;
  }

  void header(int block, int type, int format) {
    disk.putInt(at(block), MAGIC).putInt(at(block) + 4, type).putInt(at(block) + 16, format);
  }

  private void rindex() {
    int at = at(RINDEX) + DINODE;
    disk.putLong(at, RGRP)
        .putInt(at + 8, 1)
        .putLong(at + 16, DATA0)
        .putInt(at + 24, BLOCKS - DATA0);
    disk.putInt(at + 28, (BLOCKS - DATA0) / 4 + 1);
  }

  /** The state of a block in the bitmap. */
  void mark(int block, int state) {
    int at = at(RGRP) + 128 + (block - DATA0) / 4;
    int shift = (block - DATA0) % 4 * 2;
    disk.put(at, (byte) ((disk.get(at) & ~(3 << shift)) | state << shift));
  }

  /** Makes an inode; its formal number is that of its block. */
  void dinode(int block, int mode, long size, int height, int flags) {
    header(block, 4, 400);
    int at = at(block);
    disk.putLong(at + 24, block)
        .putLong(at + 32, block)
        .putInt(at + 40, mode)
        .putInt(at + 52, 1)
        .putLong(at + 56, size);
    disk.putLong(at + 64, 1).putInt(at + 128, flags).putShort(at + 138, (short) height);
    mark(block, 3);
  }

  void stuffed(int block, int size) {
    dinode(block, 0100644, size, 0, 0);
  }

  /** Makes a directory in an inode, with . and .. in it. */
  void directory(int block, int parent) {
    dinode(block, 0040755, BLOCK - DINODE, 0, JDATA);
    directories.put(block, new ArrayList<>());
    entry(block, ".", block, 4);
    entry(block, "..", parent, 4);
  }

  /** Puts a name into a directory that is in its inode. */
  void entry(int directory, String name, int block, int type) {
    List<byte[]> entries = directories.get(directory);
    assert entries != null;
    entries.add(dirent(name, block, type));
    disk.putInt(at(directory) + 148, entries.size());
    dirents(at(directory) + DINODE, at(directory) + BLOCK, entries);
  }

  static byte[] dirent(String name, int block, int type) {
    byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    byte[] dirent = new byte[(40 + bytes.length + 7) & -8];
    CRC32 hash = new CRC32();
    hash.update(bytes);
    ByteBuffer buffer = ByteBuffer.wrap(dirent);
    buffer.putLong(0, block).putLong(8, block).putInt(16, (int) hash.getValue());
    buffer
        .putShort(20, (short) dirent.length)
        .putShort(22, (short) bytes.length)
        .putShort(24, (short) type);
    buffer.put(40, bytes);
    return dirent;
  }

  /** Fills a stretch with entries, the last of which reaches to its end. */
  void dirents(int from, int end, List<byte[]> entries) {
    int at = from;
    int last = from;
    for (byte[] entry : entries) {
      disk.put(at, entry);
      last = at;
      at += entry.length;
    }
    if (entries.isEmpty()) {
      disk.put(from, new byte[40]);
    }
    disk.putShort(last + 20, (short) (end - last));
  }

  /**
   * Makes a directory with a hash table in its inode. Pointers are to be put behind the inode's
   * header.
   */
  void hashed(int block, int depth, int entries) {
    dinode(block, 0040755, 8L << depth, 0, JDATA | EXHASH);
    disk.putShort(at(block) + 146, (short) depth).putInt(at(block) + 148, entries);
  }

  void leaf(int block, int depth, int next, List<byte[]> entries) {
    header(block, 6, 600);
    mark(block, 1);
    int at = at(block);
    disk.putShort(at + 24, (short) depth)
        .putShort(at + 26, (short) entries.size())
        .putInt(at + 28, 1200)
        .putLong(at + 32, next);
    dirents(at + 104, at + BLOCK, entries);
  }

  /** Makes a block of pointers, all of them 0. */
  void indirect(int block) {
    header(block, 5, 500);
    mark(block, 1);
  }

  /** Puts a pointer into an inode. */
  void inodePointer(int inode, int index, int block) {
    disk.putLong(at(inode) + DINODE + index * 8, block);
    mark(block, 1);
  }

  /** Puts a pointer into a block of pointers. */
  void pointer(int indirect, int index, int block) {
    disk.putLong(at(indirect) + 24 + index * 8, block);
    mark(block, 1);
  }

  /** Fills a block of data with a number. */
  void data(int block, int value) {
    mark(block, 1);
    for (int i = 0; i < BLOCK; i += 4) {
      disk.putInt(at(block) + i, value);
    }
  }

  private void journal() {
    dinode(JOURNAL, 0100600, (long) JOURNAL_BLOCKS * BLOCK, 2, JDATA);
    int perBlock = (BLOCK - 24) / 8;
    for (int i = 0; i < JOURNAL_BLOCKS; i++) {
      int indirect = JOURNAL + 1 + i / perBlock;
      if (i % perBlock == 0) {
        indirect(indirect);
        inodePointer(JOURNAL, i / perBlock, indirect);
      }
      pointer(indirect, i % perBlock, JOURNAL_DATA + i);
    }
    logHeader(0, 1, 1);
  }

  /** Puts a log header into the journal. */
  void logHeader(int block, long sequence, int flags) {
    header(JOURNAL_DATA + block, 8, 800);
    int at = at(JOURNAL_DATA + block);
    disk.putLong(at + 24, sequence)
        .putInt(at + 32, flags)
        .putInt(at + 36, block)
        .putInt(at + 40, block);
    disk.putInt(at + 44, 0);
    CRC32 hash = new CRC32();
    hash.update(disk.slice(at, 48));
    disk.putInt(at + 44, (int) hash.getValue());
  }
}
