// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.driver.RamDisk;
import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The sample as a sparse file on the machine, as it is or with a fault in it. */
final class SampleFile {
  private static final int PIECE = 4096;

  private SampleFile() {}

  static Path unpack(Path to) throws IOException {
    return unpack(to, -1);
  }

  /** Unpacks it with one bit wrong in each sector that belongs at this offset of any file. */
  static Path unpack(Path to, long wrongSector) throws IOException {
    try (RamDisk disk = SampleImage.load();
        FileChannel file =
            FileChannel.open(to, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      MemorySegment image = RawMemory.segment(disk.address(), disk.bytes());
      MemorySegment zeroes = MemorySegment.ofArray(new byte[PIECE]);
      for (long at = 0; at < image.byteSize(); at += PIECE) {
        if (image.asSlice(at, PIECE).mismatch(zeroes) >= 0) {
          spoil(disk.address() + at, wrongSector);
          write(file, image.asSlice(at, PIECE).asByteBuffer(), at);
        }
      }
      write(file, ByteBuffer.allocate(1), image.byteSize() - 1); // zeroes at the end are a hole
    }
    return to;
  }

  private static void spoil(long block, long wrongSector) {
    for (int at = 0; at < PIECE; at += SamplePattern.SECTOR) {
      long sector = block + at;
      if (RawMemory.getLong(sector) == SamplePattern.MAGIC
          && RawMemory.getLong(sector + Long.BYTES) == wrongSector) {
        RawMemory.putByte(sector + 100, (byte) (RawMemory.getByte(sector + 100) ^ 1));
      }
    }
  }

  private static void write(FileChannel file, ByteBuffer data, long at) throws IOException {
    long position = at;
    while (data.hasRemaining()) {
      position += file.write(data, position);
    }
  }
}
