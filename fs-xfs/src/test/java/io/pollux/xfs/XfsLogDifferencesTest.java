// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.uapi.Fcntl;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where the log of this kernel differs from that of Linux. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsLogDifferencesTest {
  private static void create(WritableTree tree, String path) throws ErrnoException {
    tree.open(path, Fcntl.O_CREAT).fput(tree.tree.current);
  }

  /** Syncs, and returns what was written, a char for each byte. */
  private static String sync(WritableTree tree) {
    tree.disk.takeDone();
    assertThat(tree.mp.sync(tree.tree.current)).isZero();
    StringBuilder written = new StringBuilder();
    for (Held each : tree.disk.takeDone()) {
      if (each.op() == BlkTypes.REQ_OP_WRITE) {
        long at = each.sector() << BlkTypes.SECTOR_SHIFT;
        long bytes = (long) each.sectors() << BlkTypes.SECTOR_SHIFT;
        byte[] range = tree.disk.contents().asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
        written.append(new String(range, StandardCharsets.ISO_8859_1));
      }
    }
    return written.toString();
  }

  /** The names lie in one block of the directory, and "middle" in a chunk without another. */
  @Test
  void aCheckpointHasOnlyWhatChangedSinceTheOneBefore(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      tree.tree.namei.mkdir(tree.tree.current, null, MountedTree.bytes("/d"), 0755);
      create(tree, "/d/" + "a".repeat(200));
      create(tree, "/d/middle" + "m".repeat(190));
      assertThat(sync(tree).contains("middle")).as("the first checkpoint has it").isTrue();
      create(tree, "/d/third");
      String second = sync(tree);
      assertThat(second.contains("third")).as("the second has the change").isTrue();
      assertThat(second.contains("middle")).as("and what was there before").isFalse();
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aRecordIsWrittenAfterTheOneBefore(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      for (int i = 0; i < 256; i++) { // new inodes, whose blocks are logged as a whole
        create(tree, "/new" + i);
      }
      tree.disk.takeDone();
      tree.disk.holdAgain();
      CompletableFuture<Integer> sync =
          OtherTask.call(tree.tree.current.process(), task -> tree.mp.sync(task));
      while (!sync.isDone()) { // ends: the sync has a bounded number of requests
        if (tree.disk.held().isEmpty()) {
          TimeUnit.MILLISECONDS.sleep(1);
        } else {
          TimeUnit.MILLISECONDS.sleep(20); // others would arrive
          assertThat(tree.disk.held()).hasSize(1);
          tree.disk.release(0);
        }
      }
      tree.disk.letThrough();
      assertThat(sync.get()).isZero();
      long writes =
          tree.disk.takeDone().stream().filter(each -> each.op() == BlkTypes.REQ_OP_WRITE).count();
      assertThat(writes).as("records").isGreaterThanOrEqualTo(3);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void dataInFreedBlocksWaitsForTheLog(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      Task task = tree.tree.current;
      File file = tree.open("/new", Fcntl.O_CREAT);
      assertThat(tree.write(file, 0, 65_536, 1)).isEqualTo(65_536);
      assertThat(file.fsync(task, false)).isZero();
      long old = tree.inode("/new").extents(task).startBlock(0);
      file.inode().iRwsem.downWrite(task);
      file.inode().setattr(task, Iattr.ofSize(0));
      file.inode().iRwsem.upWrite();
      long freed = tree.mp.trans().commits();
      tree.commit(tp -> tp.usesData(old + 1000, 1));
      assertThat(tree.mp.trans().pending(freed)).as("after other blocks").isTrue();
      tree.commit(tp -> tp.usesData(old, 1));
      assertThat(tree.mp.trans().pending(freed)).as("after the freed blocks").isFalse();
      file.fput(task);
    }
    LinuxXfs.assertSound(image);
  }
}
