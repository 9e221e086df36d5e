// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.fixture.FileUser;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What keeps a filesystem from becoming read-only, and what mounts do to removed directories. */
@Timeout(60)
class RemountTest {
  private final Ramfs fs = new Ramfs(1);
  private final Ramfs other = new Ramfs(2);
  private final FileTable files = new FileTable();
  private final Namei namei = new Namei(fs.root(), files);
  private final FileUser user = new FileUser();
  private final Task current = user.current;

  @AfterEach
  void close() {
    assertThat(files.nrFiles()).as("open files").isZero();
    user.close();
    fs.unmount(current);
    other.unmount(current);
  }

  private static byte[] path(String path) {
    return path.getBytes(StandardCharsets.UTF_8);
  }

  private void remount(Runnable duringRemount, boolean readOnly) throws ErrnoException {
    SuperBlock sb =
        new SuperBlock(9, fs.readOnly()) { // with the root of another, so that it sees the calls
          @Override
          public Inode root() {
            return fs.root();
          }

          @Override
          protected void statfs(Task current, long statfs) {}

          @Override
          public void unmount(Task current) {}

          @Override
          public void remount(Task current, boolean toReadOnly, Options options) {
            duringRemount.run();
          }
        };
    MountTable.Mount mount = new MountTable.Mount(sb, fs.root(), fs.root(), "/");
    namei.mounts().remount(current, mount, readOnly, Options.parse(""));
  }

  private void remount(boolean readOnly) throws ErrnoException {
    remount(() -> {}, readOnly);
  }

  private static void assertErrno(int errno, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void aChangeInProgressKeepsItWritable() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    FileUser.Other change =
        user.start(
            task -> {
              try {
                fs.wantWrite(task);
                started.countDown();
                assertThat(end.await(30, TimeUnit.SECONDS)).isTrue();
                fs.dropWrite();
                return 0;
              } catch (ErrnoException | InterruptedException e) {
                throw new AssertionError(e);
              }
            });
    assertThat(started.await(30, TimeUnit.SECONDS)).isTrue();
    assertErrno(Errno.EBUSY, () -> remount(true));
    end.countDown();
    assertThat(change.result.get(30, TimeUnit.SECONDS)).isZero();
    namei.mkdir(current, null, path("/d"), 0755);
    remount(true);
    assertErrno(Errno.EROFS, () -> namei.mkdir(current, null, path("/e"), 0755));
  }

  @Test
  void writersAreRefusedWhileItBecomesReadOnly() throws ErrnoException {
    namei.open(current, null, path("/f"), Fcntl.O_CREAT | Fcntl.O_WRONLY, 0600).fput(current);
    Runnable tries =
        () -> {
          assertErrno(
              Errno.EROFS, () -> namei.open(current, null, path("/f"), Fcntl.O_WRONLY, 0600));
          assertThat(fs.readOnly()).as("its own writes continue").isFalse();
        };
    remount(tries, true);
    assertThat(fs.readOnly()).isTrue();
    assertThat(files.nrFiles()).isZero();
  }

  @Test
  void aFailedRemountLetsWritersIn() throws ErrnoException {
    Runnable fails =
        () -> {
          throw new IllegalStateException("no remount");
        };
    assertThatThrownBy(() -> remount(fails, true)).hasMessage("no remount");
    namei.mkdir(current, null, path("/d"), 0755);
  }

  @Test
  void aRemovedFileThatIsOpenKeepsItWritable() throws ErrnoException {
    int flags = Fcntl.O_CREAT | Fcntl.O_RDONLY;
    File removed = namei.open(current, null, path("/f"), flags, 0600);
    namei.unlink(current, null, path("/f"));
    assertErrno(Errno.EBUSY, () -> remount(true));
    removed.fput(current);
    File replaced = namei.open(current, null, path("/g"), flags, 0600);
    namei.open(current, null, path("/h"), flags, 0600).fput(current);
    namei.rename(current, null, path("/h"), null, path("/g"), 0);
    assertErrno(Errno.EBUSY, () -> remount(true));
    replaced.fput(current);
    remount(true);
  }

  @Test
  void aFileWithAnotherNameDoesNot() throws ErrnoException {
    File file = namei.open(current, null, path("/f"), Fcntl.O_CREAT | Fcntl.O_RDONLY, 0600);
    namei.link(current, file.inode(), null, path("/g"));
    namei.unlink(current, null, path("/f"));
    remount(true);
    file.fput(current);
  }

  @Test
  void aFrozenFilesystemIsNotRemounted() throws ErrnoException {
    assertThat(fs.freeze(current)).isZero();
    assertErrno(Errno.EBUSY, () -> remount(true));
    assertThat(fs.thaw(current)).isZero();
    remount(true);
  }

  @Test
  void aRemovedDirectoryIsNotCovered() throws ErrnoException {
    namei.mkdir(current, null, path("/d"), 0755);
    Dentry at = namei.lookup(current, null, path("/d"), true);
    namei.rmdir(current, null, path("/d"));
    assertErrno(Errno.ENOENT, () -> namei.mounts().add(current, at, other, other.root()));
    assertThat(namei.mounts().mounts()).isEmpty();
  }

  /** A directory is either removed or covered, however the two calls meet. */
  @Test
  void aRemovalAndAMountExcludeEachOther() throws Exception {
    for (int i = 0; i < 300; i++) {
      namei.mkdir(current, null, path("/d"), 0755);
      Dentry at = namei.lookup(current, null, path("/d"), true);
      FileUser.Other remover =
          user.start(
              task -> {
                try {
                  namei.rmdir(task, null, path("/d"));
                  return 0;
                } catch (ErrnoException e) {
                  return -e.errno();
                }
              });
      MountTable.Mount mount = null;
      try {
        mount = namei.mounts().add(current, at, other, other.root());
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOENT);
      }
      long removed = remover.result.get(30, TimeUnit.SECONDS);
      assertThat(removed).isEqualTo(mount == null ? 0 : -Errno.EBUSY);
      if (mount != null) {
        assertThat(namei.mounts().takeAway(mount)).isTrue();
        namei.rmdir(current, null, path("/d"));
      }
    }
  }
}
