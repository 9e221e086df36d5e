// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/** The header and the table of files, as stored on disk. Numbers are little-endian. */
final class Table {
  static final int MAX_NAME = 255;
  static final int MAX_FILES = (MyFs.DATA - MyFs.BLOCK) / 512;

  // the header
  private static final int COUNT = 8;
  private static final int CRC = 12;

  // an entry
  private static final int ENTRY = 512;
  private static final int SIZE = 0;
  private static final int ADDR = 8;
  private static final int NAME_BYTES = 16;
  private static final int NAME = 20;

  private Table() {}

  /** A file: a name, whose chars are its bytes, and one extent. */
  record Entry(String name, long size, long addr) {
    long blocks() {
      return (size + MyFs.BLOCK - 1) / MyFs.BLOCK;
    }
  }

  private static int crc(long buffer) {
    RawMemory.putInt(buffer, CRC, 0);
    CRC32C crc = new CRC32C();
    crc.update(RawMemory.segment(buffer, MyFs.DATA).asByteBuffer());
    return (int) crc.getValue();
  }

  static void encode(long buffer, List<Entry> entries) {
    RawMemory.zero(buffer, MyFs.DATA);
    RawMemory.putLong(buffer, MyFs.MAGIC);
    RawMemory.putInt(buffer, COUNT, entries.size());
    for (int i = 0; i < entries.size(); i++) {
      long at = buffer + MyFs.BLOCK + (long) i * ENTRY;
      byte[] name = entries.get(i).name().getBytes(StandardCharsets.ISO_8859_1);
      RawMemory.putLong(at, SIZE, entries.get(i).size());
      RawMemory.putLong(at, ADDR, entries.get(i).addr());
      RawMemory.putInt(at, NAME_BYTES, name.length);
      RawMemory.segment(at + NAME, name.length).copyFrom(MemorySegment.ofArray(name));
    }
    RawMemory.putInt(buffer, CRC, crc(buffer));
  }

  static List<Entry> decode(long buffer, BlockDevice bdev) throws ErrnoException {
    int crc = RawMemory.getInt(buffer, CRC);
    int count = RawMemory.getInt(buffer, COUNT);
    if (RawMemory.getLong(buffer) != MyFs.MAGIC
        || crc != crc(buffer)
        || count < 0
        || count > MAX_FILES) {
      throw damaged(bdev, "the table of files");
    }
    List<Entry> entries = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < count; i++) {
      long at = buffer + MyFs.BLOCK + (long) i * ENTRY;
      int nameBytes = RawMemory.getInt(at, NAME_BYTES);
      if (nameBytes < 1 || nameBytes > MAX_NAME) {
        throw damaged(bdev, "file " + i);
      }
      byte[] bytes = new byte[nameBytes];
      MemorySegment.ofArray(bytes).copyFrom(RawMemory.segment(at + NAME, nameBytes));
      String name = new String(bytes, StandardCharsets.ISO_8859_1);
      long size = RawMemory.getLong(at, SIZE);
      long addr = RawMemory.getLong(at, ADDR);
      if (size < 0
          || size > bdev.bytes()
          || addr < MyFs.DATA
          || addr % MyFs.BLOCK != 0
          || addr > bdev.bytes() - (size + MyFs.BLOCK - 1) / MyFs.BLOCK * MyFs.BLOCK
          || name.contains("/")
          || !names.add(name)) {
        throw damaged(bdev, "file " + i);
      }
      entries.add(new Entry(name, size, addr));
    }
    return entries;
  }

  private static ErrnoException damaged(BlockDevice bdev, String what) {
    return new ErrnoException(Errno.EUCLEAN, bdev.name() + ": " + what + " is damaged");
  }
}
