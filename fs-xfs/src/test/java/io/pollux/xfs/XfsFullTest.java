// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.StatMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A filesystem that is full of small things: a call that fails leaves everything as it was, written
 * data reaches the disk, and all blocks come back. {@code -Dpollux.xfs.fills} makes it longer.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class XfsFullTest {
  private final int fills = Integer.getInteger("pollux.xfs.fills", 1);
  private static final int FAILURES = 40; // in a row, until it is full

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> made = new ArrayList<>();
  private long memory;

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-m rmapbt=1,reflink=1 -b size=1024",
        "-m reflink=0,finobt=0 -i size=1024,sparse=0"
      })
  void aFullFilesystemLosesNothing(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsFullTest: -Dpollux.seed=" + seed);
    Path image = MkfsImage.make(directory, options, new byte[100_000]);
    long free = 0;
    for (int fill = 0; fill < fills; fill++) {
      try (WritableTree writable = new WritableTree(image)) {
        MountedTree tree = writable.tree;
        memory = tree.current.mm().mmap(1 << 16, Mman.PROT_READ | Mman.PROT_WRITE);
        long before = writable.mp.trans().fdblocks();
        free = fill == 0 ? before : free;
        assertThat(before).as("free blocks before fill " + fill).isEqualTo(free);
        fill(writable);
        assertThat(tree.sb.sync(tree.current)).as("sync of a full filesystem").isZero();
        convert(tree);
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed, e);
      }
      LinuxXfs.assertSound(image);
      try (WritableTree writable = new WritableTree(image)) {
        empty(writable.tree);
      }
      LinuxXfs.assertSound(image);
      try (WritableTree writable = new WritableTree(image)) {
        assertThat(writable.mp.trans().fdblocks()).as("free after fill " + fill).isEqualTo(free);
      }
    }
  }

  private void fill(WritableTree writable) throws ErrnoException {
    MountedTree tree = writable.tree;
    tree.namei.mkdir(tree.current, null, MountedTree.bytes("/t"), 0755);
    made.add("/t");
    File big = open(tree, "/t/big", Fcntl.O_CREAT);
    made.add("/t/big");
    long blocks = writable.mp.available() - 600;
    long bytes = blocks * writable.mp.sb().blockSize;
    assertThat(big.op().fallocate(tree.current, big, 0, 0, bytes)).isZero();
    big.fput(tree.current);
    int failures = 0;
    for (int i = 0; failures < FAILURES; i++) {
      long before = writable.mp.trans().fdblocks();
      long inodes = writable.mp.trans().icount();
      long freeInodes = writable.mp.trans().ifree();
      if (make(tree, i)) {
        failures = 0;
      } else {
        failures++;
        assertThat(writable.mp.trans().fdblocks()).as("free after ENOSPC").isEqualTo(before);
        assertThat(writable.mp.trans().icount()).as("inodes").isEqualTo(inodes);
        assertThat(writable.mp.trans().ifree()).as("free inodes").isEqualTo(freeInodes);
      }
    }
  }

  /** Makes one thing. Returns whether there was space. */
  private boolean make(MountedTree tree, int number) throws ErrnoException {
    String path = "/t/" + "n".repeat(random.nextInt(100)) + number;
    byte[] name = MountedTree.bytes(path);
    try {
      switch (random.nextInt(6)) {
        case 0 -> tree.namei.mkdir(tree.current, null, name, 0755);
        case 1 ->
            tree.namei.symlink(
                tree.current, MountedTree.bytes("x".repeat(1 + random.nextInt(1000))), null, name);
        case 2 -> {
          Inode inode = tree.find("/t/big").inode();
          inode.iRwsem.downWrite(tree.current);
          try {
            inode.setxattr(tree.current, "user." + number % 50, new byte[random.nextInt(3000)], 0);
          } finally {
            inode.iRwsem.upWrite();
          }
          return true;
        }
        default -> open(tree, path, Fcntl.O_CREAT).fput(tree.current);
      }
      made.add(path);
    } catch (ErrnoException e) {
      assertThat(e.errno()).as(path + ": " + e.getMessage()).isEqualTo(Errno.ENOSPC);
      return false;
    }
    String file = made.get(random.nextInt(made.size()));
    if (tree.find(file).inode().isType(StatMode.S_IFREG) && !file.endsWith("big")) {
      boolean direct = random.nextBoolean();
      File open = open(tree, file, direct ? Fcntl.O_DIRECT : 0);
      long written = write(tree, open, 4096L * random.nextInt(20), 8192);
      assertThat(written == -Errno.ENOSPC || (written > 0 && written <= 8192))
          .as("written: " + written)
          .isTrue();
      if (random.nextInt(4) == 0) {
        File source = open(tree, "/file", 0);
        assertThat(RemapRange.clone(tree.current, source, 0, open, 0, 65536))
            .isIn(0, -Errno.ENOSPC, -Errno.EOPNOTSUPP);
        source.fput(tree.current);
      }
      open.fput(tree.current);
    }
    return true;
  }

  /** Converting every second block of a file splits its extents, which takes blocks. */
  private void convert(MountedTree tree) throws ErrnoException {
    File big = open(tree, "/t/big", 0);
    for (int i = 0; i < 1000; i++) {
      assertThat(write(tree, big, 8192L * i, 4096)).as("write " + i).isEqualTo(4096);
    }
    assertThat(big.fsync(tree.current, false)).as("fsync").isZero();
    big.fput(tree.current);
  }

  private void empty(MountedTree tree) throws ErrnoException {
    for (String path : made.reversed()) {
      if (tree.find(path).inode().isType(StatMode.S_IFDIR)) {
        tree.namei.rmdir(tree.current, null, MountedTree.bytes(path));
      } else {
        tree.namei.unlink(tree.current, null, MountedTree.bytes(path));
      }
    }
    made.clear();
  }

  private static File open(MountedTree tree, String path, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, MountedTree.bytes(path), flags | Fcntl.O_RDWR, 0644);
  }

  private long write(MountedTree tree, File file, long pos, int length) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree.current.mm(), false, memory, length)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    iocb.kiPos = pos;
    return file.op().writeIter(tree.current, iocb, iter);
  }
}
