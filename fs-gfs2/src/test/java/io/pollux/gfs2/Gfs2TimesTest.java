// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
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
  private final Disk disk = new Disk();
  private MountedImage mounted;
  private File file;

  /** The image's memory as a disk. */
  private final class Disk implements BlkMqOps {
    private final Queue<Request> held = new ConcurrentLinkedQueue<>();
    private volatile boolean holds;
    private volatile boolean fails;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      Request request = chain;
      while (request != null) {
        Request next = request.next();
        if (holds && request.bio().op() == BlkTypes.REQ_OP_WRITE) {
          held.add(request);
        } else {
          request.complete(transfer(request.bio()));
        }
        request = next;
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }

    private void release() {
      holds = false;
      for (Request request = held.poll(); request != null; request = held.poll()) {
        request.complete(transfer(request.bio()));
      }
    }

    private int transfer(Bio bio) {
      if (bio.op() == BlkTypes.REQ_OP_FLUSH) {
        return 0;
      }
      boolean write = bio.op() == BlkTypes.REQ_OP_WRITE;
      if (write && fails) {
        return -Errno.EIO;
      }
      long at = image.ram.address() + (bio.sector() << BlkTypes.SECTOR_SHIFT);
      for (int i = 0; i < bio.vecs(); i++) {
        int length = bio.vecLength(i);
        MemorySegment memory = RawMemory.segment(bio.vecAddress(i), length);
        MemorySegment there = RawMemory.segment(at, length);
        (write ? there : memory).copyFrom(write ? memory : there);
        at += length;
      }
      return 0;
    }
  }

  @BeforeEach
  void mount() throws ErrnoException {
    image.dinode(INODE, 0100644, TinyImage.BLOCK, 1, 0);
    image.inodePointer(INODE, 0, INODE + 20);
    image.entry(TinyImage.ROOT, "file", INODE, 8);
    BlockDevice bdev =
        new BlockDevice("tiny", 0x800, image.ram.bytes(), false, new RequestQueue(disk, 512, 64));
    mounted = new MountedImage(bdev, MountedImage.READ_WRITE, LockNolock.INSTANCE);
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
    return of.op().fsync(mounted.current, of, false);
  }

  private CompletableFuture<Integer> sync(CountDownLatch started) {
    Task task = mounted.process.newTask(); // a task is one thread
    CompletableFuture<Integer> result = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              assertThat(task.enterKernel()).isTrue();
              try {
                started.countDown();
                result.complete(mounted.sdp.sync(task));
              } catch (Throwable e) {
                result.completeExceptionally(e);
              } finally {
                task.leaveKernel();
              }
            });
    return result;
  }

  /** The first sync has taken the inode from the set, and the device holds its write. */
  @Test
  void aSyncWaitsForTheWritesOfAnEarlierOne() throws InterruptedException {
    inode().fileUpdateTime();
    disk.holds = true;
    CompletableFuture<Integer> first = sync(new CountDownLatch(1));
    while (disk.held.isEmpty()) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    CountDownLatch started = new CountDownLatch(1);
    CompletableFuture<Integer> second = sync(started);
    started.await();
    for (int i = 0; i < 100 && !second.isDone(); i++) {
      TimeUnit.MILLISECONDS.sleep(1); // time for a wrong return
    }
    assertThat(second).as("the second sync, before the write completes").isNotDone();
    assertThat(first).isNotDone();
    disk.release();
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
    inode().fileUpdateTime();
    disk.fails = true;
    assertThat(mounted.sdp.sync(mounted.current)).isEqualTo(-Errno.EIO);
    disk.fails = false;
    assertThat(mounted.sdp.cache().dirtyBuffers()).isZero();
    for (File each : new File[] {file, other}) {
      assertThat(fsync(each)).isEqualTo(-Errno.EIO);
      assertThat(fsync(each)).isZero();
    }
    assertThat(image.disk.getLong(TinyImage.at(INODE) + 80)).isZero();
    assertThat(mounted.sdp.sync(mounted.current)).isZero();
    assertThat(image.disk.getLong(TinyImage.at(INODE) + 80))
        .isEqualTo(inode().writtenMillis() / 1000);
    file.fput();
    other.fput();
    mounted.close();
  }
}
