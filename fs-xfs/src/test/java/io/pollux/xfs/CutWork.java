// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Random changes of a mounted filesystem, each with what it means to a {@link CutModel}. */
final class CutWork {
  static final int SECTOR = CutDisk.SECTOR;
  static final String ATTRIBUTE = "user.number";

  /** Sectors of a file, at most. */
  static final int MOST = 3000;

  private static final int WRITE = 120; // sectors of a write, at most
  private static final int UNIT = 8; // sectors: every block size of the tests divides it
  private static final int NAMES = 40;

  /** What an operation means. */
  interface Change {
    void to(CutModel model);
  }

  /**
   * An operation.
   *
   * @param start events of the disk before it
   * @param end events of the disk after it
   * @param promise whether the change is true only when the operation ended
   */
  record Op(String what, int start, int end, boolean promise, Change change) {}

  private final MountedTree tree;
  private final CutDisk disk;
  private final Random random;
  private final boolean reflink;
  private final long memory;
  private final CutModel live = new CutModel();
  private final List<Op> ops = new ArrayList<>();
  private final List<File> held = new ArrayList<>(); // of unlinked files
  private long numbers = 1 << 16;
  private int made;
  private int attributes;

  CutWork(MountedTree tree, CutDisk disk, boolean reflink, Random random) throws ErrnoException {
    this.tree = tree;
    this.disk = disk;
    this.reflink = reflink;
    this.random = random;
    memory = tree.current.mm().mmap(MOST * SECTOR, Mman.PROT_READ | Mman.PROT_WRITE);
  }

  List<Op> ops() {
    return ops;
  }

  /** Closes all files. */
  void end() throws ErrnoException {
    for (File file : held) {
      file.fput(tree.current);
    }
    held.clear();
  }

  private interface Run {
    void run() throws ErrnoException;
  }

  private interface InodeChange {
    void run(Inode inode) throws ErrnoException;
  }

  private void op(String what, boolean promise, Run run, Change change) throws ErrnoException {
    int start = disk.now();
    try {
      run.run();
    } catch (ErrnoException | AssertionError e) {
      throw new AssertionError(ops.size() + ": " + what + ": " + e.getMessage(), e);
    }
    change.to(live);
    ops.add(new Op(what, start, disk.now(), promise, change));
  }

  private static byte[] bytes(String path) {
    return MountedTree.bytes(path);
  }

  /** Performs a random operation. */
  void step() throws ErrnoException {
    String path = pick(false);
    if (path == null) {
      make(false);
      return;
    }
    int number = number(path);
    switch (random.nextInt(32)) {
      case 0, 1, 2 -> make(false);
      case 3 -> make(true);
      case 4, 5, 6, 7, 8 -> write(path, number, true);
      case 9, 10, 11, 12 -> write(path, number, false);
      case 13, 14, 15, 16, 17 -> fsync(path, number);
      case 18 -> sync();
      case 19, 20 -> truncate(path, number);
      case 21, 22 -> unlink(path);
      case 23, 24 -> rename(random.nextInt(3) == 0 ? pick(true) : path);
      case 25 -> link(path);
      case 26, 27 -> attribute(path, number);
      case 28 -> punch(path, number);
      case 29 -> push();
      default -> share(path, number);
    }
  }

  private @Nullable String pick(boolean directory) {
    List<String> paths =
        live.names().entrySet().stream()
            .filter(each -> live.file(each.getValue()).directory == directory)
            .map(Map.Entry::getKey)
            .toList();
    return paths.isEmpty() ? null : paths.get(random.nextInt(paths.size()));
  }

  private int number(String path) {
    return live.names().getOrDefault(path, 0);
  }

  private String newPath() {
    String parent = random.nextBoolean() ? pick(true) : null;
    String name = "/n" + random.nextInt(NAMES) + "y".repeat(random.nextInt(4) == 0 ? 150 : 1);
    return (parent == null || parent.length() > 600 ? "" : parent) + name;
  }

  private void make(boolean directory) throws ErrnoException {
    String path = newPath();
    if (live.names().containsKey(path)) {
      return;
    }
    int number = ++made;
    long[] ino = new long[1];
    op(
        (directory ? "mkdir " : "create ") + path,
        false,
        () -> {
          if (directory) {
            tree.namei.mkdir(tree.current, null, bytes(path), 0755);
          } else {
            open(path, Fcntl.O_CREAT | Fcntl.O_EXCL).fput(tree.current);
          }
          ino[0] = tree.find(path).inode().ino();
        },
        model -> model.make(path, number, ino[0], directory));
  }

  private File open(String path, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, bytes(path), flags | Fcntl.O_RDWR, 0644);
  }

  private void write(String path, int number, boolean direct) throws ErrnoException {
    int unit = direct && random.nextBoolean() ? UNIT : direct ? sectorUnit() : 1;
    int size = live.file(number).size / SECTOR;
    int room = random.nextInt(4) == 0 ? MOST : Math.min(MOST, size + 200);
    int first = random.nextInt(room) / unit * unit;
    int count =
        Math.min(MOST - first, (1 + random.nextInt(WRITE)) * (random.nextInt(8) == 0 ? 8 : 1));
    count = Math.max(unit, count / unit * unit);
    int sectors = count;
    long id = numbers;
    numbers += 1 << 16;
    op(
        (direct ? "direct " : "write ")
            + path
            + " "
            + first
            + "+"
            + sectors
            + " number "
            + (id >> 16),
        false,
        () -> {
          MemorySegment data = RawMemory.segment(memory, (long) sectors * SECTOR);
          for (int i = 0; i < sectors * SECTOR / 8; i++) {
            data.set(ValueLayout.JAVA_LONG_UNALIGNED, i * 8L, id + i * 8 / SECTOR);
          }
          File file = open(path, direct ? Fcntl.O_DIRECT : 0);
          IovecIter iter = new IovecIter();
          assertThat(iter.importSingleRange(tree.current.mm(), false, memory, data.byteSize()))
              .isZero();
          Kiocb iocb = new Kiocb();
          iocb.init(file, null);
          iocb.kiFlags |= Kiocb.IOCB_WRITE;
          iocb.kiPos = (long) first * SECTOR;
          assertThat(file.op().writeIter(tree.current, iocb, iter)).isEqualTo(data.byteSize());
          file.fput(tree.current);
        },
        model -> model.write(number, first, sectors, id));
  }

  private int sectorUnit() {
    return tree.sb instanceof XfsMount mp ? mp.bdev().queue().logicalBlockSize() / SECTOR : 1;
  }

  private void fsync(String path, int number) throws ErrnoException {
    op(
        "fsync " + path,
        true,
        () -> {
          File file = open(path, 0);
          assertThat(file.fsync(tree.current, false)).isZero();
          file.fput(tree.current);
        },
        model -> model.fsync(number));
  }

  private void sync() throws ErrnoException {
    op("sync", true, () -> assertThat(tree.sb.sync(tree.current)).isZero(), CutModel::sync);
  }

  /** Has all metadata that is in the log written to its place, as happens when it fills. */
  private void push() throws ErrnoException {
    XfsMount mp = (XfsMount) tree.sb;
    op("push", false, () -> assertThat(mp.trans().pushAll(tree.current)).isZero(), model -> {});
  }

  private void change(String path, InodeChange run) throws ErrnoException {
    Inode inode = tree.find(path).inode();
    inode.iRwsem.downWrite(tree.current);
    try {
      run.run(inode);
    } finally {
      inode.iRwsem.upWrite();
    }
  }

  private void truncate(String path, int number) throws ErrnoException {
    int size = live.file(number).size / SECTOR;
    int to = random.nextInt(3) == 0 ? random.nextInt(MOST) : random.nextInt(size + 1);
    op(
        "truncate " + path + " " + to,
        false,
        () -> change(path, inode -> inode.setattr(tree.current, Iattr.ofSize((long) to * SECTOR))),
        model -> model.size(number, to * SECTOR));
  }

  private void punch(String path, int number) throws ErrnoException {
    int size = live.file(number).size / SECTOR;
    if (size < 2) {
      return;
    }
    int first = random.nextInt(size - 1);
    int count = 1 + random.nextInt(Math.min(size - first, 400));
    op(
        "punch " + path + " " + first + "+" + count,
        false,
        () -> {
          File file = open(path, 0);
          int mode = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
          assertThat(
                  file.op()
                      .fallocate(
                          tree.current, file, mode, (long) first * SECTOR, (long) count * SECTOR))
              .isZero();
          file.fput(tree.current);
        },
        model -> model.clear(number, first, count));
  }

  private void unlink(String path) throws ErrnoException {
    boolean hold = random.nextInt(3) == 0;
    op(
        "unlink " + path + (hold ? ", open" : ""),
        false,
        () -> {
          if (hold) {
            held.add(open(path, 0));
          }
          tree.namei.unlink(tree.current, null, bytes(path));
        },
        model -> model.unlink(path));
    if (held.size() > 5) {
      File file = held.removeFirst();
      op("close", false, () -> file.fput(tree.current), model -> {});
    }
  }

  private void rename(@Nullable String from) throws ErrnoException {
    if (from == null) {
      return;
    }
    boolean directory = live.file(number(from)).directory;
    String over = random.nextInt(3) == 0 ? pick(false) : null;
    String to = over == null || directory ? newPath() : over;
    boolean there = live.names().containsKey(to);
    if (to.equals(from)
        || to.startsWith(from + "/")
        || (there && (directory || live.file(number(to)).directory))
        || (there && number(to) == number(from))) {
      return;
    }
    op(
        "rename " + from + " " + to,
        false,
        () -> tree.namei.rename(tree.current, null, bytes(from), null, bytes(to), 0),
        model -> model.rename(from, to));
  }

  private void link(String from) throws ErrnoException {
    String to = newPath();
    if (live.names().containsKey(to)) {
      return;
    }
    op(
        "link " + from + " " + to,
        false,
        () -> tree.namei.link(tree.current, tree.find(from).inode(), null, bytes(to)),
        model -> model.link(from, to));
  }

  private void attribute(String path, int number) throws ErrnoException {
    int value = ++attributes;
    int length = random.nextBoolean() ? 4 : 4 + random.nextInt(6000);
    op(
        "attribute " + path + " " + value + ", " + length + " bytes",
        false,
        () ->
            change(
                path,
                inode ->
                    inode.setxattr(
                        tree.current,
                        ATTRIBUTE,
                        ByteBuffer.allocate(length).putInt(0, value).array(),
                        0)),
        model -> model.attribute(number, value));
  }

  private void share(String path, int number) throws ErrnoException {
    String target = pick(false);
    int size = live.file(number).size / SECTOR / UNIT * UNIT;
    if (!reflink || target == null || size < UNIT || number(target) == number) {
      return;
    }
    int first = random.nextInt(size / UNIT) * UNIT;
    int count = (1 + random.nextInt((size - first) / UNIT)) * UNIT;
    int to = random.nextBoolean() ? first : random.nextInt((MOST - count) / UNIT) * UNIT;
    int targetNumber = number(target);
    op(
        "share " + path + " " + first + "+" + count + " with " + target + " " + to,
        false,
        () -> {
          File from = open(path, 0);
          File into = open(target, 0);
          assertThat(
                  RemapRange.clone(
                      tree.current,
                      from,
                      (long) first * SECTOR,
                      into,
                      (long) to * SECTOR,
                      (long) count * SECTOR))
              .isZero();
          from.fput(tree.current);
          into.fput(tree.current);
        },
        model -> model.share(number, first, targetNumber, to, count));
  }
}
