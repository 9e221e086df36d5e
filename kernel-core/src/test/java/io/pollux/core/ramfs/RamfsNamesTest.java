// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.fixture.FileUser;
import io.pollux.core.fixture.Patience;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.MountTable;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.Timespec64;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Names, links, attributes, and the life of inodes, through {@link Namei}. */
@Timeout(60)
class RamfsNamesTest {
  private static final int PAGES = 64;
  private static final int RW = Fcntl.O_RDWR | Fcntl.O_CREAT;

  private final Ramfs fs = new Ramfs(1, (long) PAGES * HostMemory.PAGE_SIZE);
  private final FileTable files = new FileTable();
  private final Namei namei = new Namei(fs.root(), files);
  private final FileUser user = new FileUser();

  @AfterEach
  void close() {
    assertThat(files.nrFiles()).as("open files").isZero();
    user.close();
    fs.unmount(user.current);
  }

  private static byte[] path(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }

  private File open(String path, int flags) throws ErrnoException {
    return namei.open(user.current, null, path(path), flags, 0644);
  }

  private void make(String path) throws ErrnoException {
    open(path, RW).fput(user.current);
  }

  private void mkdir(String path) throws ErrnoException {
    namei.mkdir(user.current, null, path(path), 0755);
  }

  private void rename(String from, String to, int flags) throws ErrnoException {
    namei.rename(user.current, null, path(from), null, path(to), flags);
  }

  private void link(String from, String to) throws ErrnoException {
    namei.link(user.current, find(from), null, path(to));
  }

  private Inode find(String path) throws ErrnoException {
    return namei.lookup(user.current, null, path(path), false).inode();
  }

  private long stat(Inode inode, LongUnaryOperator field) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(user.current, stat);
      return field.applyAsLong(stat);
    }
  }

  private long nlink(String path) throws ErrnoException {
    return stat(find(path), Stat::stNlink);
  }

  private static void assertErrno(int errno, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void aRenamedDirectoryTakesItsUsersAlong() throws ErrnoException {
    mkdir("/a");
    mkdir("/a/b");
    mkdir("/c");
    Dentry b = namei.lookup(user.current, null, path("/a/b"), true);
    rename("/a/b", "/c/d", 0);
    assertThat(b).hasToString("/c/d");
    assertThat(namei.lookup(user.current, b, path(".."), true).inode()).isSameAs(find("/c"));
    assertThat(namei.lookup(user.current, b, path("."), true)).isSameAs(b);
    assertThat(nlink("/a")).isEqualTo(2);
    assertThat(nlink("/c")).isEqualTo(3);
    rename("/c", "/a/c", 0);
    assertThat(b).hasToString("/a/c/d");
    rename("/a/c/d", "/e", 0);
    assertThat(b).hasToString("/e");
    assertThat(namei.lookup(user.current, null, path("/e"), true)).isSameAs(b);
  }

  @Test
  void noDirectoryMovesBelowItself() throws ErrnoException {
    mkdir("/a");
    mkdir("/a/b");
    mkdir("/a/b/c");
    assertErrno(Errno.EINVAL, () -> rename("/a", "/a/x", 0));
    assertErrno(Errno.EINVAL, () -> rename("/a", "/a/b/c/x", 0));
    assertErrno(Errno.EINVAL, () -> rename("/a", "/a/b", 0));
    assertErrno(Errno.ENOTEMPTY, () -> rename("/a/b/c", "/a", 0));
    assertErrno(Errno.ENOTEMPTY, () -> rename("/a/b/c", "/a/b", 0));
    assertErrno(Errno.EINVAL, () -> rename("/a/b/c", "/a", Fcntl.RENAME_EXCHANGE));
    assertErrno(Errno.EINVAL, () -> rename("/a", "/a/b/c", Fcntl.RENAME_EXCHANGE));
  }

  @Test
  void anExchangeSwapsWhateverHasTheNames() throws ErrnoException {
    mkdir("/a");
    mkdir("/a/sub");
    make("/file");
    Inode sub = find("/a/sub");
    Inode file = find("/file");
    rename("/a/sub", "/file", Fcntl.RENAME_EXCHANGE);
    assertThat(find("/a/sub")).isSameAs(file);
    assertThat(find("/file")).isSameAs(sub);
    assertThat(nlink("/a")).isEqualTo(2);
    assertThat(nlink("/")).isEqualTo(4);
    assertErrno(Errno.ENOENT, () -> rename("/file", "/none", Fcntl.RENAME_EXCHANGE));
    assertErrno(Errno.EEXIST, () -> rename("/file", "/a", Fcntl.RENAME_NOREPLACE));
    assertErrno(
        Errno.EINVAL, () -> rename("/file", "/a", Fcntl.RENAME_NOREPLACE | Fcntl.RENAME_EXCHANGE));
    assertErrno(Errno.EINVAL, () -> rename("/file", "/b", Fcntl.RENAME_WHITEOUT));
  }

  @Test
  void aReplacedFileLivesUntilItsLastCloseAndALinkKeepsIt() throws ErrnoException {
    File open = open("/old", RW);
    assertThat(FileUser.rw(user.current, open, false, user.memory, 100, 0)).isEqualTo(100);
    make("/new");
    rename("/new", "/old", 0);
    assertThat(stat(open.inode(), Stat::stNlink)).isZero();
    assertThat(fs.pages().used()).isEqualTo(1);
    open.fput(user.current);
    assertThat(fs.pages().used()).isZero();

    open = open("/old", RW);
    assertThat(FileUser.rw(user.current, open, false, user.memory, 100, 0)).isEqualTo(100);
    open.fput(user.current);
    link("/old", "/other");
    assertThat(nlink("/other")).isEqualTo(2);
    namei.unlink(user.current, null, path("/old"));
    assertThat(fs.pages().used()).isEqualTo(1);
    namei.unlink(user.current, null, path("/other"));
    assertThat(fs.pages().used()).isZero();
  }

  @Test
  void namesCountAgainstTheLimitOfInodes() throws ErrnoException {
    make("/f");
    for (int i = 1; i < PAGES; i++) {
      link("/f", "/f" + i);
    }
    assertErrno(Errno.ENOSPC, () -> link("/f", "/more"));
    assertErrno(Errno.ENOSPC, () -> mkdir("/more"));
    namei.unlink(user.current, null, path("/f"));
    mkdir("/more");
    rename("/f1", "/f2", 0);
    assertThat(nlink("/f2")).as("two names of one inode").isEqualTo(PAGES - 1);
  }

  @Test
  void anUnnamedFileGetsANameUnlessItWasOpenedExclusively() throws ErrnoException {
    int flags = Fcntl.O_TMPFILE | Fcntl.O_RDWR;
    File unnamed = open("/", flags);
    assertThat(stat(unnamed.inode(), Stat::stNlink)).isZero();
    namei.link(user.current, unnamed.inode(), null, path("/named"));
    assertThat(nlink("/named")).isEqualTo(1);
    unnamed.fput(user.current);
    make("/named");
    File exclusive = open("/", flags | Fcntl.O_EXCL);
    assertErrno(
        Errno.ENOENT, () -> namei.link(user.current, exclusive.inode(), null, path("/never")));
    exclusive.fput(user.current);
  }

  @Test
  void anInodeWithoutANameOrAUserTakesNoReference() throws ErrnoException {
    File file = open("/f", RW);
    Inode inode = file.inode();
    namei.unlink(user.current, null, path("/f"));
    assertThat(inode.igrab()).isTrue();
    inode.iput(user.current);
    file.fput(user.current);
    assertThat(inode.igrab()).isFalse();
    assertErrno(Errno.ENOENT, () -> Attr.change(user.current, inode, Iattr.ofSize(5)));
    assertErrno(Errno.ENOENT, () -> namei.link(user.current, inode, null, path("/g")));
  }

  @Test
  void attributesAreThoseThatWereSet() throws ErrnoException {
    make("/f");
    Inode inode = find("/f");
    Attr.change(user.current, inode, Iattr.ofMode(StatMode.S_IFDIR | 04755));
    assertThat(inode.mode()).as("the type stays").isEqualTo(StatMode.S_IFREG | 04755);
    Attr.chown(user.current, inode, 7, -1);
    assertThat(inode.mode()).as("a new owner").isEqualTo(StatMode.S_IFREG | 0755);
    assertThat(stat(inode, Stat::stUid)).isEqualTo(7);
    assertThat(stat(inode, Stat::stGid)).isZero();
    int times = Iattr.ATTR_ATIME | Iattr.ATTR_ATIME_SET | Iattr.ATTR_MTIME | Iattr.ATTR_MTIME_SET;
    Timespec64 before = new Timespec64(-5, 999_999_999);
    Attr.change(user.current, inode, Iattr.ofTimes(times, new Timespec64(1L << 40, 1), before));
    assertThat(stat(inode, Stat::stAtime)).isEqualTo(1L << 40);
    assertThat(stat(inode, Stat::stAtimeNsec)).isEqualTo(1);
    assertThat(stat(inode, Stat::stMtime)).isEqualTo(-5);
    assertThat(stat(inode, Stat::stMtimeNsec)).isEqualTo(999_999_999);
    Attr.change(user.current, inode, Iattr.touch());
    assertThat(stat(inode, Stat::stMtime)).isPositive();
  }

  @Test
  void aFifoWithoutAnotherEndCanBeOpenedWithNonblockForReadingOnly() throws ErrnoException {
    namei.mknod(user.current, null, path("/pipe"), StatMode.S_IFIFO | 0600, 5);
    assertErrno(Errno.ENXIO, () -> open("/pipe", Fcntl.O_WRONLY | Fcntl.O_NONBLOCK));
    File reader = open("/pipe", Fcntl.O_RDONLY | Fcntl.O_NONBLOCK);
    assertThat(user.read(reader, user.memory, 8)).as("no writer yet").isZero();
    assertThat(reader.op().poll(reader, null)).as("no hang-up before a writer").isZero();
    File writer = open("/pipe", Fcntl.O_WRONLY | Fcntl.O_NONBLOCK);
    assertThat(user.read(reader, user.memory, 8)).isEqualTo(-Errno.EAGAIN);
    assertThat(user.write(writer, user.memory, 5)).isEqualTo(5);
    assertThat(stat(find("/pipe"), Stat::stSize)).isZero();
    writer.fput(user.current);
    assertThat(user.read(reader, user.memory, 8)).isEqualTo(5);
    assertThat(user.read(reader, user.memory, 8)).isZero();
    assertThat(reader.op().poll(reader, null)).isEqualTo(PollBits.POLLHUP);
    reader.fput(user.current);
    File both = open("/pipe", Fcntl.O_RDWR);
    assertThat(user.write(both, user.memory, 3)).isEqualTo(3);
    both.fput(user.current);
    File again = open("/pipe", Fcntl.O_RDONLY | Fcntl.O_NONBLOCK);
    assertThat(user.read(again, user.memory, 8)).as("its bytes went with the last file").isZero();
    again.fput(user.current);
  }

  /** Opens and closes the fifo. Returns 0 or a negative errno. */
  private long openFifo(Task task, int flags) {
    try {
      namei.open(task, null, path("/pipe"), flags, 0).fput(task);
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Test
  void anOpenOfAFifoWaitsForTheOtherEnd() throws Exception {
    namei.mknod(user.current, null, path("/pipe"), StatMode.S_IFIFO | 0600, 0);
    for (int flags : new int[] {Fcntl.O_RDONLY, Fcntl.O_WRONLY}) {
      FileUser.Other other = user.start(task -> openFifo(task, flags));
      assertThat(other.waits()).isTrue();
      int mine = Fcntl.O_WRONLY - flags;
      open("/pipe", mine).fput(user.current);
      assertThat(other.result.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
    }
  }

  @Test
  void aSignalInterruptsTheOpenOfAFifo() throws Exception {
    namei.mknod(user.current, null, path("/pipe"), StatMode.S_IFIFO | 0600, 0);
    FileUser.Other other = user.start(task -> openFifo(task, Fcntl.O_RDONLY));
    assertThat(other.waits()).isTrue();
    other.task.sendSignal(10);
    assertThat(other.result.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
    assertErrno(Errno.ENXIO, () -> open("/pipe", Fcntl.O_WRONLY | Fcntl.O_NONBLOCK));
  }

  @Test
  void aDeviceNodeHasOnlyANameAndAttributes() throws ErrnoException {
    namei.mknod(user.current, null, path("/pipe"), StatMode.S_IFIFO | 0600, 5);
    namei.mknod(user.current, null, path("/zero"), StatMode.S_IFCHR | 0666, 0x105);
    assertThat(stat(find("/pipe"), Stat::stRdev)).isZero();
    assertThat(stat(find("/zero"), Stat::stRdev)).isEqualTo(0x105);
    assertErrno(Errno.ENXIO, () -> open("/zero", Fcntl.O_RDONLY));
    open("/pipe", Fcntl.O_PATH).fput(user.current);
    assertErrno(
        Errno.EPERM,
        () -> namei.mknod(user.current, null, path("/dir"), StatMode.S_IFDIR | 0700, 0));
  }

  @Test
  void extendedAttributesHaveLimits() throws ErrnoException {
    make("/f");
    Inode inode = find("/f");
    for (int i = 0; i < RamXattrs.MAX_COUNT; i++) {
      Xattr.set(user.current, inode, "user." + i, new byte[] {(byte) i}, 0);
    }
    assertErrno(Errno.ENOSPC, () -> Xattr.set(user.current, inode, "user.more", new byte[0], 0));
    Xattr.set(user.current, inode, "user.5", null, Xattr.XATTR_REPLACE);
    Xattr.set(user.current, inode, "user.6", new byte[Xattr.XATTR_SIZE_MAX], 0);
    assertErrno(
        Errno.ENOSPC,
        () -> Xattr.set(user.current, inode, "user.7", new byte[Xattr.XATTR_SIZE_MAX], 0));
    assertThat(Xattr.get(user.current, inode, "user.7")).containsExactly(7);
    assertErrno(Errno.ENODATA, () -> Xattr.get(user.current, inode, "user.5"));
    assertThat(Xattr.list(user.current, inode)).hasSize(RamXattrs.MAX_COUNT - 1).isSorted();
  }

  @Test
  void aFrozenFilesystemKeepsChangesWaiting() throws Exception {
    assertThat(fs.freeze(user.current)).isZero();
    assertThat(fs.freeze(user.current)).isEqualTo(-Errno.EBUSY);
    assertThat(find("/").isType(StatMode.S_IFDIR)).as("readers go on").isTrue();
    FileUser.Other other =
        user.start(
            task -> {
              try {
                namei.mkdir(task, null, path("/d"), 0755);
                return 0;
              } catch (ErrnoException e) {
                return -e.errno();
              }
            });
    assertErrno(Errno.ENOENT, () -> find("/d"));
    assertThat(fs.thaw(user.current)).isZero();
    assertThat(other.result.get(1, TimeUnit.MINUTES)).isZero();
    assertThat(find("/d").isType(StatMode.S_IFDIR)).isTrue();
    assertThat(fs.thaw(user.current)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aReadOnlyFilesystemRefusesChangesButNotTheirOtherErrors() throws ErrnoException {
    make("/f");
    remount(true);
    assertThat(fs.showOptions()).isEqualTo("ro,size=256k,nr_inodes=64");
    assertErrno(Errno.EROFS, () -> mkdir("/d"));
    assertErrno(Errno.EEXIST, () -> mkdir("/f"));
    assertErrno(Errno.EROFS, () -> rename("/f", "/g", 0));
    assertErrno(Errno.EROFS, () -> namei.unlink(user.current, null, path("/f")));
    assertErrno(Errno.EROFS, () -> link("/f", "/g"));
    assertErrno(Errno.EROFS, () -> open("/g", RW));
    assertErrno(Errno.EROFS, () -> open("/f", Fcntl.O_WRONLY));
    assertErrno(Errno.EROFS, () -> open("/", Fcntl.O_TMPFILE | Fcntl.O_RDWR));
    Inode inode = find("/f");
    assertErrno(Errno.EROFS, () -> Attr.change(user.current, inode, Iattr.touch()));
    assertErrno(Errno.EROFS, () -> Xattr.set(user.current, inode, "user.a", new byte[0], 0));
    open("/f", RW & ~Fcntl.O_ACCMODE).fput(user.current);
    remount(false);
    mkdir("/d");
  }

  private void remount(boolean readOnly) throws ErrnoException {
    MountTable.Mount mount = new MountTable.Mount(fs, fs.root(), fs.root(), "/");
    namei.mounts().remount(user.current, mount, readOnly, Options.parse(""));
  }

  /** Tasks rename directories across each other; each rename is whole, and the tree stays one. */
  @Test
  void renamesFromManyThreadsLeaveATree() throws Exception {
    for (String directory : List.of("/a", "/b", "/a/a", "/b/b")) {
      mkdir(directory);
    }
    make("/a/f");
    List<String> places = List.of("/a", "/b", "/a/a", "/b/a", "/a/b", "/b/b", "/a/f", "/b/f");
    List<FileUser.Other> threads = new ArrayList<>();
    for (int thread = 0; thread < 4; thread++) {
      SplittableRandom random = new SplittableRandom(thread);
      threads.add(
          user.start(
              task -> {
                int done = 0;
                for (int i = 0; i < 5000; i++) {
                  byte[] from = path(places.get(random.nextInt(places.size())));
                  byte[] to = path(places.get(random.nextInt(places.size())));
                  int flags = random.nextInt(3) == 0 ? Fcntl.RENAME_EXCHANGE : 0;
                  try {
                    namei.rename(task, null, from, null, to, flags);
                    done++;
                  } catch (ErrnoException e) {
                    assertThat(e.errno())
                        .isIn(
                            Errno.ENOENT,
                            Errno.EINVAL,
                            Errno.ENOTEMPTY,
                            Errno.ENOTDIR,
                            Errno.EISDIR);
                  }
                }
                return done;
              }));
    }
    for (FileUser.Other thread : threads) {
      assertThat(thread.result.get(1, TimeUnit.MINUTES)).isPositive();
    }
    assertThat(treeBelow("/", 0)).as("inodes that are reachable").isEqualTo(fs.inodesInUse());
  }

  /** Counts the inodes below a directory. */
  private int treeBelow(String directory, int depth) throws ErrnoException {
    assertThat(depth).as("no cycle").isLessThan(8);
    int count = 0;
    for (String name : List.of("a", "b", "f")) {
      String at = directory.equals("/") ? "/" + name : directory + "/" + name;
      try {
        count += find(at).isType(StatMode.S_IFDIR) ? 1 + treeBelow(at, depth + 1) : 1;
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOENT);
      }
    }
    return count;
  }
}
