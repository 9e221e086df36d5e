// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Synchronous requests with IOCB_HIPRI: they poll where the queue can be polled, and sleep where it
 * can't.
 */
@Patch({4, 5})
@Timeout(60)
class IomapDioPollTest {
  private static final int BLOCK = 1024;
  private static final int DISK_BYTES = 64 << 10;

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(DISK_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final FileTable files = new FileTable();

  @AfterEach
  void close() {
    process.exit();
  }

  private static BlockDevice device(HeldDisk disk, int pollQueues) {
    return disk.disk(new TagSet(1, pollQueues, 64, false), QueueLimits.of(512));
  }

  private long read(Task task, BlockDevice bdev) {
    ExtentFile inode = new ExtentFile(bdev, DISK_BYTES).mapBlocks(BLOCK, block -> block * BLOCK);
    Kiocb iocb = new Kiocb();
    iocb.init(new File(files, inode, null, Fcntl.O_RDONLY | Fcntl.O_DIRECT), null);
    iocb.kiFlags |= Kiocb.IOCB_HIPRI;
    iocb.kiPos = 0;
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), true, memory, HostMemory.PAGE_SIZE)).isZero();
    return IomapDio.rw(task, inode, iocb, iter, inode, null);
  }

  /** On another thread, so that a read that never returns fails the test. */
  private Thread start(Runnable call) {
    Thread thread =
        new Thread(
            () -> {
              current.enterKernel();
              call.run();
              current.leaveKernel();
            });
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  @Test
  void aReadOnAQueueThatCannotBePolledSleeps()
      throws InterruptedException, ExecutionException, TimeoutException {
    HeldDisk disk = new HeldDisk(DISK_BYTES);
    BlockDevice bdev = device(disk, 0);
    CompletableFuture<Long> result = new CompletableFuture<>();
    Thread thread = start(() -> result.complete(read(current, bdev)));
    disk.awaitHeld(4); // a bio for each block, since each is an extent of its own
    while (thread.getState() != Thread.State.WAITING) { // a sleep without a limit
      Thread.sleep(1);
    }
    assertThat(disk.polls()).isZero();
    disk.letThrough();
    assertThat(result.get(30, TimeUnit.SECONDS)).isEqualTo(HostMemory.PAGE_SIZE);
    thread.join();
    disk.close();
  }

  @Test
  void aReadOnAPolledQueuePolls() {
    HeldDisk disk = new HeldDisk(DISK_BYTES).letThrough();
    current.enterKernel();
    assertThat(read(current, device(disk, 1))).isEqualTo(HostMemory.PAGE_SIZE);
    current.leaveKernel();
    assertThat(disk.polls()).isPositive();
    disk.close();
  }

  @Test
  void aReadInsideAPlugIsNotHeldBackByIt()
      throws InterruptedException, ExecutionException, TimeoutException {
    HeldDisk disk = new HeldDisk(DISK_BYTES).letThrough();
    Plug plug = new Plug();
    CompletableFuture<Long> result = new CompletableFuture<>();
    Thread thread =
        start(
            () -> {
              plug.start(current);
              result.complete(read(current, device(disk, 1)));
              plug.finish(current);
            });
    assertThat(result.get(30, TimeUnit.SECONDS)).isEqualTo(HostMemory.PAGE_SIZE);
    thread.join();
    disk.close();
  }
}
