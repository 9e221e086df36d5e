// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random writes, cuts, fallocates and clones of a file, against an array of bytes. Afterwards
 * xfs_repair finds nothing, and Linux reads the same bytes. {@code -Dpollux.seed} repeats a run,
 * {@code -Dpollux.xfs.operations} makes it longer.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class XfsFileModelTest {
  private static final int MOST = 1 << 20;
  private static final int OPERATIONS = Integer.getInteger("pollux.xfs.operations", 400);

  private static final int PER_MOUNT = 300; // operations, at most
  private static final int PER_OPEN = 100;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> log = new ArrayList<>();
  private byte[] model = new byte[0];
  private byte[] copied = new byte[0]; // what the clone of the file has
  private boolean reflink;
  private int block;

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-m rmapbt=1",
        "-m rmapbt=1,reflink=1 -b size=1024 -i nrext64=1",
        "-m reflink=0,finobt=0 -i size=1024 -s size=4096"
      })
  void aFileIsWhatTheOperationsMadeIt(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsFileModelTest: -Dpollux.seed=" + seed);
    block = options.contains("-b size=1024") ? 1024 : 4096;
    reflink = !options.contains("reflink=0");
    Path image = MkfsImage.make(directory, options, new byte[0]);
    try {
      int left = OPERATIONS;
      while (left > 0) { // each turn is a mount
        int operations = Math.min(left, 1 + random.nextInt(PER_MOUNT));
        mounted(image, operations);
        left -= operations;
      }
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ", after " + log, e);
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root -> {
          assertThat(Files.readAllBytes(root.resolve("file"))).isEqualTo(model);
          if (Files.exists(root.resolve("copy"))) {
            assertThat(Files.readAllBytes(root.resolve("copy"))).isEqualTo(copied);
          }
        });
  }

  private void mounted(Path image, int operations) throws Exception {
    log.add("mount");
    try (WritableTree mounted = new WritableTree(image)) {
      MountedTree tree = mounted.tree;
      long memory = tree.current.mm().mmap(MOST, Mman.PROT_READ | Mman.PROT_WRITE);
      int left = operations;
      while (left > 0) { // each turn opens the file; its close frees blocks behind the end
        log.add("open");
        File buffered = open(tree, Fcntl.O_RDWR);
        File direct = open(tree, Fcntl.O_RDWR | Fcntl.O_DIRECT);
        try {
          int most = Math.min(left, 1 + random.nextInt(PER_OPEN));
          for (int i = 0; i < most; i++) {
            step(tree, buffered, direct, memory);
          }
          left -= most;
          compare(tree, buffered, memory, 0, model.length);
        } finally {
          buffered.fput(tree.current);
          direct.fput(tree.current);
        }
      }
    }
  }

  private static File open(MountedTree tree, int flags) throws ErrnoException {
    return open(tree, "/file", flags);
  }

  private static File open(MountedTree tree, String path, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, MountedTree.bytes(path), flags, 0644);
  }

  private void step(MountedTree tree, File buffered, File direct, long memory)
      throws ErrnoException {
    int what = random.nextInt(reflink ? 24 : 20);
    int pos = random.nextInt(MOST);
    int length = 1 + random.nextInt(random.nextBoolean() ? MOST - pos : Math.min(9000, MOST - pos));
    switch (what) {
      case 0, 1, 2, 3, 4, 5 -> write(tree, buffered, memory, pos, length);
      case 6, 7, 8, 9 -> {
        int unit = random.nextBoolean() ? 512 : 4096;
        int from = pos / unit * unit;
        write(tree, direct, memory, from, Math.max(unit, length / unit * unit));
      }
      case 10, 11 -> truncate(tree, buffered, pos);
      case 12 -> fallocate(tree, buffered, 0, pos, length);
      case 13 -> fallocate(tree, buffered, Fcntl.FALLOC_FL_KEEP_SIZE, pos, length);
      case 14, 15 ->
          fallocate(
              tree, buffered, Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE, pos, length);
      case 16 -> fallocate(tree, buffered, Fcntl.FALLOC_FL_ZERO_RANGE, pos, length);
      case 17 -> shift(tree, buffered, pos, length);
      case 20, 21 -> share(tree, buffered, pos, length);
      case 22 -> copy(tree, buffered);
      case 23 -> restore(tree, buffered);
      case 18 -> compare(tree, random.nextBoolean() ? buffered : direct, memory, 0, model.length);
      default -> {
        log.add("fsync");
        assertThat(buffered.fsync(tree.current, false)).isZero();
      }
    }
  }

  /** Shares blocks of the file with another place of it. */
  private void share(MountedTree tree, File file, int pos, int length) throws ErrnoException {
    int from = pos / block * block;
    int to = random.nextInt(MOST) / block * block;
    int bytes = Math.max(block, length / block * block);
    bytes = Math.min(bytes, model.length - from);
    boolean part = bytes % block != 0; // only at both ends
    int blocks = (bytes + block - 1) / block * block;
    if (bytes <= 0 || to + blocks > MOST || (to < from + blocks && from < to + blocks)) {
      return;
    }
    if (part && to + bytes < model.length) {
      return;
    }
    log.add("share " + from + "+" + bytes + " at " + to);
    assertThat(RemapRange.clone(tree.current, file, from, file, to, bytes)).isZero();
    byte[] shared = Arrays.copyOfRange(model, from, from + bytes);
    grow(to + bytes);
    System.arraycopy(shared, 0, model, to, bytes);
  }

  /** Clones the file. */
  private void copy(MountedTree tree, File file) throws ErrnoException {
    log.add("copy");
    int flags = Fcntl.O_RDWR | Fcntl.O_CREAT | Fcntl.O_TRUNC;
    File to = open(tree, "/copy", flags);
    try {
      assertThat(RemapRange.clone(tree.current, file, 0, to, 0, 0)).isZero();
      copied = model.clone();
    } finally {
      to.fput(tree.current);
    }
  }

  /** Clones the copy back over the file: it has what it had then. */
  private void restore(MountedTree tree, File file) throws ErrnoException {
    log.add("restore");
    File from = open(tree, "/copy", Fcntl.O_RDWR | Fcntl.O_CREAT);
    try {
      truncate(tree, file, 0);
      assertThat(RemapRange.clone(tree.current, from, 0, file, 0, 0)).isZero();
      model = copied.clone();
    } finally {
      from.fput(tree.current);
    }
  }

  private void write(MountedTree tree, File file, long memory, int pos, int length)
      throws ErrnoException {
    if (pos + length > MOST) {
      return;
    }
    log.add(
        "write" + ((file.flags() & Fcntl.O_DIRECT) != 0 ? " direct " : " ") + pos + "+" + length);
    byte[] data = new byte[length];
    random.nextBytes(data);
    MemorySegment.copy(
        data, 0, RawMemory.segment(memory, length), ValueLayout.JAVA_BYTE, 0, length);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree.current.mm(), false, memory, length)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    iocb.kiPos = pos;
    assertThat(file.op().writeIter(tree.current, iocb, iter)).isEqualTo(length);
    grow(pos + length);
    System.arraycopy(data, 0, model, pos, length);
  }

  private void grow(int size) {
    if (size > model.length) {
      model = Arrays.copyOf(model, size);
    }
  }

  private void truncate(MountedTree tree, File file, int size) throws ErrnoException {
    log.add("truncate " + size);
    file.inode().iRwsem.downWrite(tree.current);
    try {
      file.inode().setattr(tree.current, Iattr.ofSize(size));
    } finally {
      file.inode().iRwsem.upWrite();
    }
    model = Arrays.copyOf(model, size);
  }

  private void fallocate(MountedTree tree, File file, int mode, int pos, int length) {
    log.add("fallocate " + mode + " " + pos + "+" + length);
    assertThat(file.op().fallocate(tree.current, file, mode, pos, length)).isZero();
    boolean clears = (mode & (Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_ZERO_RANGE)) != 0;
    if ((mode & Fcntl.FALLOC_FL_KEEP_SIZE) == 0) {
      grow(pos + length);
    }
    if (clears && pos < model.length) {
      Arrays.fill(model, pos, Math.min(model.length, pos + length), (byte) 0);
    }
  }

  private void shift(MountedTree tree, File file, int at, int bytes) {
    int pos = at / block * block;
    int length = Math.max(block, bytes / block * block);
    boolean collapse = random.nextBoolean();
    if (pos + length >= model.length || (!collapse && model.length + length > MOST)) {
      return;
    }
    log.add((collapse ? "collapse " : "insert ") + pos + "+" + length);
    int mode = collapse ? Fcntl.FALLOC_FL_COLLAPSE_RANGE : Fcntl.FALLOC_FL_INSERT_RANGE;
    assertThat(file.op().fallocate(tree.current, file, mode, pos, length)).isZero();
    byte[] next = new byte[collapse ? model.length - length : model.length + length];
    System.arraycopy(model, 0, next, 0, pos);
    if (collapse) {
      System.arraycopy(model, pos + length, next, pos, model.length - pos - length);
    } else {
      System.arraycopy(model, pos, next, pos + length, model.length - pos);
    }
    model = next;
  }

  private void compare(MountedTree tree, File file, long memory, int pos, int length)
      throws ErrnoException {
    assertThat(file.inode().size()).as("size").isEqualTo(model.length);
    if (length == 0) {
      return;
    }
    int most = (length + 4095) / 4096 * 4096;
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree.current.mm(), true, memory, most)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    assertThat(file.op().readIter(tree.current, iocb, iter)).isEqualTo(length);
    byte[] read = RawMemory.segment(memory, length).toArray(ValueLayout.JAVA_BYTE);
    int differs = Arrays.mismatch(read, model);
    assertThat(differs).as("first byte that differs, of " + length).isEqualTo(-1);
  }
}
