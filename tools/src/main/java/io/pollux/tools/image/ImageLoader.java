// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Terminal;
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
 * Reads an image that is to be copied into a disk. Zeroes are not passed on: the disk is zeroed,
 * and unwritten memory is not backed. A sparse image thus stays sparse. A long copy shows its
 * progress, if standard error is a terminal.
 */
final class ImageLoader implements Content {
  private static final int CHUNK = 512 << 10;
  private static final int LINE = 78;
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private final String name;
  private final long bytes;
  private final InputStream from; // no channel: an interrupt would close it
  private final long began = System.nanoTime();
  private final boolean watched = Terminal.isError();
  private @Nullable ProgressBar bar;

  ImageLoader(Path image) throws IOException {
    name = String.valueOf(image.getFileName());
    bytes = size(image);
    from = Files.newInputStream(image);
  }

  /** Returns the size of a file or block device; Files.size does not support devices. */
  private static long size(Path image) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
      return file.length();
    }
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void copyTo(Sink sink) throws IOException, ErrnoException {
    byte[] chunk = new byte[CHUNK];
    long position = 0;
    while (position < bytes) {
      int got = from.readNBytes(chunk, 0, (int) Math.min(CHUNK, bytes - position));
      if (got == 0) {
        throw new EOFException("became shorter while it was read");
      }
      copyData(MemorySegment.ofArray(chunk).asSlice(0, got), position, sink);
      position += got;
      show(position);
    }
  }

  private static void copyData(MemorySegment data, long position, Sink sink) throws ErrnoException {
    long end;
    for (long at = DataRuns.start(data, 0); at < data.byteSize(); at = DataRuns.start(data, end)) {
      end = DataRuns.end(data, at);
      sink.put(position + at, data.asSlice(at, end - at));
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
  public void close() throws IOException {
    if (bar != null) {
      bar.close();
    }
    from.close();
  }
}
