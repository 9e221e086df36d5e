// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Where paths lead. The tree: /dir/sub, /dir/abs -> /dir/sub, /dir/rel -> ../dir/sub, /dir/loop ->
 * loop, /gone -> x.
 */
class NameiTest {
  private final Ramfs fs = new Ramfs(1);
  private final FileTable files = new FileTable();
  private final Namei namei = new Namei(fs.root(), files);
  private final Task task = new UserProcess().newTask();

  private final class Link extends Inode {
    private final String target;

    Link(String target) {
      super(fs, 99, StatMode.S_IFLNK | 0777);
      this.target = target;
    }

    @Override
    public long size() {
      return target.length();
    }

    @Override
    public FileOperations fop() {
      return new FileOperations() {};
    }

    @Override
    protected void getattr(Task current, long stat) {}

    @Override
    public byte[] readlink(Task current) {
      return target.getBytes(StandardCharsets.UTF_8);
    }
  }

  /** A directory without anything in it, on a filesystem that can't be written. */
  private static final class Fixed extends Inode {
    Fixed() {
      super(
          new SuperBlock(9, true) {
            @Override
            public Inode root() {
              throw new AssertionError("nobody asks");
            }

            @Override
            protected void statfs(Task current, long statfs) {}

            @Override
            public void unmount(Task current) {}
          },
          1,
          StatMode.S_IFDIR | 0755);
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      throw new ErrnoException(Errno.ENOENT);
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return new FileOperations() {};
    }

    @Override
    protected void getattr(Task current, long stat) {}
  }

  NameiTest() {
    Ramfs.Directory dir = fs.mkdir("dir");
    dir.attach("sub", new Ramfs(2).root());
    dir.attach("abs", new Link("/dir/sub"));
    dir.attach("rel", new Link("../dir/sub"));
    dir.attach("loop", new Link("loop"));
    dir.attach("dangling", new Link("sub/made"));
    dir.attach("toSlash", new Link("sub/"));
    fs.top().attach("fixed", new Fixed());
    fs.top().attach("gone", new Link("x"));
  }

  private Dentry lookup(String path, boolean follow) throws ErrnoException {
    return namei.lookup(task, null, path.getBytes(StandardCharsets.UTF_8), follow);
  }

  @ParameterizedTest
  @CsvSource({
    "/, /",
    "/dir, dir",
    "dir, dir",
    "//dir///sub, sub",
    "/dir/., dir",
    "/dir/sub/.., dir",
    "/../.., /",
    "/dir/abs, sub",
    "/dir/rel, sub",
    "/dir/abs/.., dir",
    "/dir/rel/, sub"
  })
  void leadsTo(String path, String name) throws ErrnoException {
    assertThat(lookup(path, true).name()).isEqualTo(name);
  }

  @Test
  void anOpenFileKeepsOnlyTheFlagsThatAreItsOwn() throws ErrnoException {
    int how = Fcntl.O_RDWR | Fcntl.O_APPEND;
    int once = Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_TRUNC | Fcntl.O_NOCTTY | Fcntl.O_CLOEXEC;
    File file =
        namei.open(task, null, "/dir/sub/new".getBytes(StandardCharsets.UTF_8), how | once, 0600);
    assertThat(file.flags()).isEqualTo(how | Fcntl.O_LARGEFILE);
    file.fput(task);

    int sync = Fcntl.O_SYNC & ~Fcntl.O_DSYNC; // which is nothing without the other
    file = namei.open(task, null, "/dir/sub/new".getBytes(StandardCharsets.UTF_8), sync, 0);
    assertThat(file.flags()).isEqualTo(Fcntl.O_SYNC | Fcntl.O_LARGEFILE);
    file.fput(task);

    int unknown = Integer.MIN_VALUE | 0100000000 | 074;
    file = namei.open(task, null, "/dir/sub/new".getBytes(StandardCharsets.UTF_8), unknown, 0);
    assertThat(file.flags()).isEqualTo(Fcntl.O_LARGEFILE);
    file.fput(task);
  }

  @Test
  void aLastLinkIsFollowedOnlyIfAskedFor() throws ErrnoException {
    assertThat(lookup("/dir/abs", false).inode().isType(StatMode.S_IFLNK)).isTrue();
    assertThat(lookup("/dir/abs/", false).name()).as("a slash behind it asks").isEqualTo("sub");
  }

  @ParameterizedTest
  @CsvSource({
    "/nothing, ENOENT",
    "'', ENOENT",
    "/dir/loop, ELOOP",
    "/gone, ENOENT",
    "/dir/loop/x, ELOOP",
    "/dir/sub/x, ENOENT"
  })
  void failsWith(String path, String errno) {
    assertThatThrownBy(() -> lookup(path, true))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(Errno.name(e.errno())).isEqualTo(errno));
  }

  @Test
  void aNameLongerThan255IsTooLong() {
    assertThatThrownBy(() -> lookup("/" + "n".repeat(256), true))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENAMETOOLONG));
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
        Arguments.of("/dir", Fcntl.O_WRONLY, "EISDIR"),
        Arguments.of("/dir/abs", Fcntl.O_NOFOLLOW, "ELOOP"),
        Arguments.of("/fixed/new", Fcntl.O_CREAT, "EROFS"),
        Arguments.of("/dir/new/", Fcntl.O_CREAT, "EISDIR"),
        Arguments.of("/dir/toSlash", Fcntl.O_CREAT, "EISDIR"),
        Arguments.of("/dir/dangling", Fcntl.O_CREAT | Fcntl.O_EXCL, "EEXIST"),
        Arguments.of("/dir/dangling", Fcntl.O_CREAT | Fcntl.O_NOFOLLOW, "ELOOP"),
        Arguments.of("/none/new", Fcntl.O_CREAT, "ENOENT"),
        Arguments.of("/dir/.", Fcntl.O_CREAT | Fcntl.O_WRONLY, "EISDIR"),
        Arguments.of("/dir", Fcntl.O_CREAT | Fcntl.O_EXCL, "EEXIST"),
        Arguments.of("/dir/", Fcntl.O_CREAT | Fcntl.O_WRONLY, "EISDIR"),
        Arguments.of("/dir", Fcntl.O_DIRECT, "EINVAL"));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void openRefuses(String path, int flags, String errno) {
    assertThatThrownBy(
            () -> namei.open(task, null, path.getBytes(StandardCharsets.UTF_8), flags, 0644))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(Errno.name(e.errno())).isEqualTo(errno));
    assertThat(files.nrFiles()).isZero();
  }

  private interface Call {
    void run() throws ErrnoException;
  }

  private static String errno(Call call) {
    try {
      call.run();
      return "0";
    } catch (ErrnoException e) {
      return Errno.name(e.errno());
    }
  }

  private static byte[] path(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }

  /** The errnos are those of Linux 6.18 for the same calls on ramfs. */
  @ParameterizedTest
  @CsvSource({
    "/, EEXIST, EBUSY, EISDIR", "/dir/., EEXIST, EINVAL, EISDIR",
        "/dir/.., EEXIST, ENOTEMPTY, EISDIR",
    "'', ENOENT, ENOENT, ENOENT", "/none/x, ENOENT, ENOENT, ENOENT",
        "/dir/abs, EEXIST, ENOTDIR, EBUSY",
    "/dir/abs/, EEXIST, ENOTDIR, ENOTDIR", "/dir, EEXIST, ENOTEMPTY, EISDIR",
        "/dir/, EEXIST, ENOTEMPTY, EISDIR",
    "/dir/sub, EEXIST, EBUSY, EISDIR", "/gone/x, ENOENT, ENOENT, ENOENT",
        "/fixed/x, EROFS, EROFS, EROFS",
    "/fixed, EEXIST, EBUSY, EISDIR"
  })
  void whatIsNotMadeOrRemoved(String name, String mkdir, String rmdir, String unlink) {
    assertThat(errno(() -> namei.mkdir(task, null, path(name), 0755))).as("mkdir").isEqualTo(mkdir);
    assertThat(errno(() -> namei.rmdir(task, null, path(name)))).as("rmdir").isEqualTo(rmdir);
    assertThat(errno(() -> namei.unlink(task, null, path(name)))).as("unlink").isEqualTo(unlink);
  }

  @Test
  void aNameOf256IsTooLongForAll() {
    byte[] name = path("/dir/" + "n".repeat(256));
    assertThat(errno(() -> namei.mkdir(task, null, name, 0755))).isEqualTo("ENAMETOOLONG");
    assertThat(errno(() -> namei.rmdir(task, null, name))).isEqualTo("ENAMETOOLONG");
    assertThat(errno(() -> namei.unlink(task, null, name))).isEqualTo("ENAMETOOLONG");
    assertThat(errno(() -> namei.open(task, null, name, Fcntl.O_CREAT, 0644)))
        .isEqualTo("ENAMETOOLONG");
  }

  @Test
  void openThroughADanglingLinkMakesWhatItNames() throws ErrnoException {
    File file = namei.open(task, null, path("/dir/dangling"), Fcntl.O_CREAT | Fcntl.O_WRONLY, 0640);
    assertThat(lookup("/dir/sub/made", true).inode()).isSameAs(file.inode());
    assertThat(file.inode().mode()).isEqualTo(StatMode.S_IFREG | 0640);
    file.fput(task);
    assertThat(files.nrFiles()).isZero();
  }

  @Test
  void aDirectoryHasTheAliasAsASecondAbsolutePath() throws Exception {
    Inode dir = namei.lookup(task, null, bytes("/dir"), true).inode();
    namei.setAlias(bytes("/other/name"), bytes("/dir"));
    assertThat(namei.lookup(task, null, bytes("/other/name"), true).inode()).isSameAs(dir);
    assertThat(namei.lookup(task, null, bytes("/other/name/sub/.."), true).inode()).isSameAs(dir);
    assertThatThrownBy(() -> namei.lookup(task, null, bytes("/other/names"), true))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    namei.setAlias(bytes("/other/name"), bytes(""));
    assertThat(namei.lookup(task, null, bytes("/other/name"), true).inode()).isSameAs(fs.root());
    assertThat(namei.lookup(task, null, bytes("/other/name/dir"), true).inode()).isSameAs(dir);
  }

  private static byte[] bytes(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }
}
