// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.ag.XfsAlloc;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a mount for writing does to the filesystem as a whole. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsWriteTest {
  private static void create(WritableTree tree, String path) throws ErrnoException {
    tree.open(path, Fcntl.O_CREAT).fput(tree.tree.current);
  }

  @Test
  void linuxRecoversACopyOfAChangedFilesystem(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    Path copy = directory.resolve("copy");
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/new");
      assertThat(tree.mp.sync(tree.tree.current)).isZero();
      Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
      LinuxXfs.recover(copy, root -> assertThat(root.resolve("new")).exists());
      LinuxXfs.assertSound(copy);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aRemountToReadOnlyLeavesACleanLog(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/new");
      tree.mp.remount(tree.tree.current, true, Options.parse(""));
      LinuxXfs.assertSound(image);
    }
  }

  @Test
  void aTransactionWaitsForTheOneBefore(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      CompletableFuture<Integer> second;
      try (XfsTrans first = tree.mp.trans().begin(tree.tree.current, 0)) {
        second = OtherTask.call(tree.tree.current.process(), task -> begin(tree, task));
        TimeUnit.MILLISECONDS.sleep(50);
        assertThat(second).as("the second, before the first ends").isNotDone();
        assertThat(first.current()).isSameAs(tree.tree.current);
      }
      assertThat(second.get(30, TimeUnit.SECONDS)).isZero();
    }
  }

  private static int begin(WritableTree tree, Task task) {
    try (XfsTrans tp = tree.mp.trans().begin(task, 0)) {
      assertThat(tp.current()).isSameAs(task);
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Test
  void aBufferedWriteHasItsBlocksBeforeItsWriteBack(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/new", Fcntl.O_CREAT);
      long before = tree.mp.trans().fdblocks();
      assertThat(tree.write(file, 0, 4096, 1)).isEqualTo(4096);
      assertThat(tree.mp.trans().fdblocks()).isLessThan(before);
      assertThat(((XfsInode) file.inode()).core().size()).as("size on the disk").isZero();
      file.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void fsyncOfANewFileAndOfItsDirectoryWriteTheirBuffers(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/new", Fcntl.O_CREAT);
      XfsInode made = (XfsInode) file.inode();
      assertThat(tree.mp.trans().pending(made.lastCommit())).as("new").isTrue();
      assertThat(file.fsync(tree.tree.current, false)).isZero();
      assertThat(tree.mp.trans().pending(made.lastCommit())).as("fsynced").isFalse();
      file.fput(tree.tree.current);
      tree.tree.namei.mkdir(tree.tree.current, null, MountedTree.bytes("/d"), 0755);
      create(tree, "/d/inside");
      File parent =
          tree.tree.namei.open(
              tree.tree.current, null, MountedTree.bytes("/d"), Fcntl.O_DIRECTORY, 0);
      XfsInode dp = (XfsInode) parent.inode();
      assertThat(tree.mp.trans().pending(dp.lastCommit())).as("changed").isTrue();
      assertThat(parent.fsync(tree.tree.current, false)).isZero();
      assertThat(tree.mp.trans().pending(dp.lastCommit())).as("fsynced directory").isFalse();
      parent.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aCopyOfAFrozenDiskIsClean(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    Path copy = directory.resolve("copy");
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/new");
      assertThat(tree.mp.freeze(tree.tree.current)).isZero();
      Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
      LinuxXfs.assertSound(copy);
      assertThat(tree.mp.thaw(tree.tree.current)).isZero();
      create(tree, "/second");
    }
    LinuxXfs.assertSound(image);
  }

  /** Fills the filesystem and empties it, several times: the space comes back to the block. */
  @Test
  void anInsertMovesNoBlocksBehindTheLargestFile(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[8192]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/file", 0);
      Task task = tree.tree.current;
      long far = 1L << 62;
      int keep = Fcntl.FALLOC_FL_KEEP_SIZE;
      assertThat(file.op().fallocate(task, file, keep, far, 4096)).isZero();
      assertThat(file.op().fallocate(task, file, Fcntl.FALLOC_FL_INSERT_RANGE, 4096, far))
          .isEqualTo(-Errno.EINVAL);
      assertThat(file.inode().size()).isEqualTo(8192);
      file.fput(task);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aFileWithManyAttributesGoesInTransactionsOfABoundedSize(@TempDir Path directory)
      throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      Task task = tree.tree.current;
      XfsInode ip = tree.inode("/file");
      ip.iRwsem.downWrite(task);
      try {
        for (int i = 0; i < 700; i++) {
          ip.setxattr(task, "user." + i, new byte[3000], 0);
        }
      } finally {
        ip.iRwsem.upWrite();
      }
      long before = tree.mp.trans().commits();
      tree.tree.namei.unlink(task, null, MountedTree.bytes("/file"));
      assertThat(tree.mp.trans().commits() - before).isBetween(6L, 20L);
    }
    LinuxXfs.assertSound(image);
  }

  /** The split of the extent would be the first to need a block for the tree of extents. */
  @Test
  void anInsertWithoutSpaceLeavesTheSize(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "-i size=512", new byte[8192]);
    try (WritableTree tree = new WritableTree(image)) {
      Task task = tree.tree.current;
      File file = tree.open("/file", Fcntl.O_DIRECT);
      for (int i = 1; i <= 20; i++) {
        assertThat(tree.write(file, (2L * i + 1) * 4096, 4096, i)).isEqualTo(4096);
      }
      assertThat(tree.inode("/file").extents(task).count()).isEqualTo(21);
      long size = file.inode().size();
      List<XfsAlloc.Extent> all = new ArrayList<>();
      try {
        while (true) { // ends: the filesystem is small
          tree.commit(tp -> all.add(tree.mp.alloc().allocate(tp, 100, 1, 1 << 20, XfsOwner.SKIP)));
        }
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
      }
      assertThat(file.op().fallocate(task, file, Fcntl.FALLOC_FL_INSERT_RANGE, 4096, 4096))
          .isEqualTo(-Errno.ENOSPC);
      assertThat(file.inode().size()).isEqualTo(size);
      assertThat(tree.inode("/file").core().size()).isEqualTo(size);
      for (XfsAlloc.Extent each : all) {
        tree.commit(tp -> tree.mp.alloc().free(tp, each.fsb(), each.len(), XfsOwner.SKIP));
      }
      assertThat(file.op().fallocate(task, file, Fcntl.FALLOC_FL_INSERT_RANGE, 4096, 4096))
          .isZero();
      assertThat(file.inode().size()).isEqualTo(size + 4096);
      file.fput(task);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void spaceComesBackToTheBlock(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "-m rmapbt=1", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/first");
      long free = tree.mp.available();
      long all = tree.mp.trans().fdblocks();
      for (int turn = 0; turn < 3; turn++) {
        List<String> made = fill(tree, turn);
        assertThat(tree.mp.available()).as("free blocks when full").isLessThan(64);
        for (String path : made) {
          tree.tree.namei.unlink(tree.tree.current, null, MountedTree.bytes(path));
        }
        assertThat(tree.mp.trans().fdblocks()).as("free blocks of turn " + turn).isEqualTo(all);
        assertThat(tree.mp.available()).as("available blocks").isEqualTo(free);
      }
    }
    LinuxXfs.assertSound(image);
  }

  private static List<String> fill(WritableTree tree, int turn) throws ErrnoException {
    List<String> made = new ArrayList<>();
    int length = 32 << 20;
    while (length >= 4096) { // each turn fills 32 MiB, or halves the length
      String path = "/fill-" + turn + "-" + made.size();
      File file;
      try {
        file = tree.open(path, Fcntl.O_CREAT);
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
        return made;
      }
      made.add(path);
      int result = file.op().fallocate(tree.tree.current, file, 0, 0, length);
      file.fput(tree.tree.current);
      if (result == -Errno.ENOSPC) {
        length >>= 1;
      } else {
        assertThat(result).isZero();
      }
    }
    return made;
  }

  @Test
  void anOpenFileKeepsItsBlocksWithoutAName(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[8192]);
    try (WritableTree tree = new WritableTree(image)) {
      long before = tree.mp.trans().fdblocks();
      File file = tree.open("/file", Fcntl.O_CREAT);
      tree.tree.namei.unlink(tree.tree.current, null, MountedTree.bytes("/file"));
      assertThat(tree.mp.trans().fdblocks()).isEqualTo(before);
      file.inode().iRwsem.downWrite(tree.tree.current);
      file.inode().setattr(tree.tree.current, Iattr.ofSize(4096));
      file.inode().iRwsem.upWrite();
      assertThat(tree.mp.trans().fdblocks()).isEqualTo(before + 1);
      file.fput(tree.tree.current);
      assertThat(tree.mp.trans().fdblocks()).isEqualTo(before + 2);
    }
    LinuxXfs.assertSound(image);
  }

  /** As when a directory or attributes in many blocks shrink until they fit. */
  @Test
  void aForkThatWasATreeKeepsWhatMovedIntoTheInode(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    byte[] target = MountedTree.bytes("0123456789");
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/new", Fcntl.O_CREAT);
      XfsInode ip = (XfsInode) file.inode();
      for (int i = 0; i < 60; i += 2) {
        assertThat(tree.write(file, i * 4096L, 4096, 1)).isEqualTo(4096);
        assertThat(file.fsync(tree.tree.current, false)).isZero();
      }
      try (XfsTrans tp = tree.mp.trans().begin(tree.tree.current, 0)) {
        XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
        assertThat(edit.data().format()).isEqualTo(XfsDinode.FMT_BTREE);
        XfsBmapi.unmapAll(edit.data(), 0, 1 << 20);
        edit.data().setFormat(XfsDinode.FMT_LOCAL);
        edit.put16(XfsDinode.MODE, StatMode.S_IFLNK | 0777);
        edit.setSize(target.length);
        edit.put(edit.data().start(), target);
        edit.prepare(tp);
        assertThat(edit.bytes(edit.data().start(), target.length)).isEqualTo(target);
      }
      file.fput(tree.tree.current);
    }
  }
}
