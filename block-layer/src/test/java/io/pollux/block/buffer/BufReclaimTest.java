// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import static io.pollux.block.buffer.TestBlocks.BLOCK;
import static io.pollux.block.buffer.TestBlocks.LEAF;
import static io.pollux.block.buffer.TestBlocks.LIMIT;
import static io.pollux.block.buffer.TestBlocks.NODE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Plug;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which buffers stay in memory, the memory of transfers, and the locks of a cache. */
@Timeout(60)
final class BufReclaimTest {
  private static final int BLOCKS = 512;
  private static final int ROOM = LIMIT / BLOCK; // buffers

  private final TestBlocks blocks = new TestBlocks(BLOCKS);
  private final BufCache cache = blocks.cache;
  private final Task task = blocks.task;

  @AfterEach
  void end() {
    blocks.close();
  }

  private boolean inMemory(int block) {
    Buf buf = blocks.space.find((long) block * BLOCK, BLOCK);
    if (buf != null) {
      buf.release();
    }
    return buf != null;
  }

  private void fill(int first) throws ErrnoException {
    for (int i = 0; i < ROOM; i++) {
      blocks.read(first + i).release();
    }
  }

  private BufData readData(int block) throws ErrnoException {
    return blocks.space.readData(task, (long) block * BLOCK, BLOCK, LEAF, () -> "block " + block);
  }

  @Test
  void aReadDropsTheOldestWhileItHoldsTheNewest() throws ErrnoException {
    fill(0);
    assertThat(cache.bytes()).isEqualTo(LIMIT);
    Buf buf = blocks.read(ROOM);
    assertThat(cache.bytes()).isEqualTo(LIMIT);
    assertThat(inMemory(0)).isFalse();
    assertThat(inMemory(1)).isTrue();
    buf.release();
  }

  /** A buffer that was used again survives one round of reclaim for each step of setRef. */
  @Test
  void aUsedBufferSurvivesItsRoundsAndNoMore() throws ErrnoException {
    for (int rounds = 1; rounds <= 3; rounds++) {
      int first = rounds * 4 * ROOM;
      Buf buf = blocks.read(first);
      buf.setRef(rounds);
      buf.release();
      readData(first); // a use
      for (int round = 1; round <= rounds; round++) {
        fill(first + round * ROOM);
        assertThat(blocks.space.find((long) first * BLOCK, BLOCK))
            .as("round %d", round)
            .isNotNull();
        buf.release();
      }
      fill(first + (rounds + 1) * ROOM);
      assertThat(blocks.space.find((long) first * BLOCK, BLOCK)).as("after them").isNull();
      fill(first);
      assertThat(cache.bytes()).isEqualTo(LIMIT);
    }
  }

  @Test
  void aBufferThatReclaimSkipsIsDroppedLater() throws ErrnoException {
    Buf held = blocks.read(0);
    fill(1);
    held.release();
    assertThat(cache.bytes()).isEqualTo(LIMIT);
    fill(100);
    fill(200);
    assertThat(inMemory(0)).isFalse();
    assertThat(cache.bytes()).isEqualTo(LIMIT);
  }

  @Test
  void aCreatedBlockCountsOnceItIsPublished() throws ErrnoException {
    Buf buf = blocks.get(3);
    buf.lock(task);
    buf.create(NODE, "block 3").put32(0, 0x4e4f4445);
    assertThat(cache.bytes()).isZero();
    buf.markDirty();
    assertThat(cache.bytes()).isEqualTo(BLOCK);
    buf.clean();
    buf.unlock();
    buf.release();
  }

  /** Checks that neither the space nor the cache refers to a dropped buffer. */
  private static void assertGone(WeakReference<Buf> dropped) throws InterruptedException {
    for (int i = 0; i < 50 && dropped.get() != null; i++) {
      System.gc();
      Thread.sleep(10);
    }
    assertThat(dropped.get()).as("a buffer that was dropped").isNull();
  }

  private WeakReference<Buf> unused(int block, int rounds) throws ErrnoException {
    Buf buf = blocks.read(block);
    buf.setRef(rounds);
    buf.release();
    return new WeakReference<>(buf);
  }

  @Test
  void aDroppedBufferLeavesItsSpace() throws Exception {
    WeakReference<Buf> reclaimed = unused(0, 1);
    fill(1);
    assertGone(reclaimed);
    assertGone(unused(0, 0));
    WeakReference<Buf> last = unused(100, 1);
    cache.drop();
    assertGone(last);
  }

  @Test
  void aDeadBufferIsReplaced() throws ErrnoException {
    Buf dead = blocks.read(1);
    dead.release();
    assertThat(dead.tryKill()).isTrue();
    assertThat(blocks.space.find(BLOCK, BLOCK)).isNull();
    Buf fresh = blocks.read(1);
    assertThat(fresh).isNotSameAs(dead);
    assertThat(blocks.space.find(BLOCK, BLOCK)).isSameAs(fresh);
    fresh.release();
    fresh.release();
    cache.uncount(dead);
  }

  @Test
  void aCacheKnowsItsDeviceAndASpaceItsCache() {
    assertThat(cache.bdev()).isSameAs(blocks.bdev);
    assertThat(blocks.space.cache()).isSameAs(cache);
  }

  /** A driver that records the memory of each request. */
  private final class Addresses implements BlkMqOps {
    private final List<Long> seen = new ArrayList<>();

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      seen.add(chain.bio().vecAddress(0));
      blocks.disk.queueRqs(hctx, chain);
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  @Test
  void transfersOfATaskUseTheSameMemory() throws ErrnoException {
    Addresses addresses = new Addresses();
    RequestQueue queue =
        new RequestQueue(addresses, new TagSet(1, 0, 8, false), QueueLimits.of(512));
    BlockDevice bdev = new BlockDevice("noted", 1, BLOCKS * BLOCK, false, queue);
    BufCache noted = new BufCache(bdev, LIMIT, Errno.EUCLEAN);
    BufSpace space = noted.newSpace();
    for (int i = 0; i < 8; i++) {
      Buf buf = space.read(task, (long) i * BLOCK, BLOCK, LEAF, () -> "it");
      buf.lock(task);
      buf.write(task);
      buf.unlock();
      buf.release();
    }
    assertThat(addresses.seen).hasSize(16).containsOnly(addresses.seen.getFirst());
    noted.drop();
  }

  /** A transfer has at most 64 KiB, even if it begins inside a block of the disk. */
  @Test
  void aLargeBlockIsTransferredInSteps() throws ErrnoException {
    int bytes = 150 * 1024;
    BufCache large =
        new BufCache(
            blocks.disk.disk(new TagSet(1, 0, 8, false), QueueLimits.of(4096)),
            LIMIT,
            Errno.EUCLEAN);
    BufData read = large.readUncached(task, 3 * BLOCK, bytes, "it");
    for (int i = 0; i < bytes / BLOCK; i++) {
      assertThat(read.i32(i * BLOCK + 8)).isEqualTo(3 + i);
    }
    assertThat(blocks.disk.takeDone()).hasSize(3).allMatch(each -> each.sectors() <= 128);
    large.drop();

    Buf buf = blocks.space.get(2 * BLOCK, bytes, () -> "it");
    buf.lock(task);
    BufEdit edit = buf.create(NODE, "it");
    edit.put32(0, 0x4e4f4445);
    for (int at = 8; at < bytes; at += 512) {
      edit.put32(at, at);
    }
    buf.markDirty();
    buf.write(task);
    buf.unlock();
    buf.release();
    assertThat(blocks.disk.takeDone())
        .map(Held::line)
        .containsExactly("write 4+128", "write 132+128", "write 260+44");
    BufData back = cache.readUncached(task, 2 * BLOCK, bytes, "it");
    for (int at = 8; at < bytes; at += 512) {
      assertThat(back.i32(at)).isEqualTo(at);
    }
  }

  /** The plug may hold requests that must complete before the log unpins the buffer. */
  @Test
  void aWriterOfAPinnedBufferFlushesItsPlugBeforeItSleeps() throws Exception {
    blocks.dirty(2, 77);
    Buf buf = blocks.get(2);
    buf.pin();
    List<Boolean> pinnedAtFlush = new ArrayList<>();
    Task other = blocks.newTask();
    FutureTask<Boolean> writes =
        new FutureTask<>(
            () -> {
              Plug plug = new Plug();
              plug.start(other);
              plug.setCallback(() -> pinnedAtFlush.add(buf.pinned()));
              buf.lock(other);
              buf.write(other);
              buf.unlock();
              plug.finish(other);
              return true;
            });
    Thread thread = Thread.ofPlatform().daemon().start(writes);
    while (thread.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    buf.unpin();
    assertThat(writes.get(30, TimeUnit.SECONDS)).isTrue();
    assertThat(pinnedAtFlush).first().isEqualTo(true);
    buf.release();
  }

  /** Checks that a call fails if its thread holds a lock of a later class. */
  private static void assertOrdered(String lock, ThrowingCallable call) {
    Object later = new Object();
    LockOrder.tried(LockClass.WAIT_QUEUE, later);
    try {
      assertThatThrownBy(call).isInstanceOf(AssertionError.class).hasMessageContaining(lock);
    } finally {
      LockOrder.releaseFromAny(LockClass.WAIT_QUEUE, later);
    }
  }

  @Test
  void theLocksOfCachesAndSpacesHaveAnOrder() throws ErrnoException {
    Assumptions.assumeTrue(Debug.ON);
    String ofCache = "waits for " + LockClass.BUF_CACHE;
    String ofSpace = "waits for " + LockClass.BUF_SPACE;
    TestBlocks wrong = new TestBlocks(8); // not closed: its counts are wrong after this
    Buf there = wrong.read(1);
    Buf dirty = wrong.read(2);
    dirty.lock(task);
    assertOrdered(ofCache, () -> TestBlocks.change(dirty, 5));
    dirty.unlock();
    assertOrdered(ofSpace, () -> wrong.get(5));
    assertOrdered(ofSpace, () -> wrong.space.find(6 * BLOCK, BLOCK));
    assertOrdered(ofSpace, () -> wrong.space.remove(there));
    assertOrdered(ofSpace, () -> wrong.space.invalidate());
    there.setRef(0);
    assertOrdered(ofCache, there::release);
    assertOrdered(ofCache, () -> wrong.cache.uncount(there));
    assertOrdered(ofCache, () -> wrong.cache.drop());
  }
}
