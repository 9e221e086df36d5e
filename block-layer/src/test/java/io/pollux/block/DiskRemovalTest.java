// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A disk is removed while it is in use: all its I/O ends, and nothing hangs. */
@Timeout(60)
final class DiskRemovalTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int POLLED = READ | BlkTypes.REQ_HIPRI;

  private final HeldDisk disk = new HeldDisk(1 << 20);
  private final BlockDevice bdev =
      disk.disk(
          new TagSet(1, 1, 8, false),
          QueueLimits.of(512).withWriteCache(false, false).withDiscard(512, 8, 8));
  private final BlockRig rig = new BlockRig(bdev);
  private final Task task = rig.task();

  @AfterEach
  void close() {
    rig.close(); // checks that all tags are free
    disk.close();
  }

  private void awaitEnded(int count) throws InterruptedException {
    while (rig.ended().size() < count) {
      Thread.sleep(1); // the timeout bounds the loop
    }
  }

  @Test
  void whatIsInFlightFails() throws InterruptedException {
    rig.submit("a", READ, 0, 8);
    int cookie = rig.submit("b", POLLED, 8, 8);
    assertThat(bdev.isRemoved()).isFalse();
    bdev.remove();
    bdev.remove();
    assertThat(bdev.isRemoved()).isTrue();
    awaitEnded(2);
    assertThat(rig.ended()).containsExactlyInAnyOrder("a -5", "b -5");
    assertThat(bdev.queue().blkPoll(cookie, true)).isZero();
  }

  @Test
  void everythingLaterFailsAtOnce() {
    bdev.remove();
    Plug plug = new Plug();
    plug.start(task);
    rig.submit("plugged", READ, 0, 8);
    plug.finish(task);
    rig.submit("polled", POLLED | BlkTypes.REQ_NOWAIT, 8, 8);
    rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
    rig.submit("empty", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_PREFLUSH, 0);
    assertThat(rig.ended()).containsExactly("plugged -5", "polled -5", "flush -5", "empty -5");
    assertThat(bdev.transferAndWait(task, 0, rig.memory(), 4096, READ)).isEqualTo(-Errno.EIO);
    assertThat(bdev.flushAndWait(task)).isEqualTo(-Errno.EIO);
    assertThat(bdev.discardAndWait(task, 0, 1 << 16)).isEqualTo(-Errno.EIO);
    assertThat(bdev.zeroAndWait(task, 0, 1 << 16, 0)).isEqualTo(-Errno.EIO);
    assertThat(disk.held()).isEmpty();
  }

  @Test
  void aTaskThatWaitsForATagContinues() throws InterruptedException {
    for (int i = 0; i < 8; i++) {
      rig.submit("" + i, READ, i * 8L, 8);
    }
    Thread remover = Thread.ofPlatform().start(bdev::remove);
    assertThat(bdev.transferAndWait(task, 0, rig.memory(), 4096, READ)).isEqualTo(-Errno.EIO);
    remover.join();
    awaitEnded(8);
    assertThat(rig.ended()).allMatch(each -> each.endsWith(" -5"));
  }

  @Test
  void theMemoryIsTheDriversUntilItIsIdle() throws InterruptedException {
    AtomicInteger asked = new AtomicInteger();
    AtomicBoolean idle = new AtomicBoolean();
    List<Request> has = new ArrayList<>();
    BlkMqOps busy =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            has.add(chain);
          }

          @Override
          public int poll(HwCtx hctx) {
            return 0;
          }

          @Override
          public boolean isIdle() {
            asked.getAndIncrement();
            return idle.get();
          }
        };
    BlockDevice other = new BlockDevice("busy0", 1, 1 << 20, false, new RequestQueue(busy, 512, 8));
    rig.use(other);
    rig.submit("a", READ, 0, 8);
    rig.submit("b", READ, 8, 8);
    other.remove();
    while (asked.get() < 5) {
      assertThat(rig.ended()).isEmpty();
      Thread.onSpinWait();
    }
    has.get(0).complete(0);
    idle.set(true);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactly("a 0", "b -5");
    assertThat(other.queue().busyTags()).isZero();
  }

  @Test
  void whatWasHandedBackFailsAtOnce() {
    BlkMqOps full =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            hctx.handBack(chain);
          }

          @Override
          public int poll(HwCtx hctx) {
            return 0;
          }
        };
    rig.use(new BlockDevice("full0", 1, 1 << 20, false, new RequestQueue(full, 512, 8)));
    rig.submit("a", READ, 0, 8);
    rig.submit("b", POLLED, 8, 8);
    assertThat(rig.ended()).isEmpty();
    rig.device().remove();
    assertThat(rig.ended()).containsExactly("a -5", "b -5");
    assertThat(rig.device().queue().busyTags()).isZero();
  }

  /** Tasks read, plugged and polled, while the disk is removed: each read completes once. */
  @Test
  void everyRequestOfManyTasksCompletesOnce() throws InterruptedException {
    disk.letThrough();
    AtomicInteger sent = new AtomicInteger();
    AtomicInteger over = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int opf = i == 0 ? POLLED : READ;
      threads.add(Thread.ofPlatform().start(() -> readUntilItFails(opf, sent, over)));
    }
    while (over.get() < 1_000) {
      Thread.onSpinWait();
    }
    bdev.remove();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(over).hasValue(sent.get());
  }

  private void readUntilItFails(int opf, AtomicInteger sent, AtomicInteger over) {
    Task mine = rig.process().newTask();
    assertThat(mine.enterKernel()).isTrue();
    AtomicInteger failed = new AtomicInteger();
    while (failed.get() == 0) {
      AtomicInteger left = new AtomicInteger(4);
      Plug plug = new Plug();
      plug.start(mine);
      int cookie = BlkTypes.BLK_QC_T_NONE;
      for (int i = 0; i < 4; i++) {
        Bio bio =
            Bio.alloc(
                mine,
                bdev,
                i * 16L,
                opf,
                done -> {
                  failed.getAndAdd(done.status() == 0 ? 0 : 1);
                  done.put();
                  over.getAndIncrement();
                  left.getAndDecrement();
                },
                null);
        bio.addMemory(rig.memory(), 512);
        sent.getAndIncrement();
        int got = bdev.submitBio(mine, bio);
        cookie = got == BlkTypes.BLK_QC_T_NONE ? cookie : got;
      }
      plug.finish(mine);
      while (left.get() > 0) {
        bdev.queue().blkPoll(cookie, true);
      }
    }
    mine.leaveKernel();
    rig.process().releaseTask(mine);
  }
}
