// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a filesystem that writes in place allows, and when the time of a write goes to disk. */
@Timeout(60)
class InPlaceInodeTest {
  private static final byte[] FILE = "file".getBytes(StandardCharsets.UTF_8);
  private static final byte[] DIRECTORY = "directory".getBytes(StandardCharsets.UTF_8);
  private static final byte[] ABSENT = "absent".getBytes(StandardCharsets.UTF_8);
  private static final byte[] DAMAGED = "damaged".getBytes(StandardCharsets.UTF_8);

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final Node inode = new Node(new Fs(false), StatMode.S_IFREG);
  private final Node directory = new Node(new Fs(false), StatMode.S_IFDIR);
  private final Node readOnly = new Node(new Fs(true), StatMode.S_IFDIR);

  @AfterEach
  void close() {
    process.exit();
  }

  /** A filesystem without a root. */
  private static final class Fs extends SuperBlock {
    Fs(boolean readOnly) {
      super(7, readOnly);
    }

    @Override
    public Inode root() {
      throw new UnsupportedOperationException();
    }

    @Override
    protected void statfs(Task current, long statfs) {}

    @Override
    public void unmount(Task current) {}
  }

  /** An inode with marks that the test sets, and three names if it is a directory. */
  private static final class Node extends InPlaceInode {
    boolean immutable;
    boolean appendOnly;
    int dirtied;

    Node(SuperBlock sb, int type) {
      super(sb, 1, type);
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
    protected void timesDirtied() {
      dirtied++;
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      if (name == DAMAGED) {
        throw new ErrnoException(Errno.EUCLEAN);
      }
      if (name == ABSENT) {
        throw new ErrnoException(Errno.ENOENT);
      }
      return new Node(sb(), name == DIRECTORY ? StatMode.S_IFDIR : StatMode.S_IFREG);
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

  private static Kiocb request(int flags) {
    Kiocb iocb = new Kiocb();
    iocb.kiFlags = flags;
    return iocb;
  }

  private static void assertErrno(ThrowingCallable call, int errno) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void aWriteKeepsItsTimeUntilItIsForgotten() {
    assertThat(inode.wasWritten()).isFalse();
    assertThat(inode.writtenMillis()).isEqualTo(Long.MIN_VALUE);
    long before = System.currentTimeMillis();
    inode.fileUpdateTime();
    assertThat(inode.wasWritten()).isTrue();
    assertThat(inode.writtenMillis()).isBetween(before, System.currentTimeMillis());
    inode.forgetWritten();
    assertThat(inode.wasWritten()).as("a dirty time is kept").isTrue();
    assertThat(inode.markClean()).isTrue();
    inode.forgetWritten();
    assertThat(inode.wasWritten()).isFalse();
    assertThat(inode.writtenMillis()).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void theFilesystemIsCalledOnlyWhenTheInodeBecomesDirty() {
    inode.fileUpdateTime();
    inode.fileUpdateTime();
    inode.markDirty();
    assertThat(inode.dirtied).isEqualTo(1);
    assertThat(inode.markClean()).isTrue();
    assertThat(inode.markClean()).as("clean already").isFalse();
    inode.markDirty();
    assertThat(inode.dirtied).isEqualTo(2);
  }

  @Test
  void anImmutableFileIsNotChanged() {
    assertThat(inode.mayChange(request(0))).isZero();
    assertThat(inode.mayWrite(Fcntl.O_WRONLY | Fcntl.O_TRUNC)).isZero();
    inode.immutable = true;
    assertThat(inode.mayChange(request(Kiocb.IOCB_APPEND))).isEqualTo(-Errno.EPERM);
    assertThat(inode.mayWrite(Fcntl.O_WRONLY | Fcntl.O_APPEND)).isEqualTo(-Errno.EPERM);
  }

  @Test
  void anAppendOnlyFileIsAppendedToAndNotTruncated() {
    inode.appendOnly = true;
    assertThat(inode.mayChange(request(0))).isEqualTo(-Errno.EPERM);
    assertThat(inode.mayChange(request(Kiocb.IOCB_APPEND))).isZero();
    assertThat(inode.mayWrite(Fcntl.O_WRONLY)).isEqualTo(-Errno.EPERM);
    assertThat(inode.mayWrite(Fcntl.O_WRONLY | Fcntl.O_APPEND)).isZero();
    assertThat(inode.mayWrite(Fcntl.O_WRONLY | Fcntl.O_APPEND | Fcntl.O_TRUNC))
        .isEqualTo(-Errno.EPERM);
  }

  @Test
  void namesAreNotAddedOrRemoved() {
    assertErrno(() -> directory.create(current, ABSENT, 0600), Errno.EOPNOTSUPP);
    assertErrno(() -> directory.mkdir(current, ABSENT, 0700), Errno.EOPNOTSUPP);
    assertErrno(() -> directory.rmdir(current, DIRECTORY), Errno.EOPNOTSUPP);
    assertErrno(() -> directory.unlink(current, FILE), Errno.EOPNOTSUPP);
    assertErrno(() -> inode.setattr(current, Iattr.ofSize(0)), Errno.EOPNOTSUPP);
  }

  @Test
  void aReadOnlyFilesystemIsErofs() {
    assertErrno(() -> readOnly.create(current, ABSENT, 0600), Errno.EROFS);
    assertErrno(() -> readOnly.mkdir(current, ABSENT, 0700), Errno.EROFS);
    assertErrno(() -> readOnly.rmdir(current, DIRECTORY), Errno.EROFS);
    assertErrno(() -> readOnly.unlink(current, FILE), Errno.EROFS);
    assertErrno(() -> readOnly.setattr(current, Iattr.ofSize(0)), Errno.EROFS);
  }

  @Test
  void anErrorOfTheNameComesBeforeEopnotsupp() {
    assertErrno(() -> directory.mkdir(current, FILE, 0700), Errno.EEXIST);
    assertErrno(() -> directory.mkdir(current, DAMAGED, 0700), Errno.EUCLEAN);
    assertErrno(() -> directory.rmdir(current, FILE), Errno.ENOTDIR);
    assertErrno(() -> directory.rmdir(current, ABSENT), Errno.ENOENT);
    assertErrno(() -> directory.unlink(current, DIRECTORY), Errno.EISDIR);
    assertErrno(() -> directory.unlink(current, ABSENT), Errno.ENOENT);
  }
}
