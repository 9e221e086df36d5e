// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A sparse file as a disk, whose writes reach the file, and a task to use it. */
public final class MadeImage implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final UserProcess process = new UserProcess();
  private final Task current;
  private final MemorySegment contents;
  private final BlockDevice disk;

  /** Opens a file. */
  public MadeImage(Path file, int sectorBytes) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      contents = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), arena);
    }
    disk =
        new HeldDisk(contents).letThrough().disk(HeldDisk.TAGS, QueueLimits.of(sectorBytes), false);
    current = process.newTask();
    current.enterKernel();
  }

  /** Makes a sparse file. */
  public static Path sparse(Path file, long bytes) throws IOException {
    try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(bytes);
    }
    return file;
  }

  /** Makes a filesystem in a new file. */
  public static Path make(Path file, long bytes, String options)
      throws IOException, ErrnoException {
    try (MadeImage image = new MadeImage(sparse(file, bytes), 512)) {
      image.mkfs(options);
    }
    return file;
  }

  /** Makes a filesystem. */
  public void mkfs(String options) throws ErrnoException {
    XfsMkfs.make(current, disk, Options.parse(options), 0x12345678L << 10);
  }

  /** The bytes of the file. */
  public MemorySegment contents() {
    return contents;
  }

  /** The disk. */
  public BlockDevice disk() {
    return disk;
  }

  /** The task. */
  public Task current() {
    return current;
  }

  @Override
  public void close() {
    current.leaveKernel();
    process.exit();
    arena.close();
  }
}
