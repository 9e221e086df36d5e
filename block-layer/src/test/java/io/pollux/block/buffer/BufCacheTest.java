// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import static io.pollux.block.buffer.TestBlocks.BLOCK;
import static io.pollux.block.buffer.TestBlocks.LEAF;
import static io.pollux.block.buffer.TestBlocks.LIMIT;
import static io.pollux.block.buffer.TestBlocks.SECTORS;
import static io.pollux.block.buffer.TestBlocks.VALUE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The memory of buffers, write-back, and buffers under load. */
@Timeout(60)
final class BufCacheTest {
  private static final int BLOCKS = 200;

  private final TestBlocks blocks = new TestBlocks(BLOCKS);
  private final BufCache cache = blocks.cache;

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

  @Test
  void unusedBuffersStayWithinTheLimit() throws ErrnoException {
    for (int i = 0; i < BLOCKS; i++) {
      blocks.read(i).release();
      assertThat(cache.bytes()).isEqualTo(Math.min(LIMIT, (i + 1) * BLOCK));
    }
    assertThat(inMemory(BLOCKS - 1)).isTrue();
    assertThat(inMemory(BLOCKS - LIMIT / BLOCK - 1)).isFalse();
  }

  @Test
  void aBlockThatIsUsedAgainOutlivesOnesThatAreNot() throws ErrnoException {
    for (int i = 1; i < BLOCKS; i++) {
      blocks.read(0).release();
      blocks.read(i).release();
    }
    assertThat(blocks.disk.takeDone()).hasSize(BLOCKS); // each once
  }

  @Test
  void heldAndDirtyBuffersStayAndTheLimitHoldsAfterThem() throws ErrnoException {
    List<Buf> held = new ArrayList<>();
    for (int i = 0; i < BLOCKS / 2; i++) {
      held.add(blocks.read(i));
      blocks.dirty(BLOCKS / 2 + i, -i);
    }
    assertThat(cache.bytes()).isEqualTo(BLOCKS * BLOCK);
    assertThat(cache.dirtyBuffers()).isEqualTo(BLOCKS / 2);
    held.forEach(Buf::release);
    assertThat(cache.bytes()).isEqualTo(BLOCKS / 2 * BLOCK);
    assertThat(cache.writeBack(blocks.task)).isZero();
    assertThat(cache.dirtyBuffers()).isZero();
    assertThat(cache.bytes()).isEqualTo(LIMIT);
    for (int i = 0; i < BLOCKS / 2; i++) {
      assertThat(blocks.onDisk(BLOCKS / 2 + i)).isEqualTo(-i);
    }
  }

  @Test
  void aBufferThatIsNotToStayGoesWithItsLastReference() throws ErrnoException {
    Buf buf = blocks.read(0);
    buf.setRef(0);
    buf.hold();
    buf.release();
    assertThat(inMemory(0)).isTrue();
    buf.release();
    assertThat(inMemory(0)).isFalse();
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void writeBackGoesByPlace() throws ErrnoException {
    for (int block : new int[] {9, 3, 6}) {
      blocks.dirty(block, 1);
    }
    blocks.disk.takeDone();
    assertThat(cache.writeBack(blocks.task)).isZero();
    assertThat(blocks.disk.takeDone())
        .map(Held::line)
        .containsExactly(
            "write " + 3 * SECTORS + "+" + SECTORS,
            "write " + 6 * SECTORS + "+" + SECTORS,
            "write " + 9 * SECTORS + "+" + SECTORS);
  }

  @Test
  void invalidationDropsDirtyBuffersOfItsSpaceOnly() throws ErrnoException {
    blocks.dirty(1, 70);
    BufSpace other = cache.newSpace();
    Buf buf = other.read(blocks.task, 2 * BLOCK, BLOCK, LEAF, () -> "block 2");
    buf.lock(blocks.task);
    TestBlocks.change(buf, 71);
    buf.unlock();
    buf.release();
    blocks.space.invalidate();
    assertThat(cache.bytes()).isEqualTo(BLOCK);
    assertThat(cache.writeBack(blocks.task)).isZero();
    assertThat(blocks.onDisk(1)).isEqualTo(1);
    assertThat(blocks.onDisk(2)).isEqualTo(71);
  }

  @Test
  void aBufferThatIsHeldAtTheEndIsAnAssertion() throws ErrnoException {
    try (TestBlocks leaks = new TestBlocks(4)) {
      Buf buf = leaks.read(1);
      assertThatThrownBy(leaks.cache::drop)
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("1 references");
      buf.release();
    }
  }

  @Test
  void aBlockMayBeSmallerThanThoseOfTheDisk() throws ErrnoException {
    BufCache large =
        new BufCache(
            blocks.disk.disk(new TagSet(1, 0, 8, false), QueueLimits.of(4096)),
            LIMIT,
            Errno.EUCLEAN);
    BufData data = large.newSpace().readData(blocks.task, 5 * BLOCK, BLOCK, LEAF, () -> "block 5");
    assertThat(data.i32(VALUE)).isEqualTo(5);
    assertThat(large.readUncached(blocks.task, 6 * BLOCK + 512, 512, "half").size()).isEqualTo(512);
    assertThat(blocks.disk.takeDone()).map(Held::line).containsExactly("read 8+8", "read 8+8");
    large.drop();
  }

  @Test
  void blocksMayBeLargerThanATransfer() throws ErrnoException {
    BufData all = cache.readUncached(blocks.task, 0, BLOCKS * BLOCK, "all");
    for (int i = 0; i < BLOCKS; i++) {
      assertThat(all.i32(i * BLOCK + VALUE)).isEqualTo(i);
    }
    assertThat(cache.bytes()).isZero();
  }

  /**
   * Tasks that add to blocks under their locks, with a cache of a fraction of the blocks: no
   * addition may be lost.
   */
  @Test
  void noChangeIsLostUnderReclaim() throws Exception {
    int threads = 3;
    int rounds = 3000;
    AtomicInteger added = new AtomicInteger();
    List<FutureTask<Void>> running = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      Task task = blocks.newTask();
      Random random = new Random(i);
      FutureTask<Void> thread = new FutureTask<>(() -> add(task, random, rounds, added), null);
      Thread.ofPlatform().daemon().start(thread);
      running.add(thread);
    }
    for (FutureTask<Void> thread : running) {
      thread.get(50, TimeUnit.SECONDS);
    }
    assertThat(cache.writeBack(blocks.task)).isZero();
    int sum = 0;
    for (int i = 0; i < BLOCKS; i++) {
      sum += blocks.onDisk(i);
    }
    assertThat(sum - (BLOCKS - 1) * BLOCKS / 2).isEqualTo(added.get());
    assertThat(cache.bytes()).isLessThanOrEqualTo(LIMIT);
  }

  private void add(Task task, Random random, int rounds, AtomicInteger added) {
    try {
      for (int round = 0; round < rounds; round++) {
        long position = (long) random.nextInt(BLOCKS) * BLOCK;
        Buf buf = blocks.space.read(task, position, BLOCK, LEAF, () -> "at " + position);
        buf.lock(task);
        BufEdit edit = buf.edit();
        edit.put32(VALUE, edit.i32(VALUE) + 1);
        if (random.nextInt(4) != 0) {
          buf.markDirty();
          added.getAndIncrement();
          if (random.nextInt(4) != 0) {
            buf.write(task);
          }
        }
        buf.unlock();
        buf.release();
        if (random.nextInt(100) == 0 && cache.writeBack(task) != 0) {
          throw new AssertionError("write-back");
        }
      }
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }
}
