// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.driver.RamDisk;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.console.Terminal;
import io.pollux.uapi.RawMemory;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Copies an image into a disk in memory. Zeroes are not copied: the disk is zeroed, and unwritten
 * memory is not backed. A sparse image thus stays sparse. A long copy shows its progress, if
 * standard error is a terminal.
 */
final class ImageLoader implements AutoCloseable {
  private static final int CHUNK = 1 << 20;
  private static final int LINE = 78;
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private final String name;
  private final long bytes;
  private final long began = System.nanoTime();
  private final boolean watched = Terminal.isError();
  private @Nullable ProgressBar bar;

  private ImageLoader(String name, long bytes) {
    this.name = name;
    this.bytes = bytes;
  }

  /** Creates a disk with the size and content of an image. */
  static RamDisk load(Path image) {
    // no channel: an interrupt would close it
    try (InputStream from = Files.newInputStream(image)) {
      RamDisk disk = newDisk(image.toString(), size(image));
      try (ImageLoader loader =
          new ImageLoader(String.valueOf(image.getFileName()), disk.bytes())) {
        loader.copy(from, disk.address());
      } catch (IOException e) {
        disk.close();
        throw e;
      }
      return disk;
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
  }

  /** Returns the size of a file or block device; Files.size does not support devices. */
  private static long size(Path image) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
      return file.length();
    }
  }

  /** Creates an empty disk. A failure names the option or file that needs it. */
  static RamDisk newDisk(String what, long bytes) {
    try {
      return new RamDisk(bytes);
    } catch (OutOfMemoryError e) {
      throw Failure.couldNotRun(
          what, "this machine has no memory for a disk of " + bytes + " bytes", e);
    }
  }

  private void copy(InputStream from, long address) throws IOException {
    byte[] chunk = new byte[CHUNK];
    long position = 0;
    while (position < bytes) {
      int got = from.readNBytes(chunk, 0, (int) Math.min(CHUNK, bytes - position));
      if (got == 0) {
        throw new EOFException("became shorter while it was read");
      }
      copyData(MemorySegment.ofArray(chunk).asSlice(0, got), address + position);
      position += got;
      show(position);
    }
  }

  private static void copyData(MemorySegment from, long to) {
    long end;
    for (long at = DataRuns.start(from, 0); at < from.byteSize(); at = DataRuns.start(from, end)) {
      end = DataRuns.end(from, at);
      MemorySegment.copy(from, at, RawMemory.segment(to + at, end - at), 0, end - at);
    }
  }

  private void show(long position) {
    if (bar == null && watched && System.nanoTime() - began > PATIENCE_NANOS) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("loading " + name)
              .setInitialMax(bytes)
              .setUnit(" MiB", 1 << 20)
              .setStyle(ProgressBarStyle.ASCII)
              // with a width, no terminal library is asked
              .setConsumer(new ConsoleProgressBarConsumer(System.err, LINE))
              .build();
    }
    if (bar != null) {
      bar.stepTo(position);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
