// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Images whose metadata was changed, with right checksums, are mounted for writing and written to.
 * Every call returns or fails with an errno, and nothing is written behind the filesystem. {@code
 * -Dpollux.seed} is the first image, {@code -Dpollux.xfs.images} how many of each kind.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class XfsForgedTest {
  private final int images = Integer.getInteger("pollux.xfs.images", 50);
  private final long first = Long.getLong("pollux.seed", 1);
  private static final int GUARD = 64 << 10;
  private static final int EXTENTS = 400;

  private interface Call {
    void run() throws ErrnoException;
  }

  private final Map<Integer, Integer> errors = new TreeMap<>();
  private long memory;
  private int stopped; // images that damage has shut down

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {"-m rmapbt=1,reflink=1 -b size=1024 -n size=4096 -d size=300m", "-d size=300m"})
  void aForgedImageIsWrittenToOrRefused(String options, @TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, options, new byte[50_000]);
    try (WritableTree tree = new WritableTree(image)) {
      age(tree);
    }
    LinuxXfs.assertSound(image);
    Map<String, List<Forger.Structure>> found;
    try (Arena arena = Arena.ofShared()) {
      found =
          Forger.find(
              MkfsImage.disk(image, arena).contents(),
              options.contains("1024") ? 1024 : 4096,
              4096,
              512);
    }
    assertThat(found).as("kinds of metadata").hasSizeGreaterThan(14);
    long oopses = Oops.count();
    for (long seed = first; seed < first + images; seed++) {
      one(image, found, new Random(seed), seed);
      assertThat(Oops.count()).as("reports, seed " + seed).isEqualTo(oopses);
    }
    System.out.println("XfsForgedTest " + options + ": errno of mount and calls " + errors);
    System.out.println("XfsForgedTest: " + stopped + " of " + images + " shut down");
    assertThat(stopped).as("images shut down").isPositive();
    assertThat(errors.get(Errno.EUCLEAN)).as("EUCLEAN").isPositive();
    assertThat(errors.get(0)).as("calls that succeed").isPositive();
  }

  private void one(Path image, Map<String, List<Forger.Structure>> found, Random random, long seed)
      throws Exception {
    String what = "";
    try (Arena arena = Arena.ofShared()) {
      HeldDisk disk = MkfsImage.disk(image, arena);
      MemorySegment contents = disk.contents();
      long end = Forger.bytes(contents);
      what = new Forger(contents, found, random).forge();
      boolean resized = Forger.bytes(contents) != end;
      contents.asSlice(end, GUARD).fill((byte) 0x5a);
      byte[] superblock = contents.asSlice(0, 112).toArray(ValueLayout.JAVA_BYTE);
      call(() -> use(disk, random));
      if (!resized) {
        byte[] guard = contents.asSlice(end, GUARD).toArray(ValueLayout.JAVA_BYTE);
        byte[] untouched = new byte[GUARD];
        Arrays.fill(untouched, (byte) 0x5a);
        assertThat(guard).as("behind the end").isEqualTo(untouched);
      }
      assertThat(contents.asSlice(0, 112).toArray(ValueLayout.JAVA_BYTE))
          .as("superblock")
          .isEqualTo(superblock);
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ": " + what, e);
    }
  }

  private void use(HeldDisk disk, Random random) throws ErrnoException {
    MountedTree tree = new MountedTree(disk.disk(), "");
    try {
      memory = tree.current.mm().mmap(1 << 16, Mman.PROT_READ | Mman.PROT_WRITE);
      List<Call> calls = calls(tree, random);
      Collections.shuffle(calls, random);
      calls.forEach(this::call);
      call(() -> check(tree.sb.sync(tree.current)));
      if (((XfsMount) tree.sb).trans().stopped()) {
        stopped++;
        assertThatThrownBy(() -> open(tree, "/after", Fcntl.O_CREAT))
            .isInstanceOfSatisfying(
                ErrnoException.class, e -> assertThat(e.errno()).isIn(Errno.EIO, Errno.EUCLEAN));
      }
      Collections.shuffle(calls, random);
      calls.subList(0, calls.size() / 2).forEach(this::call);
    } finally {
      call(tree::close);
    }
  }

  private void call(Call call) {
    int errno = 0;
    try {
      call.run();
    } catch (ErrnoException e) {
      errno = e.errno();
    }
    errors.merge(errno, 1, Integer::sum);
  }

  private static void check(long result) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException((int) -result);
    }
  }

  /** Makes files and directories of every form. */
  private void age(WritableTree writable) throws ErrnoException {
    MountedTree tree = writable.tree;
    memory = tree.current.mm().mmap(1 << 16, Mman.PROT_READ | Mman.PROT_WRITE);
    File many = open(tree, "/many", Fcntl.O_CREAT);
    for (int i = 0; i < EXTENTS; i++) {
      write(tree, many, 8192L * i, 4096);
    }
    many.fput(tree.current);
    if (writable.mp.sb().reflink) {
      cloneFile(tree, "/file", "/shared");
      cloneFile(tree, "/many", "/shared2");
    }
    for (int i = 0; i < 30; i++) {
      tree.find("/file").inode().setxattr(tree.current, "user.a" + i, new byte[100], 0);
    }
    tree.find("/shared").inode().setxattr(tree.current, "user.b", new byte[3000], 0);
    tree.namei.symlink(
        tree.current, MountedTree.bytes("x".repeat(900)), null, MountedTree.bytes("/target"));
    for (int i = 1; i < 200; i += 2) {
      tree.namei.unlink(tree.current, null, MountedTree.bytes("/leaf/name-" + i));
      tree.namei.unlink(tree.current, null, MountedTree.bytes("/node/name-" + 7 * i));
    }
  }

  private List<Call> calls(MountedTree tree, Random random) {
    List<Call> calls = new ArrayList<>();
    for (String path : List.of("/new", "/many", "/shared", "/shared2", "/file")) {
      for (int i = 0; i < 3; i++) {
        calls.add(() -> change(tree, path, random));
      }
    }
    for (String dir : List.of("/", "/none", "/short", "/block", "/leaf", "/node")) {
      for (int i = 0; i < 4; i++) {
        calls.add(() -> rename(tree, dir, random));
        calls.add(() -> names(tree, dir, random));
      }
      calls.add(() -> tree.list(dir, 100));
    }
    calls.add(() -> cloneFile(tree, "/file", "/clone" + random.nextInt(3)));
    calls.add(() -> cloneFile(tree, "/many", "/clone" + random.nextInt(3)));
    calls.add(() -> unlink(tree, "/shared2"));
    calls.add(() -> unlink(tree, "/many"));
    calls.add(() -> unlink(tree, "/target"));
    calls.add(() -> tree.find("/target").inode().readlink(tree.current));
    for (int i = 0; i < 4; i++) {
      calls.add(() -> attributes(tree, random));
    }
    return calls;
  }

  private static void unlink(MountedTree tree, String path) throws ErrnoException {
    tree.namei.unlink(tree.current, null, MountedTree.bytes(path));
  }

  private static void attributes(MountedTree tree, Random random) throws ErrnoException {
    Inode inode = tree.find(random.nextBoolean() ? "/file" : "/shared").inode();
    inode.listxattr(tree.current);
    byte[] value = random.nextBoolean() ? new byte[random.nextInt(4000)] : null;
    inode.setxattr(tree.current, "user.a" + random.nextInt(40), value, 0);
  }

  private void names(MountedTree tree, String dir, Random random) throws ErrnoException {
    String name = dir + "/name-" + random.nextInt(500);
    switch (random.nextInt(6)) {
      case 0 -> unlink(tree, name);
      case 1 -> tree.namei.mkdir(tree.current, null, MountedTree.bytes(name + "d"), 0755);
      case 2 ->
          tree.namei.symlink(
              tree.current,
              MountedTree.bytes("y".repeat(1 + random.nextInt(1000))),
              null,
              MountedTree.bytes(name + "s"));
      case 3 ->
          tree.namei.link(
              tree.current, tree.find("/file").inode(), null, MountedTree.bytes(name + "l"));
      default -> {
        for (int i = 0; i < 10; i++) {
          open(tree, name + "-" + random.nextInt(1000), Fcntl.O_CREAT).fput(tree.current);
        }
      }
    }
  }

  private static void rename(MountedTree tree, String dir, Random random) throws ErrnoException {
    List<String> others = List.of("/", "/none", "/block", "/leaf", "/node");
    tree.namei.rename(
        tree.current,
        null,
        MountedTree.bytes(dir + "/name-" + random.nextInt(60)),
        null,
        MountedTree.bytes(
            others.get(random.nextInt(others.size())) + "/name-" + random.nextInt(500)),
        random.nextInt(4) == 0 ? Fcntl.RENAME_EXCHANGE : 0);
  }

  private void change(MountedTree tree, String path, Random random) throws ErrnoException {
    File file = open(tree, path, Fcntl.O_CREAT | (random.nextBoolean() ? Fcntl.O_DIRECT : 0));
    try {
      for (int i = 0; i < 5; i++) {
        int pos = random.nextInt(800) * 4096;
        int length = 4096 * (1 + random.nextInt(15));
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> write(tree, file, pos, length);
          case 3 -> truncate(tree, file, pos);
          case 4 -> check(file.fsync(tree.current, false));
          case 5 -> read(tree, file, pos, length);
          default -> fallocate(tree, file, pos, length, random);
        }
      }
    } finally {
      file.fput(tree.current);
    }
  }

  private static void fallocate(MountedTree tree, File file, int pos, int length, Random random)
      throws ErrnoException {
    List<Integer> modes =
        List.of(
            0,
            Fcntl.FALLOC_FL_KEEP_SIZE,
            Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE,
            Fcntl.FALLOC_FL_ZERO_RANGE,
            Fcntl.FALLOC_FL_COLLAPSE_RANGE,
            Fcntl.FALLOC_FL_INSERT_RANGE);
    int mode = modes.get(random.nextInt(modes.size()));
    check(file.op().fallocate(tree.current, file, mode, pos, length));
  }

  private static void truncate(MountedTree tree, File file, long size) throws ErrnoException {
    file.inode().iRwsem.downWrite(tree.current);
    try {
      file.inode().setattr(tree.current, Iattr.ofSize(size));
    } finally {
      file.inode().iRwsem.upWrite();
    }
  }

  private static void cloneFile(MountedTree tree, String from, String to) throws ErrnoException {
    File source = open(tree, from, 0);
    try {
      File target = open(tree, to, Fcntl.O_CREAT);
      try {
        check(RemapRange.clone(tree.current, source, 0, target, 0, 0));
      } finally {
        target.fput(tree.current);
      }
    } finally {
      source.fput(tree.current);
    }
  }

  private static File open(MountedTree tree, String path, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, MountedTree.bytes(path), flags | Fcntl.O_RDWR, 0644);
  }

  private void write(MountedTree tree, File file, long pos, int length) throws ErrnoException {
    Kiocb iocb = iocb(file, pos);
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    check(file.op().writeIter(tree.current, iocb, iter(tree, false, length)));
  }

  private void read(MountedTree tree, File file, long pos, int length) throws ErrnoException {
    check(file.op().readIter(tree.current, iocb(file, pos), iter(tree, true, length)));
  }

  private static Kiocb iocb(File file, long pos) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    return iocb;
  }

  private IovecIter iter(MountedTree tree, boolean reads, int length) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree.current.mm(), reads, memory, length)).isZero();
    return iter;
  }
}
