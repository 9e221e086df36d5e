// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several tasks change one filesystem at once. Afterwards xfs_repair finds nothing, and files have
 * what their only writer wrote. {@code -Dpollux.xfs.turns} makes it longer.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class XfsTasksTest {
  private final int turns = Integer.getInteger("pollux.xfs.turns", 60);
  private static final int PART = 64 << 10; // of a file, with one writer
  private static final Set<Integer> RACES = Set.of(Errno.ENOENT, Errno.EEXIST);

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());

  private interface Work {
    void run(Task current, Random random, long memory) throws ErrnoException;
  }

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", "-m rmapbt=1,reflink=1 -b size=1024"})
  void tasksDoNotDisturbEachOther(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsTasksTest: -Dpollux.seed=" + seed);
    Path image = MkfsImage.make(directory, options, new byte[300_000]);
    long oopses = Oops.count();
    byte[] parts = new byte[4 * PART];
    try (WritableTree writable = new WritableTree(image)) {
      MountedTree tree = writable.tree;
      for (String path : List.of("/parts", "/cut", "/copy")) {
        open(tree, tree.current, path, Fcntl.O_CREAT).fput(tree.current);
      }
      List<Work> works = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int part = i;
        works.add((task, random, memory) -> writePart(tree, task, random, memory, parts, part));
      }
      for (int i = 0; i < 2; i++) {
        works.add((task, random, memory) -> names(tree, task, random));
        works.add((task, random, memory) -> cutAndWrite(tree, task, random, memory));
      }
      works.add((task, random, memory) -> cloneParts(tree, task));
      works.add(XfsTasksTest.lookups(tree));
      works.add((task, random, memory) -> assertThat(tree.sb.sync(task)).isZero());
      run(tree, works);
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed, e);
    }
    assertThat(Oops.count()).as("reports").isEqualTo(oopses);
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root -> {
          byte[] read = Files.readAllBytes(root.resolve("parts"));
          assertThat(Arrays.mismatch(read, Arrays.copyOf(parts, read.length))).isEqualTo(-1);
        });
  }

  private void run(MountedTree tree, List<Work> works) {
    List<CompletableFuture<Void>> ends = new ArrayList<>();
    for (int i = 0; i < works.size(); i++) {
      Work work = works.get(i);
      Random random = new Random(seed + i);
      Task task = tree.newTask();
      long memory = task.mm().mmap(PART, Mman.PROT_READ | Mman.PROT_WRITE);
      CompletableFuture<Void> end = new CompletableFuture<>();
      ends.add(end);
      Thread thread = new Thread(() -> repeat(task, work, random, memory, end), "xfs-task-" + i);
      thread.setDaemon(true);
      thread.start();
    }
    ends.forEach(CompletableFuture::join);
  }

  private void repeat(
      Task task, Work work, Random random, long memory, CompletableFuture<Void> end) {
    task.enterKernel();
    try {
      for (int turn = 0; turn < turns; turn++) {
        try {
          work.run(task, random, memory);
        } catch (ErrnoException e) {
          if (!RACES.contains(e.errno())) {
            throw e;
          }
        }
      }
      end.complete(null);
    } catch (Throwable e) {
      end.completeExceptionally(e);
    } finally {
      task.leaveKernel();
    }
  }

  private static File open(MountedTree tree, Task task, String path, int flags)
      throws ErrnoException {
    return tree.namei.open(task, null, MountedTree.bytes(path), flags | Fcntl.O_RDWR, 0644);
  }

  /** Writes to a part of a file that nobody else writes to, and reads it back. */
  private static void writePart(
      MountedTree tree, Task task, Random random, long memory, byte[] parts, int part)
      throws ErrnoException {
    boolean direct = part % 2 == 0;
    int unit = direct ? 512 << random.nextInt(4) : 1;
    int pos = random.nextInt(PART / unit) * unit;
    int length = Math.max(unit, random.nextInt(PART - pos) / unit * unit);
    byte[] data = new byte[length];
    random.nextBytes(data);
    System.arraycopy(data, 0, parts, part * PART + pos, length);
    RawMemory.segment(memory, length).copyFrom(java.lang.foreign.MemorySegment.ofArray(data));
    File file = open(tree, task, "/parts", direct ? Fcntl.O_DIRECT : 0);
    try {
      assertThat(transfer(task, file, part * PART + pos, memory, length, true)).isEqualTo(length);
      if (random.nextInt(4) == 0) {
        assertThat(file.fsync(task, false)).isZero();
      }
      assertThat(transfer(task, file, part * PART + pos, memory, length, false)).isEqualTo(length);
      byte[] read = RawMemory.segment(memory, length).toArray(ValueLayout.JAVA_BYTE);
      assertThat(Arrays.mismatch(read, data)).as("byte of part " + part).isEqualTo(-1);
    } finally {
      file.fput(task);
    }
  }

  /** Several tasks cut and write one file, directly and not. Its contents are not defined. */
  private static void cutAndWrite(MountedTree tree, Task task, Random random, long memory)
      throws ErrnoException {
    boolean direct = random.nextBoolean();
    File file = open(tree, task, "/cut", direct ? Fcntl.O_DIRECT : 0);
    try {
      int pos = random.nextInt(64) * 4096;
      if (random.nextInt(3) == 0) {
        file.inode().iRwsem.downWrite(task);
        try {
          file.inode().setattr(task, Iattr.ofSize(pos + random.nextInt(4096)));
        } finally {
          file.inode().iRwsem.upWrite();
        }
      } else {
        int length = 4096 * (1 + random.nextInt(16));
        assertThat(transfer(task, file, pos, memory, length, true)).isEqualTo(length);
      }
      if (random.nextInt(4) == 0) {
        int mode = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
        assertThat(file.op().fallocate(task, file, mode, pos, 20_000)).isZero();
      }
    } finally {
      file.fput(task);
    }
  }

  private static void cloneParts(MountedTree tree, Task task) throws ErrnoException {
    File from = open(tree, task, "/parts", 0);
    File to = open(tree, task, "/copy", 0);
    try {
      boolean shares = ((XfsMount) tree.sb).sb().reflink;
      assertThat(RemapRange.clone(task, from, 0, to, 0, PART * 2))
          .isIn(shares ? List.of(0, -Errno.EINVAL) : List.of(-Errno.EOPNOTSUPP));
    } finally {
      from.fput(task);
      to.fput(task);
    }
  }

  /** Several tasks make, move and remove the same names, with files still open. */
  private static void names(MountedTree tree, Task task, Random random) throws ErrnoException {
    String from = "/none/f" + random.nextInt(12);
    String to = (random.nextBoolean() ? "/none/f" : "/short/f") + random.nextInt(12);
    switch (random.nextInt(4)) {
      case 0 -> {
        File file = open(tree, task, from, Fcntl.O_CREAT);
        try {
          assertThat(file.op().fallocate(task, file, 0, 0, 8192)).isZero();
          tree.namei.unlink(task, null, MountedTree.bytes(from));
        } finally {
          file.fput(task);
        }
      }
      case 1 -> open(tree, task, from, Fcntl.O_CREAT).fput(task);
      case 2 ->
          tree.namei.rename(task, null, MountedTree.bytes(from), null, MountedTree.bytes(to), 0);
      default -> tree.namei.unlink(task, null, MountedTree.bytes(from));
    }
  }

  private static Work lookups(MountedTree tree) {
    return (task, random, memory) -> {
      for (int i = 0; i < 12; i++) {
        try {
          tree.namei.lookup(task, null, MountedTree.bytes("/none/f" + i), false);
        } catch (ErrnoException e) {
          assertThat(e.errno()).isEqualTo(Errno.ENOENT);
        }
      }
    };
  }

  private static long transfer(
      Task task, File file, long pos, long memory, int length, boolean write) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(task.mm(), !write, memory, length)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    if (write) {
      iocb.kiFlags |= Kiocb.IOCB_WRITE;
      return file.op().writeIter(task, iocb, iter);
    }
    return file.op().readIter(task, iocb, iter);
  }
}
