// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tasks that wait for one bio or many. The objects they wait with are reused, and another thread
 * wakes them.
 */
@Timeout(60)
final class WaitForBioTest {
  private static final int BYTES = 1 << 20;
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int THREADS = 3;
  private static final int PAGES = 5; // of each thread, not side by side
  private static final long MEMORY = 2L * PAGES * PAGE;
  private static final int ROUNDS = 2000;

  private final UserProcess process = new UserProcess();

  @Test
  void eachWaitIsForItsOwnAndNoErrorIsLeftFromTheLast() throws InterruptedException {
    NullParameters softirq =
        NullParameters.DEFAULT.withIrqmode(IrqMode.SOFTIRQ, 0).withMemoryBacked(true);
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    try (NullDisk disk = new NullDisk(new RamDisk(BYTES), softirq)) {
      BlockDevice bdev = disk.disk("nullb0", 1, false);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int first = i * PAGE;
        threads.add(Thread.ofPlatform().start(() -> work(bdev, first, failures)));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures).isEmpty();
      assertThat(bdev.queue().busyTags()).isZero();
    }
    process.exit();
  }

  private void work(BlockDevice bdev, int first, List<Throwable> failures) {
    Task task = process.newTask();
    task.enterKernel();
    long memory = HostMemory.map(MEMORY);
    try {
      for (int round = 1; round <= ROUNDS; round++) {
        one(task, bdev, first, memory, round);
        many(task, bdev, first, memory, round);
      }
    } catch (AssertionError e) {
      failures.add(e);
    } finally {
      HostMemory.unmap(memory, MEMORY);
      task.leaveKernel();
    }
  }

  private static long page(long memory, int number) {
    return memory + (long) number * PAGE;
  }

  /** Where a thread has a page on the disk. */
  private static long place(int first, int number) {
    return first + (long) number * THREADS * PAGE;
  }

  private static void one(Task task, BlockDevice bdev, int first, long memory, int round) {
    RawMemory.putLong(memory, round);
    assertThat(bdev.transferAndWait(task, first, memory, PAGE, BlkTypes.REQ_OP_WRITE)).isZero();
    assertThat(bdev.transferAndWait(task, BYTES, memory, PAGE, BlkTypes.REQ_OP_WRITE))
        .isEqualTo(-Errno.EIO);
    RawMemory.putLong(memory, 0);
    assertThat(bdev.transferAndWait(task, first, memory, PAGE, BlkTypes.REQ_OP_READ)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(round);
  }

  /** Two transfers at a time: one is submitted before the other completes. */
  private static void many(Task task, BlockDevice bdev, int first, long memory, int round) {
    BioBatch bad = BioBatch.get(task, bdev, BlkTypes.REQ_OP_READ);
    bad.add(task, BYTES, page(memory, PAGES), PAGE);
    BioBatch writes = BioBatch.get(task, bdev, BlkTypes.REQ_OP_WRITE);
    for (int i = 0; i < PAGES; i++) {
      RawMemory.putLong(page(memory, i), -round - i);
      writes.add(task, place(first, i), page(memory, i), PAGE);
    }
    assertThat(writes.await(task)).isZero();
    assertThat(bad.await(task)).isEqualTo(-Errno.EIO);
    BioBatch reads = BioBatch.get(task, bdev, BlkTypes.REQ_OP_READ);
    for (int i = 0; i < PAGES; i++) {
      reads.add(task, place(first, i), page(memory, PAGES + i), PAGE);
    }
    assertThat(reads.await(task)).isZero();
    for (int i = 0; i < PAGES; i++) {
      assertThat(RawMemory.getLong(page(memory, PAGES + i))).isEqualTo(-round - i);
    }
  }
}
