// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk that fails: the error is reported. Errors of data end when the disk works again; errors of
 * metadata shut the filesystem down, and recovery finds what was promised.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsDiskErrorsTest {
  private static final int BYTES = 100_000;

  private Path directory = Path.of("");
  private Path image = Path.of("");

  @BeforeEach
  void make(@TempDir Path made) throws Exception {
    directory = made;
    image = MkfsImage.make(directory, "-m rmapbt=1", new byte[BYTES]);
  }

  private static void create(WritableTree tree, String path) throws ErrnoException {
    tree.open(path, Fcntl.O_CREAT).fput(tree.tree.current);
  }

  private static void assertFails(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
  }

  @Test
  void aLogThatCannotBeWrittenShutsTheFilesystemDown() throws Exception {
    for (int op : new int[] {BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH}) {
      try (WritableTree tree = new WritableTree(image)) {
        create(tree, "/kept" + op);
        assertThat(tree.mp.sync(tree.tree.current)).isZero();
        create(tree, "/lost" + op);
        tree.disk.failEach(op);
        assertThat(tree.mp.sync(tree.tree.current)).isEqualTo(-Errno.EIO);
        tree.disk.failNone();
        assertFails(() -> create(tree, "/new"));
      }
      LinuxXfs.recover(
          image,
          root -> {
            assertThat(root.resolve("kept" + op)).exists();
            assertThat(root.resolve("new")).doesNotExist();
          });
      LinuxXfs.assertSound(image);
    }
  }

  @Test
  void metadataThatCannotBeWrittenToItsPlaceShutsTheFilesystemDown() throws Exception {
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/new");
      assertThat(tree.mp.sync(tree.tree.current)).isZero();
      tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(tree.mp.trans().pushAll(tree.tree.current)).isEqualTo(-Errno.EIO);
      tree.disk.failNone();
      assertFails(() -> create(tree, "/other"));
      assertFails(() -> tree.mp.remount(tree.tree.current, true, Options.parse("")));
    }
    LinuxXfs.recover(image, root -> assertThat(root.resolve("new")).exists());
    LinuxXfs.assertSound(image);
  }

  /** Nothing of a checkpoint that is not in the log is written to its place. */
  @Test
  void whatTheLogDoesNotTakeIsDropped() throws Exception {
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/lost");
      assertThat(tree.mp.bufs().cache().dirtyBuffers()).isPositive();
      tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(tree.mp.sync(tree.tree.current)).isEqualTo(-Errno.EIO);
      tree.disk.failNone();
      assertThat(tree.mp.bufs().cache().dirtyBuffers()).isZero();
      assertThat(tree.mp.bufs().cache().writeBack(tree.tree.current)).isZero();
    }
    LinuxXfs.recover(image, root -> assertThat(root.resolve("lost")).doesNotExist());
    LinuxXfs.assertSound(image);
  }

  @Test
  void aWriteBackThatFailsIsReportedOnce() throws Exception {
    byte[] expected = new byte[BYTES];
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/file", 0);
      assertThat(tree.write(file, 0, 4096, 1)).isEqualTo(4096);
      tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(file.fsync(tree.tree.current, false)).isEqualTo(-Errno.EIO);
      tree.disk.failNone();
      assertThat(file.fsync(tree.tree.current, false)).as("the second fsync").isZero();
      assertThat(tree.write(file, 0, 8192, 2)).isEqualTo(8192);
      assertThat(tree.write(file, 90_000, 8192, 2)).isEqualTo(8192);
      assertThat(file.fsync(tree.tree.current, false)).isZero();
      file.fput(tree.tree.current);
    }
    Arrays.fill(expected, 0, 8192, (byte) 2);
    Arrays.fill(expected, 90_000, 98_192, (byte) 2);
    assertContents("file", expected);
  }

  private void assertContents(String name, byte[] expected) throws Exception {
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image, root -> assertThat(Files.readAllBytes(root.resolve(name))).isEqualTo(expected));
  }

  /** A file that grew in memory only keeps its length in memory and on the disk consistent. */
  @Test
  void aNewFileWhoseDataIsLostIsSound() throws Exception {
    byte[] expected = new byte[20_000];
    Arrays.fill(expected, (byte) 3);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/new", Fcntl.O_CREAT);
      assertThat(tree.write(file, 0, 20_000, 1)).isEqualTo(20_000);
      tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(file.fsync(tree.tree.current, false)).isEqualTo(-Errno.EIO);
      tree.disk.failNone();
      assertThat(tree.write(file, 0, 20_000, 3)).isEqualTo(20_000);
      assertThat(file.fsync(tree.tree.current, false)).isZero();
      file.fput(tree.tree.current);
    }
    assertContents("new", expected);
  }

  @Test
  void directWritesCutsAndCopiesFailWithoutATrace() throws Exception {
    byte[] expected = new byte[BYTES];
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/file", Fcntl.O_DIRECT);
      File copy = tree.open("/copy", Fcntl.O_CREAT | Fcntl.O_DIRECT);
      assertThat(RemapRange.clone(tree.tree.current, file, 0, copy, 0, 0)).isZero();
      File fresh = tree.open("/fresh", Fcntl.O_CREAT | Fcntl.O_DIRECT);
      tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(tree.write(copy, 0, 8192, 4)).isEqualTo(-Errno.EIO);
      assertThat(tree.write(fresh, 0, 8192, 4)).isEqualTo(-Errno.EIO);
      assertFails(() -> truncate(tree, copy, 5000));
      tree.disk.failNone();
      assertThat(fresh.inode().size()).isZero();
      truncate(tree, copy, 5000);
      assertThat(tree.write(fresh, 0, 8192, 5)).isEqualTo(8192);
      assertThat(fresh.fsync(tree.tree.current, false)).isZero();
      for (File open : new File[] {file, copy, fresh}) {
        open.fput(tree.tree.current);
      }
    }
    assertContents("file", expected);
    assertContents("copy", new byte[5000]);
    byte[] fives = new byte[8192];
    Arrays.fill(fives, (byte) 5);
    assertContents("fresh", fives);
  }

  private static void truncate(WritableTree tree, File file, long size) throws ErrnoException {
    file.inode().iRwsem.downWrite(tree.tree.current);
    try {
      file.inode().setattr(tree.tree.current, Iattr.ofSize(size));
    } finally {
      file.inode().iRwsem.upWrite();
    }
  }

  @Test
  void aReadThatFailsCancelsTheChange() throws Exception {
    try (WritableTree tree = new WritableTree(image)) {
      tree.disk.failEach(BlkTypes.REQ_OP_READ);
      assertFails(() -> create(tree, "/leaf/new"));
      tree.disk.failNone();
      create(tree, "/leaf/new");
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void anUnmountThatFailsLeavesALogForRecovery() throws Exception {
    WritableTree tree = new WritableTree(image);
    create(tree, "/new");
    assertThat(tree.mp.sync(tree.tree.current)).isZero();
    tree.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertFails(tree::close);
    LinuxXfs.recover(image, root -> assertThat(root.resolve("new")).exists());
    LinuxXfs.assertSound(image);
  }
}
