// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Fcntl;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sync writes the times of inodes. */
@Timeout(60)
class XfsIflushTest {
  private static final long INO = 137;

  private final TestImage image = new TestImage();
  private final HeldDisk disk = image.writable();

  /** The first sync has taken the inode from the set, and the device holds its write. */
  @Test
  void aSyncWaitsForTheWritesOfAnEarlierOne() throws Exception {
    image.rootEntry("file", INO);
    image.inode(INO, 0100644, 2, 0, 0, 0);
    image.sealInode(INO);
    try (MountedTree tree =
        new MountedTree(disk.disk(HeldDisk.TAGS, QueueLimits.of(512), false), "rw")) {
      File file = tree.namei.open(tree.current, null, MountedTree.bytes("/file"), Fcntl.O_RDWR, 0);
      ((XfsInode) file.inode()).writeTime().update();
      disk.holdAgain();
      CompletableFuture<Integer> first = sync(tree, new CountDownLatch(1));
      disk.awaitHeld(1);
      CountDownLatch started = new CountDownLatch(1);
      CompletableFuture<Integer> second = sync(tree, started);
      started.await();
      assertThat(returns(second)).as("the second sync, before the write completes").isFalse();
      assertThat(first).isNotDone();
      disk.letThrough();
      assertThat(first.join()).isZero();
      assertThat(second.join()).isZero();
      file.fput(tree.current);
    }
  }

  /** Returns whether a call returns within 100 milliseconds. */
  private static boolean returns(CompletableFuture<Integer> call) throws InterruptedException {
    for (int i = 0; i < 100 && !call.isDone(); i++) {
      TimeUnit.MILLISECONDS.sleep(1);
    }
    return call.isDone();
  }

  private static CompletableFuture<Integer> sync(MountedTree tree, CountDownLatch started) {
    return OtherTask.call(
        tree.current.process(),
        task -> {
          started.countDown();
          return tree.sb.sync(task);
        });
  }
}
