// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sync writes the times of inodes, on a disk that holds writes or fails them. */
@Timeout(60)
final class Gfs2TimesTest {
  private static final int INODE = TinyImage.FREE;

  private final TinyImage image = new TinyImage();
  private final HeldDisk disk =
      new HeldDisk(RawMemory.segment(image.ram.address(), image.ram.bytes())).letThrough();
  private MountedImage mounted;
  private File file;

  @BeforeEach
  void mount() throws ErrnoException {
    image.dinode(INODE, 0100644, TinyImage.BLOCK, 1, 0);
    image.inodePointer(INODE, 0, INODE + 20);
    image.entry(TinyImage.ROOT, "file", INODE, 8);
    mounted = new MountedImage(disk.disk(), MountedImage.READ_WRITE, LockNolock.INSTANCE);
    file = mounted.open("/file", Fcntl.O_RDWR);
  }

  @AfterEach
  void close() {
    image.close();
  }

  private Gfs2Inode inode() {
    return (Gfs2Inode) file.inode();
  }

  private int fsync(File of) {
    return of.fsync(mounted.current, false);
  }

  private CompletableFuture<Integer> sync(CountDownLatch started) {
    return OtherTask.call(
        mounted.process,
        task -> {
          started.countDown();
          return mounted.sdp.sync(task);
        });
  }

  /** The first sync has taken the inode from the set, and the device holds its write. */
  @Test
  void aSyncWaitsForTheWritesOfAnEarlierOne() throws InterruptedException {
    inode().writeTime().update();
    disk.holdAgain();
    CompletableFuture<Integer> first = sync(new CountDownLatch(1));
    disk.awaitHeld(1);
    CountDownLatch started = new CountDownLatch(1);
    CompletableFuture<Integer> second = sync(started);
    started.await();
    for (int i = 0; i < 100 && !second.isDone(); i++) {
      TimeUnit.MILLISECONDS.sleep(1); // time for a wrong return
    }
    assertThat(second).as("the second sync, before the write completes").isNotDone();
    assertThat(first).isNotDone();
    disk.letThrough();
    assertThat(first.join()).isZero();
    assertThat(second.join()).isZero();
    file.fput();
    mounted.close();
  }

  /** The next sync tries again. */
  @Test
  void anErrorReachesFsyncOncePerOpenFileAndLeavesNoDirtyBlock() throws ErrnoException {
    File other = mounted.open("/file", Fcntl.O_RDWR);
    assertThat(fsync(file)).isZero();
    inode().writeTime().update();
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(mounted.sdp.sync(mounted.current)).isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(mounted.sdp.cache().dirtyBuffers()).isZero();
    for (File each : new File[] {file, other}) {
      assertThat(fsync(each)).isEqualTo(-Errno.EIO);
      assertThat(fsync(each)).isZero();
    }
    assertThat(image.disk.getLong(TinyImage.at(INODE) + 80)).isZero();
    assertThat(mounted.sdp.sync(mounted.current)).isZero();
    assertThat(image.disk.getLong(TinyImage.at(INODE) + 80))
        .isEqualTo(inode().writeTime().millis() / 1000);
    file.fput();
    other.fput();
    mounted.close();
  }
}
