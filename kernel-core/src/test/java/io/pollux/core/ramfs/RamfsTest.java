// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.FileUser;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Files and directories in memory: what they hold, what they take, and when they give it back. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class RamfsTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int PAGES = 64;
  private static final int RW = Fcntl.O_RDWR | Fcntl.O_CREAT;

  private final Ramfs fs = new Ramfs(1, (long) PAGES * PAGE);
  private final FileTable files = new FileTable();
  private final Namei namei = new Namei(fs.root(), files);
  private final FileUser user = new FileUser();

  @AfterEach
  void close() {
    assertThat(files.nrFiles()).as("files").isZero();
    user.close();
    fs.unmount(user.current);
  }

  private static byte[] path(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }

  private File open(String path, int flags) throws ErrnoException {
    return namei.open(user.current, null, path(path), flags, 0644);
  }

  private void put(File file) {
    file.fput(user.current);
  }

  /** Reads at a position into the second page of the program's memory. */
  private long readAt(File file, long pos, long bytes) {
    return transfer(file, true, user.memory + PAGE, bytes, pos);
  }

  private long writeAt(File file, long pos, long bytes) {
    return transfer(file, false, user.memory, bytes, pos);
  }

  private long transfer(File file, boolean read, long address, long bytes, long pos) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(user.process.mm(), read, address, bytes)).isZero();
    return read
        ? file.op().readIter(user.current, iocb, iter)
        : file.op().writeIter(user.current, iocb, iter);
  }

  private void fill(int value) {
    RawMemory.segment(user.memory, PAGE).fill((byte) value);
  }

  private int byteRead(int at) {
    return RawMemory.getByte(user.memory + PAGE + at);
  }

  private void truncate(File file, long bytes) throws ErrnoException {
    Attr.change(user.current, file.inode(), Iattr.ofSize(bytes));
  }

  private long stat(Inode inode, LongUnaryOperator field) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(user.current, stat);
      return field.applyAsLong(stat);
    }
  }

  private List<String> list(File directory, long from) {
    List<String> names = new ArrayList<>();
    directory
        .op()
        .iterateShared(
            user.current,
            directory,
            new DirContext(from) {
              @Override
              protected boolean actor(byte[] name, long ino, int type, long next) {
                names.add(new String(name, StandardCharsets.UTF_8) + ":" + type);
                return true;
              }
            });
    return names;
  }

  private void assertErrno(int errno, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ErrnoException.class,
            e -> assertThat(Errno.name(e.errno())).isEqualTo(Errno.name(errno)));
  }

  @Test
  void whatWasWrittenIsReadAndHolesAreZero() throws ErrnoException {
    File file = open("/f", RW);
    fill(7);
    assertThat(writeAt(file, 3 * PAGE + 100, PAGE)).isEqualTo(PAGE);
    assertThat(file.inode().size()).isEqualTo(4L * PAGE + 100);
    assertThat(stat(file.inode(), Stat::stBlocks)).as("of 512 bytes").isEqualTo(2 * 8);
    assertThat(readAt(file, 3 * PAGE, 3 * PAGE)).as("up to the end").isEqualTo(PAGE + 100);
    assertThat(byteRead(99)).isZero();
    assertThat(byteRead(100)).isEqualTo(7);
    assertThat(byteRead(PAGE + 99)).isEqualTo(7);
    fill(9);
    assertThat(readAt(file, 0, PAGE)).isEqualTo(PAGE);
    assertThat(byteRead(0)).isZero();
    assertThat(readAt(file, file.inode().size(), 1)).isZero();
    assertThat(readAt(file, Long.MAX_VALUE - 1, 1)).isZero();
    put(file);
  }

  @Test
  void aFileThatShrinksAndGrowsShowsZeroes() throws ErrnoException {
    File file = open("/f", RW);
    fill(7);
    assertThat(writeAt(file, 0, PAGE)).isEqualTo(PAGE);
    assertThat(writeAt(file, PAGE, PAGE)).isEqualTo(PAGE);
    truncate(file, 10);
    assertThat(fs.pages().used()).isEqualTo(1);
    truncate(file, 2 * PAGE);
    assertThat(readAt(file, 0, 2 * PAGE)).isEqualTo(2 * PAGE);
    assertThat(byteRead(9)).isEqualTo(7);
    assertThat(byteRead(10)).isZero();
    assertThat(byteRead(PAGE)).isZero();
    truncate(file, Long.MAX_VALUE);
    assertThat(fs.pages().used()).as("growing costs nothing").isEqualTo(1);
    assertThat(writeAt(file, Long.MAX_VALUE - 1, 1)).isEqualTo(1);
    truncate(file, 0);
    assertThat(fs.pages().used()).isZero();
    put(file);
  }

  @Test
  void appendingAndTruncatingAtOpen() throws ErrnoException {
    File file = open("/f", RW | Fcntl.O_EXCL);
    assertThat(writeAt(file, 0, 10)).isEqualTo(10);
    put(file);
    assertErrno(Errno.EEXIST, () -> open("/f", RW | Fcntl.O_EXCL));
    file = open("/f", Fcntl.O_WRONLY | Fcntl.O_APPEND);
    assertThat(writeAt(file, 0, 5)).isEqualTo(5);
    assertThat(file.inode().size()).isEqualTo(15);
    truncate(file, Long.MAX_VALUE);
    assertThat(writeAt(file, 0, 1)).isEqualTo(-Errno.EFBIG);
    truncate(file, Long.MAX_VALUE - 1);
    assertThat(writeAt(file, 0, 2)).as("what fits").isEqualTo(1);
    put(file);
    put(open("/f", Fcntl.O_RDONLY | Fcntl.O_TRUNC));
    assertThat(namei.lookup(user.current, null, path("/f"), true).inode().size()).isZero();
    assertErrno(Errno.EINVAL, () -> open("/f", Fcntl.O_RDONLY | Fcntl.O_DIRECT));
    assertErrno(Errno.EINVAL, () -> open("/direct", RW | Fcntl.O_DIRECT));
    assertThat(namei.lookup(user.current, null, path("/direct"), true).inode().size())
        .as("made all the same")
        .isZero();
  }

  @Test
  void anUnlinkedFileLivesUntilItIsClosed() throws ErrnoException {
    File file = open("/f", RW);
    fill(7);
    assertThat(writeAt(file, 0, PAGE)).isEqualTo(PAGE);
    namei.unlink(user.current, null, path("/f"));
    assertErrno(Errno.ENOENT, () -> open("/f", Fcntl.O_RDONLY));
    assertThat(stat(file.inode(), Stat::stNlink)).isZero();
    assertThat(writeAt(file, PAGE, PAGE)).isEqualTo(PAGE);
    assertThat(readAt(file, 0, PAGE)).isEqualTo(PAGE);
    assertThat(byteRead(0)).isEqualTo(7);
    assertThat(fs.pages().used()).isEqualTo(2);
    file.fput(); // as a completion does, which is no task
    assertThat(fs.pages().used()).isZero();
    file = open("/f", RW);
    assertThat(writeAt(file, PAGE - 1, 1)).isEqualTo(1);
    assertThat(readAt(file, 0, PAGE)).isEqualTo(PAGE);
    assertThat(byteRead(0)).as("the next owner finds zeroes").isZero();
    put(file);
    namei.unlink(user.current, null, path("/f"));
    assertThat(fs.pages().used()).as("no file had it open").isZero();
  }

  @Test
  void theLimitIsEnospc() throws ErrnoException {
    File file = open("/f", RW);
    assertThat(writeAt(file, PAGE, (PAGES - 1L) * PAGE)).isEqualTo((PAGES - 1L) * PAGE);
    assertThat(writeAt(file, 100, 2L * PAGE))
        .as("into the last page, and over the one that is there")
        .isEqualTo(2 * PAGE);
    assertThat(writeAt(file, 100L * PAGE, 1)).isEqualTo(-Errno.ENOSPC);
    File other = open("/g", RW);
    assertThat(writeAt(other, 0, 1)).isEqualTo(-Errno.ENOSPC);
    truncate(file, (PAGES - 1L) * PAGE);
    assertThat(writeAt(other, PAGE - 10, 20)).as("what fits").isEqualTo(10);
    assertThat(other.inode().size()).isEqualTo(PAGE);
    try (Arena arena = Arena.ofConfined()) {
      long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
      fs.fillStatfs(user.current, statfs);
      assertThat(Statfs.fType(statfs)).isEqualTo(0x858458f6L);
      assertThat(Statfs.fBlocks(statfs)).isEqualTo(PAGES);
      assertThat(Statfs.fBfree(statfs)).isZero();
      assertThat(Statfs.fFfree(statfs)).isEqualTo(PAGES - 2);
      assertThat(Statfs.fFrsize(statfs)).isEqualTo(PAGE);
    }
    put(file);
    put(other);
  }

  @Test
  void thereAreNoMoreFilesThanPages() throws ErrnoException {
    for (int i = 0; i < PAGES; i++) {
      namei.mkdir(user.current, null, path("/d" + i), 0755);
    }
    assertErrno(Errno.ENOSPC, () -> namei.mkdir(user.current, null, path("/d"), 0755));
    assertErrno(Errno.ENOSPC, () -> open("/f", RW));
    namei.rmdir(user.current, null, path("/d5"));
    put(open("/f", RW));
    namei.unlink(user.current, null, path("/f"));
    namei.mkdir(user.current, null, path("/d"), 0755);
  }

  @Test
  void badMemoryLeavesNothingBehind() throws ErrnoException {
    File file = open("/f", RW);
    assertThat(transfer(file, false, 8, 100, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(fs.pages().used()).isZero();
    assertThat(file.inode().size()).isZero();
    long last = user.memory + FileUser.MEMORY_BYTES - PAGE;
    assertThat(transfer(file, false, last, 2 * PAGE, 0))
        .as("up to the page that is not there")
        .isEqualTo(PAGE);
    assertThat(transfer(file, true, last + PAGE - 10, PAGE, 0))
        .as("up to the end of the memory")
        .isEqualTo(10);
    assertThat(transfer(file, true, last + PAGE, PAGE, 0)).isEqualTo(-Errno.EFAULT);
    put(file);
  }

  @Test
  void fallocateReservesAndPunches() throws ErrnoException {
    File file = open("/f", RW);
    assertThat(file.op().fallocate(user.current, file, 0, 100, PAGE)).isZero();
    assertThat(file.inode().size()).isEqualTo(PAGE + 100);
    assertThat(fs.pages().used()).isEqualTo(2);
    assertThat(file.op().fallocate(user.current, file, Fcntl.FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE))
        .isZero();
    assertThat(file.inode().size()).isEqualTo(PAGE + 100);
    assertThat(fs.pages().used()).isEqualTo(4);
    assertThat(file.op().fallocate(user.current, file, 0, 2 * PAGE, (PAGES - 1L) * PAGE))
        .isEqualTo(-Errno.ENOSPC);
    assertThat(file.op().fallocate(user.current, file, 0, 0, Long.MAX_VALUE))
        .isEqualTo(-Errno.ENOSPC);
    assertThat(fs.pages().used()).as("what was taken for it is given back").isEqualTo(4);
    fill(7);
    for (int page = 0; page < 4; page++) {
      assertThat(writeAt(file, (long) page * PAGE, PAGE)).isEqualTo(PAGE);
    }
    int punch = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
    assertThat(file.op().fallocate(user.current, file, punch, 100, 2L * PAGE)).isZero();
    assertThat(fs.pages().used()).isEqualTo(3);
    assertThat(readAt(file, 0, 4 * PAGE)).isEqualTo(4 * PAGE);
    assertThat(
            new int[] {
              byteRead(99), byteRead(100), byteRead(2 * PAGE + 99), byteRead(2 * PAGE + 100)
            })
        .containsExactly(7, 0, 0, 7);
    assertThat(file.op().fallocate(user.current, file, punch, PAGE, Long.MAX_VALUE - PAGE))
        .isZero();
    assertThat(fs.pages().used()).isEqualTo(1);
    assertThat(file.op().fallocate(user.current, file, Fcntl.FALLOC_FL_ZERO_RANGE, 0, 1))
        .isEqualTo(-Errno.EOPNOTSUPP);
    put(file);
  }

  @Test
  void seekingFindsDataAndHoles() throws ErrnoException {
    File file = open("/f", RW);
    assertThat(seek(file, 0, Fcntl.SEEK_DATA))
        .as("nothing in an empty file")
        .isEqualTo(-Errno.ENXIO);
    assertThat(writeAt(file, 3 * PAGE + 5, PAGE)).isEqualTo(PAGE); // two pages, in part
    truncate(file, 10 * PAGE + 7);
    assertThat(seek(file, 0, Fcntl.SEEK_DATA)).isEqualTo(3 * PAGE);
    assertThat(file.pos()).isEqualTo(3 * PAGE);
    assertThat(seek(file, 3 * PAGE + 9, Fcntl.SEEK_DATA)).isEqualTo(3 * PAGE + 9);
    assertThat(seek(file, 0, Fcntl.SEEK_HOLE)).isZero();
    assertThat(seek(file, 4 * PAGE, Fcntl.SEEK_HOLE)).isEqualTo(5 * PAGE);
    assertThat(seek(file, 5 * PAGE, Fcntl.SEEK_DATA)).isEqualTo(-Errno.ENXIO);
    assertThat(seek(file, 10 * PAGE + 7, Fcntl.SEEK_HOLE)).isEqualTo(-Errno.ENXIO);
    assertThat(seek(file, -1, Fcntl.SEEK_HOLE)).isEqualTo(-Errno.ENXIO);
    assertThat(writeAt(file, 10 * PAGE, 7)).isEqualTo(7);
    assertThat(seek(file, 10 * PAGE, Fcntl.SEEK_HOLE))
        .as("the end is a hole")
        .isEqualTo(10 * PAGE + 7);
    assertThat(seek(file, 5, Fcntl.SEEK_CUR)).isEqualTo(10 * PAGE + 12);
    assertThat(seek(file, Long.MAX_VALUE, Fcntl.SEEK_CUR)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(file, -7, Fcntl.SEEK_END)).isEqualTo(10 * PAGE);
    assertThat(seek(file, 0, Fcntl.SEEK_HOLE + 1)).isEqualTo(-Errno.EINVAL);
    truncate(file, Long.MAX_VALUE);
    assertThat(writeAt(file, Long.MAX_VALUE - 5, 5)).isEqualTo(5);
    assertThat(seek(file, Long.MAX_VALUE - 5, Fcntl.SEEK_HOLE)).isEqualTo(Long.MAX_VALUE);
    put(file);
  }

  private long seek(File file, long offset, int whence) {
    return file.op().llseek(user.current, file, offset, whence);
  }

  @Test
  void directoriesComeAndGo() throws ErrnoException {
    namei.mkdir(user.current, null, path("/a/"), 01777);
    namei.mkdir(user.current, null, path("a/b"), 04755);
    Inode a = namei.lookup(user.current, null, path("/a"), true).inode();
    assertThat(a.mode()).isEqualTo(StatMode.S_IFDIR | 01777);
    assertThat(namei.lookup(user.current, null, path("/a/b"), true).inode().mode())
        .isEqualTo(StatMode.S_IFDIR | 0755);
    assertThat(stat(a, Stat::stNlink)).isEqualTo(3);
    put(open("/a/f", RW));
    assertErrno(Errno.ENOTEMPTY, () -> namei.rmdir(user.current, null, path("/a")));
    File opened = open("/a/b", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    namei.rmdir(user.current, null, path("/a/b"));
    assertThat(stat(a, Stat::stNlink)).isEqualTo(2);
    assertThat(stat(opened.inode(), Stat::stNlink)).isZero();
    assertErrno(Errno.ENOENT, () -> namei.open(user.current, opened.dentry(), path("x"), RW, 0644));
    assertErrno(Errno.ENOENT, () -> namei.mkdir(user.current, opened.dentry(), path("x"), 0755));
    assertErrno(Errno.ENOENT, () -> namei.unlink(user.current, opened.dentry(), path("x")));
    assertThat(namei.lookup(user.current, opened.dentry(), path(".."), true).inode()).isSameAs(a);
    put(opened);
    namei.unlink(user.current, null, path("/a/f"));
    namei.rmdir(user.current, null, path("/a/"));
  }

  @Test
  void aListingGoesOnWhereItWasThoughNamesGo() throws ErrnoException {
    for (String name : List.of("/a", "/b", "/c", "/d")) {
      put(open(name, RW));
    }
    File root = open("/", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    assertThat(list(root, 0)).containsExactly(".:4", "..:4", "a:8", "b:8", "c:8", "d:8");
    assertThat(list(root, 4)).containsExactly("c:8", "d:8");
    namei.unlink(user.current, null, path("/a"));
    namei.unlink(user.current, null, path("/b"));
    assertThat(list(root, 4)).containsExactly("c:8", "d:8");
    assertThat(list(root, Long.MAX_VALUE)).isEmpty();
    assertThat(root.fsync(user.current, false)).isZero();
    put(root);
  }

  @Test
  void namesAreBytes() throws ErrnoException {
    byte[] one = {(byte) 0xff};
    byte[] other = {(byte) 0xfe};
    namei.mkdir(user.current, null, one, 0755);
    assertErrno(Errno.ENOENT, () -> namei.rmdir(user.current, null, other));
    namei.mkdir(user.current, null, other, 0755);
    fs.mkdir("ä").attach("x", new Ramfs(3).root());
    assertThat(namei.lookup(user.current, null, path("/ä/x"), true).name()).isEqualTo("x");
  }

  @Test
  void whatIsAttachedStaysAndCoversUntilItIsDetached() throws ErrnoException {
    put(open("/x", RW));
    Ramfs mounted = new Ramfs(2);
    fs.top().attach("x", mounted.root());
    assertErrno(Errno.EISDIR, () -> namei.unlink(user.current, null, path("/x")));
    assertErrno(Errno.EBUSY, () -> namei.rmdir(user.current, null, path("/x")));
    put(open("/x/inside", RW));
    assertThat(mounted.pages().used()).isZero();
    fs.top().detach("x");
    assertThat(namei.lookup(user.current, null, path("/x"), true).inode().isType(StatMode.S_IFREG))
        .isTrue();
    fs.top().detach("x");
    namei.unlink(user.current, null, path("/x"));
    File file = open("/device", RW);
    fs.top().attach("device2", file.inode());
    put(file);
    assertErrno(Errno.EBUSY, () -> namei.unlink(user.current, null, path("/device2")));
  }

  @Test
  void timesTellOfWrites() throws ErrnoException {
    long before = System.currentTimeMillis() / 1000;
    File file = open("/f", RW);
    assertThat(writeAt(file, 0, 1)).isEqualTo(1);
    assertThat(stat(file.inode(), Stat::stMtime))
        .isBetween(before, System.currentTimeMillis() / 1000);
    assertThat(stat(file.inode(), Stat::stMtimeNsec)).isBetween(0L, 999_999_999L);
    put(file);
  }

  /** A model in an array does what the file does. -Dpollux.seed=N draws the same again. */
  @Test
  void aFileIsAnArray() throws ErrnoException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("RamfsTest: seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    int most = 16 * PAGE;
    byte[] model = new byte[most];
    int size = 0;
    File file = open("/f", RW);
    for (int step = 0; step < 3000; step++) {
      int at = random.nextInt(most - 1);
      int bytes = random.nextInt(1, Math.min(3 * PAGE, most - at) + 1);
      switch (random.nextInt(6)) {
        case 0, 1 -> {
          RawMemory.segment(user.memory, bytes).fill((byte) step);
          assertThat(writeAt(file, at, bytes))
              .as("step %d of seed %d", step, seed)
              .isEqualTo(bytes);
          Arrays.fill(model, at, at + bytes, (byte) step);
          size = Math.max(size, at + bytes);
        }
        case 2 -> {
          truncate(file, at);
          if (at < size) {
            Arrays.fill(model, at, size, (byte) 0);
          }
          size = at;
        }
        case 3 -> {
          int punch = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
          assertThat(file.op().fallocate(user.current, file, punch, at, bytes)).isZero();
          Arrays.fill(model, at, at + bytes, (byte) 0);
        }
        case 4 -> {
          boolean keep = random.nextBoolean();
          assertThat(
                  file.op()
                      .fallocate(
                          user.current, file, keep ? Fcntl.FALLOC_FL_KEEP_SIZE : 0, at, bytes))
              .isZero();
          size = keep ? size : Math.max(size, at + bytes);
        }
        default -> {
          int expected = Math.clamp(size - at, 0, bytes);
          assertThat(readAt(file, at, bytes))
              .as("step %d of seed %d", step, seed)
              .isEqualTo(expected);
          byte[] read =
              RawMemory.segment(user.memory + PAGE, expected).toArray(ValueLayout.JAVA_BYTE);
          assertThat(read)
              .as("step %d of seed %d", step, seed)
              .isEqualTo(Arrays.copyOfRange(model, at, at + expected));
        }
      }
      assertThat(file.inode().size()).as("step %d of seed %d", step, seed).isEqualTo(size);
    }
    put(file);
  }

  /**
   * Several threads make, open, write and remove the same few names; at the end nothing is held.
   */
  @Test
  void theSameNamesFromManyThreads() throws Exception {
    List<FileUser.Other> threads = new ArrayList<>();
    for (int thread = 0; thread < 4; thread++) {
      long seed = thread;
      threads.add(
          user.start(
              task -> {
                SplittableRandom random = new SplittableRandom(seed);
                long done = 0;
                for (int i = 0; i < 5000; i++) {
                  byte[] name =
                      path(
                          "/dir"
                              + random.nextInt(2)
                              + (random.nextBoolean() ? "" : "/f" + random.nextInt(2)));
                  try {
                    switch (random.nextInt(4)) {
                      case 0 -> namei.mkdir(task, null, name, 0755);
                      case 1 -> namei.rmdir(task, null, name);
                      case 2 -> namei.unlink(task, null, name);
                      default -> {
                        File file = namei.open(task, null, name, RW | Fcntl.O_APPEND, 0644);
                        long written = FileUser.rw(task, file, false, user.memory, 1000, 0);
                        assertThat(written).isEqualTo(1000);
                        file.fput(task);
                      }
                    }
                    done++;
                  } catch (ErrnoException e) {
                    assertThat(e.errno())
                        .isIn(
                            Errno.ENOENT,
                            Errno.EEXIST,
                            Errno.ENOTEMPTY,
                            Errno.EISDIR,
                            Errno.ENOTDIR);
                  }
                }
                return done;
              }));
    }
    for (FileUser.Other thread : threads) {
      assertThat(thread.result.get(1, TimeUnit.MINUTES)).isPositive();
    }
    for (String name : List.of("/dir0/f0", "/dir0/f1", "/dir1/f0", "/dir1/f1", "/dir0", "/dir1")) {
      remove(path(name));
    }
    assertThat(fs.pages().used()).isZero();
  }

  private void remove(byte[] name) {
    try {
      namei.unlink(user.current, null, name);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EISDIR) {
        try {
          namei.rmdir(user.current, null, name);
        } catch (ErrnoException again) {
          throw new AssertionError(again);
        }
      }
    }
  }
}
