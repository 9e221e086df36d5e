// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A filesystem's image in a file, with what its own checker and Linux say of it. */
interface JudgedImage {
  /** Bytes that are looked at at a time. */
  int CHUNK = 64 << 10;

  /**
   * A file as Linux sees it.
   *
   * @param sum SHA-256 of its content
   * @param mtime when it was written to
   */
  record Seen(String sum, Instant mtime) {}

  /** Where it is. */
  Path file();

  /** An image of the same kind, elsewhere. */
  JudgedImage at(Path other);

  /** The filesystem's own checker finds nothing. */
  void assertSound() throws IOException, InterruptedException;

  /** What is in files, by their names. */
  Map<String, byte[]> contents(List<String> names) throws IOException, InterruptedException;

  /** Has Linux recover it after a crash, if the image has a log that only Linux judges. */
  default void recover() throws IOException, InterruptedException {}

  /** Has Linux mount it, look at files, and write to it: log and journal are as they were. */
  Map<String, Seen> seenByLinux(List<String> names) throws IOException, InterruptedException;

  /** Writes memory into the file, without the zeroes. */
  default void write(long address, long bytes) throws IOException {
    Files.deleteIfExists(file());
    try (RandomAccessFile sparse = new RandomAccessFile(file().toFile(), "rw")) {
      sparse.setLength(bytes);
    }
    try (FileChannel channel = FileChannel.open(file(), StandardOpenOption.WRITE)) {
      for (long at = 0; at < bytes; at += CHUNK) {
        int length = (int) Math.min(CHUNK, bytes - at);
        ByteBuffer chunk = RawMemory.segment(address + at, length).asByteBuffer();
        if (chunk.mismatch(ByteBuffer.allocate(length)) >= 0) {
          for (long to = at; chunk.hasRemaining(); to += channel.write(chunk, to)) {
            assertThat(to).isLessThan(at + length);
          }
        }
      }
    }
  }
}
