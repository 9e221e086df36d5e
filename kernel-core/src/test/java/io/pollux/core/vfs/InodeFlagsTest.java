// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What immutable and append-only files refuse, even root. */
@Timeout(60)
class InodeFlagsTest {
  private static final byte[] FILE = path("/f");

  private final Ramfs fs = new Ramfs(1);
  private final FileTable files = new FileTable();
  private final Namei namei = new Namei(fs.root(), files);
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final Marked file = new Marked(StatMode.S_IFREG | 0600);
  private final Marked directory = new Marked(StatMode.S_IFDIR | 0700);

  /** A file or a directory with one name in it; it records the operations that it is asked for. */
  private final class Marked extends Inode {
    boolean immutable;
    boolean appendOnly;
    final List<String> asked = new ArrayList<>();

    Marked(int mode) {
      super(fs, 9, mode);
    }

    @Override
    protected boolean immutable() {
      return immutable;
    }

    @Override
    protected boolean appendOnly() {
      return appendOnly;
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      if (name[0] != 'x') {
        throw new ErrnoException(Errno.ENOENT);
      }
      return file;
    }

    @Override
    public void unlink(Task current, byte[] name) {
      asked.add("unlink");
    }

    @Override
    public void mkdir(Task current, byte[] name, int permissions) {
      asked.add("mkdir");
    }

    @Override
    public void link(Task current, byte[] name, Inode old) {
      asked.add("link");
    }

    @Override
    public void setattr(Task current, Iattr attr) {
      asked.add("setattr");
    }

    @Override
    public void setxattr(Task current, String name, byte @Nullable [] value, int flags) {
      asked.add("setxattr");
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return isType(StatMode.S_IFDIR) ? new FileOperations() {} : FakeFile.immediate(4096);
    }

    @Override
    protected void getattr(Task current, long stat) {}
  }

  InodeFlagsTest() {
    fs.top().attach("f", file);
    fs.top().attach("d", directory);
  }

  @AfterEach
  void close() {
    assertThat(files.nrFiles()).as("open files").isZero();
    process.exit();
  }

  private static byte[] path(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }

  private void open(int flags) throws ErrnoException {
    namei.open(task, null, FILE, flags, 0).fput(task);
  }

  private static void assertEperm(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
  }

  @Test
  void anImmutableFileIsReadAndNotChanged() throws ErrnoException {
    file.immutable = true;
    open(Fcntl.O_RDONLY);
    assertEperm(() -> open(Fcntl.O_WRONLY | Fcntl.O_APPEND));
    assertEperm(() -> open(Fcntl.O_RDONLY | Fcntl.O_TRUNC));
    assertEperm(() -> Attr.change(task, file, Iattr.ofMode(0644)));
    assertEperm(() -> Attr.chown(task, file, 1, -1));
    assertEperm(() -> Attr.change(task, file, Iattr.touch()));
    assertEperm(() -> Xattr.set(task, file, "user.a", new byte[1], 0));
    assertEperm(() -> Xattr.set(task, file, "trusted.a", new byte[1], 0));
    assertEperm(() -> namei.link(task, file, null, path("/d/y")));
    assertEperm(() -> namei.unlink(task, null, path("/d/x")));
    assertThat(file.asked).isEmpty();
    assertThat(directory.asked).isEmpty();
  }

  @Test
  void anAppendOnlyFileIsOnlyAppendedTo() throws ErrnoException {
    file.appendOnly = true;
    open(Fcntl.O_RDONLY);
    open(Fcntl.O_WRONLY | Fcntl.O_APPEND);
    assertEperm(() -> open(Fcntl.O_WRONLY));
    assertEperm(() -> open(Fcntl.O_WRONLY | Fcntl.O_APPEND | Fcntl.O_TRUNC));
    assertEperm(() -> Attr.change(task, file, Iattr.ofSize(0)));
    assertEperm(() -> Attr.change(task, file, Iattr.ofMode(0644)));
    assertEperm(() -> Xattr.set(task, file, "user.a", new byte[1], 0));
    assertEperm(() -> namei.link(task, file, null, path("/d/y")));
    assertEperm(() -> namei.unlink(task, null, path("/d/x")));
    assertThat(file.asked).isEmpty();
    Attr.change(task, file, Iattr.touch());
    assertThat(file.asked).containsExactly("setattr");
  }

  @Test
  void anOpenAppendOnlyFileKeepsAppending() throws ErrnoException {
    File open = namei.open(task, null, FILE, Fcntl.O_WRONLY | Fcntl.O_APPEND, 0);
    assertThat(open.setFl(0)).isZero();
    assertThat(open.setFl(Fcntl.O_APPEND)).isZero();
    file.appendOnly = true;
    assertThat(open.setFl(0)).isEqualTo(-Errno.EPERM);
    assertThat(open.setFl(Fcntl.O_APPEND | Fcntl.O_NONBLOCK)).isZero();
    open.fput(task);
  }

  @Test
  void anImmutableDirectoryKeepsItsNames() {
    directory.immutable = true;
    assertEperm(() -> namei.unlink(task, null, path("/d/x")));
    assertEperm(() -> namei.mkdir(task, null, path("/d/y"), 0700));
    assertThat(directory.asked).isEmpty();
  }

  @Test
  void anAppendOnlyDirectoryTakesNewNamesAndKeepsTheOldOnes() throws ErrnoException {
    directory.appendOnly = true;
    namei.mkdir(task, null, path("/d/y"), 0700);
    assertThat(directory.asked).containsExactly("mkdir");
    assertEperm(() -> namei.unlink(task, null, path("/d/x")));
  }
}
