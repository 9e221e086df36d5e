// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Random;

/**
 * A file of very many extents. The test writes every other block, or punches every other block of
 * one extent. It then reads, truncates and removes the file.
 */
final class LongExtents {
  private static final int CHUNK = 1 << 20;

  private final Path image;
  private final int block;
  private final int count;
  private final int[] order;
  private final LongSteps steps = new LongSteps();
  private final boolean[] filled; // blocks of the file that have data

  LongExtents(Path directory, String geometry, int count, long seed)
      throws IOException, InterruptedException {
    block = geometry.contains("-b size=1024") ? 1024 : 4096;
    this.count = count;
    image = LongSteps.mkfs(directory, geometry, 3L * count * block + (1L << 30));
    order = LongSteps.shuffled(count, new Random(seed));
    filled = new boolean[2 * count];
  }

  private long bytes() {
    return 2L * count * block;
  }

  private static byte mark(long number) {
    return (byte) (number % 251 + 1);
  }

  /** Writes every other block, in random order. */
  String written() throws Exception {
    return run(
        (mounted, file, memory) -> {
          truncate(mounted, file, bytes());
          steps.each("write", count, i -> write(mounted, file, memory, 2 * order[i]));
        });
  }

  /** Allocates all blocks, punches every other one in random order, and writes some. */
  String punched() throws Exception {
    return run(
        (mounted, file, memory) -> {
          assertThat(file.op().fallocate(mounted.tree.current, file, 0, 0, bytes())).isZero();
          int mode = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
          steps.each(
              "punch",
              count,
              i -> {
                long at = (2L * order[i] + 1) * block;
                assertThat(file.op().fallocate(mounted.tree.current, file, mode, at, block))
                    .isZero();
              });
          steps.each("write", count / 50, i -> write(mounted, file, memory, 2 * order[i]));
        });
  }

  private interface Making {
    void run(WritableTree mounted, File file, long memory) throws ErrnoException;
  }

  private String run(Making making) throws Exception {
    long free;
    try (WritableTree mounted = new WritableTree(image)) {
      long memory = mounted.tree.current.mm().mmap(CHUNK, Mman.PROT_READ | Mman.PROT_WRITE);
      free = mounted.mp.trans().fdblocks();
      File file = mounted.open("/f", Fcntl.O_CREAT | Fcntl.O_DIRECT);
      making.run(mounted, file, memory);
      assertThat(extents(mounted)).as("extents").isEqualTo(count);
      steps.memory();
      file.fput(mounted.tree.current);
    }
    steps.done("unmount");
    LinuxXfs.assertSound(image);
    LinuxXfs.look(image, root -> onLinux(root.resolve("f")));
    steps.done("Linux");
    try (WritableTree mounted = new WritableTree(image)) {
      long memory = mounted.tree.current.mm().mmap(CHUNK, Mman.PROT_READ | Mman.PROT_WRITE);
      File file = mounted.open("/f", Fcntl.O_DIRECT);
      steps.begin();
      read(mounted, file, memory, 0);
      steps.done("first read");
      int chunks = (int) ((bytes() + CHUNK - 1) / CHUNK);
      steps.each("read 1 MiB", chunks, i -> read(mounted, file, memory, (long) i * CHUNK));
      assertThat(extents(mounted)).as("extents").isEqualTo(count);
      steps.memory();
      truncate(mounted, file, bytes() / 2);
      steps.done("cut to half");
      assertThat(extents(mounted)).as("extents").isEqualTo(count / 2);
      mounted.tree.namei.unlink(mounted.tree.current, null, MountedTree.bytes("/f"));
      file.fput(mounted.tree.current);
      steps.done("remove");
    }
    steps.done("unmount");
    LinuxXfs.assertSound(image);
    try (WritableTree mounted = new WritableTree(image)) {
      assertThat(mounted.mp.trans().fdblocks()).as("free blocks").isEqualTo(free);
    }
    return steps.toString();
  }

  private static long extents(WritableTree mounted) throws ErrnoException {
    return mounted.inode("/f").nextents();
  }

  private static void truncate(WritableTree mounted, File file, long size) throws ErrnoException {
    file.inode().iRwsem.downWrite(mounted.tree.current);
    try {
      file.inode().setattr(mounted.tree.current, Iattr.ofSize(size));
    } finally {
      file.inode().iRwsem.upWrite();
    }
  }

  private void write(WritableTree mounted, File file, long memory, int number) {
    RawMemory.segment(memory, block).fill(mark(number));
    IovecIter iter = new IovecIter();
    iter.importSingleRange(mounted.tree.current.mm(), false, memory, block);
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    iocb.kiPos = (long) number * block;
    assertThat(file.op().writeIter(mounted.tree.current, iocb, iter)).isEqualTo(block);
    filled[number] = true;
  }

  private void read(WritableTree mounted, File file, long memory, long at) {
    IovecIter iter = new IovecIter();
    iter.importSingleRange(mounted.tree.current.mm(), true, memory, CHUNK);
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = at;
    long read = file.op().readIter(mounted.tree.current, iocb, iter);
    assertThat(read).isEqualTo(Math.min(CHUNK, bytes() - at));
    compare(RawMemory.segment(memory, read).asByteBuffer(), at);
  }

  private void onLinux(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      assertThat(channel.size()).isEqualTo(bytes());
      ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
      for (long at = 0; at < bytes(); at += CHUNK) {
        chunk.clear();
        while (chunk.hasRemaining() && channel.read(chunk, at + chunk.position()) > 0) {
          // until the chunk is full, or the file ends
        }
        compare(chunk.flip(), at);
      }
    }
  }

  /** Compares the first and last bytes of each block, and all bytes of some. */
  private void compare(ByteBuffer chunk, long at) {
    for (int in = 0; in < chunk.limit(); in += block) {
      long number = (at + in) / block;
      byte wanted = filled[(int) number] ? mark(number) : 0;
      int step = number % 16 == 0 ? 1 : block - 1;
      for (int i = 0; i < block; i += step) {
        if (chunk.get(in + i) != wanted) {
          throw new AssertionError(
              "byte " + (at + in + i) + " is " + chunk.get(in + i) + " and not " + wanted);
        }
      }
    }
  }
}
