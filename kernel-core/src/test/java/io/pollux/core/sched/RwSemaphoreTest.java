// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RwSemaphoreTest {
  private final RwSemaphore lock = new RwSemaphore();

  @Test
  void manyMayRead() {
    assertThat(lock.isLocked()).isFalse();
    for (int i = 0; i < 1000; i++) {
      assertThat(lock.downReadTrylock()).isTrue();
    }
    for (int i = 0; i < 1000; i++) {
      assertThat(lock.isLocked()).isTrue();
      assertThat(lock.downWriteTrylock()).as("%d readers", 1000 - i).isFalse();
      lock.upRead();
    }
    assertThat(lock.isLocked()).isFalse();
    assertThat(lock.downWriteTrylock()).isTrue();
  }

  @Test
  void oneMayWrite() {
    lock.downWrite(null);
    assertThat(lock.isLocked()).isTrue();
    assertThat(lock.downWriteTrylock()).isFalse();
    assertThat(lock.downReadTrylock()).isFalse();
    lock.upWrite();
    assertThat(lock.isLocked()).isFalse();
    assertThat(lock.downReadTrylock()).isTrue();
  }

  @Test
  void aTaskThatMustNotSleepGetsTheLockAtOnceOrNotAtAll() {
    Task current = new UserProcess().newTask();
    assertThat(lock.downRead(current, true)).isTrue();
    assertThat(lock.downRead(current, true)).isTrue();
    assertThat(lock.downWrite(current, true)).isFalse();
    lock.upRead();
    lock.upRead();
    assertThat(lock.downWrite(current, true)).isTrue();
    assertThat(lock.downRead(current, true)).isFalse();
    lock.upWrite();
    assertThat(lock.downRead(current, false)).isTrue();
    lock.upRead();
    assertThat(lock.downWrite(current, false)).isTrue();
  }

  @Test
  void anotherThreadMayLetGo() {
    lock.downWrite(null);
    CompletableFuture.runAsync(lock::upWrite).join();
    assertThat(lock.isLocked()).isFalse();
    lock.downRead(null);
    CompletableFuture.runAsync(lock::upRead).join();
    assertThat(lock.isLocked()).isFalse();
  }

  @Test
  void aWriterInLineKeepsReadersAwayThatComeLater() throws InterruptedException {
    lock.downRead(null);
    List<String> order = new ArrayList<>(); // under the lock
    Thread writer =
        inLine(
            () -> {
              lock.downWrite(null);
              order.add("writer");
              lock.upWrite();
            });
    assertThat(lock.downReadTrylock()).as("with a writer in line").isFalse();
    Thread reader =
        inLine(
            () -> {
              lock.downRead(null);
              order.add("reader");
              lock.upRead();
            });
    assertThat(order).isEmpty();

    lock.upRead();
    writer.join();
    reader.join();

    assertThat(order).containsExactly("writer", "reader");
    assertThat(lock.isLocked()).isFalse();
    assertThat(lock.downReadTrylock()).as("without waiters").isTrue();
  }

  @Test
  void allReadersInLineReadTogether() throws InterruptedException {
    lock.downWrite(null);
    CountDownLatch together = new CountDownLatch(3);
    List<Thread> readers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      readers.add(
          inLine(
              () -> {
                lock.downRead(null);
                together.countDown();
                awaitAll(together);
                lock.upRead();
              }));
    }

    lock.upWrite();
    for (Thread reader : readers) {
      reader.join();
    }

    assertThat(lock.isLocked()).isFalse();
  }

  @Test
  void aWaiterFlushesItsPlugFirst() throws InterruptedException {
    lock.downWrite(null);
    AtomicInteger flushes = new AtomicInteger();
    Thread reader =
        inLine(
            () -> {
              Task current = new UserProcess().newTask();
              current.setPlug(flushes::incrementAndGet);
              lock.downRead(current);
              current.setPlug(null);
            });
    assertThat(flushes).hasValue(1);
    lock.upWrite();
    reader.join();
  }

  @Test
  void readersAndWritersNeverMeetAndNeitherStarves() throws InterruptedException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    AtomicLong inside = new AtomicLong(); // readers, and 1000 for a writer
    AtomicInteger met = new AtomicInteger();
    AtomicInteger turns = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      threads.add(
          new Thread(
              () -> {
                for (int turn = 0; turn < 20_000; turn++) {
                  turnOf(random, inside, met);
                  turns.incrementAndGet();
                }
              }));
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(met).as("seed %d: who was inside together and must not", seed).hasValue(0);
    assertThat(turns).as("seed %d", seed).hasValue(6 * 20_000);
    assertThat(lock.isLocked()).isFalse();
    assertThat(lock.downWriteTrylock()).isTrue();
  }

  private void turnOf(SplittableRandom random, AtomicLong inside, AtomicInteger met) {
    boolean write = random.nextInt(4) == 0;
    boolean tries = random.nextInt(4) == 0;
    if (write) {
      if (tries ? !lock.downWriteTrylock() : !took(true)) {
        return;
      }
      if (inside.getAndAdd(1000) != 0) {
        met.incrementAndGet();
      }
      spin(random);
      inside.getAndAdd(-1000);
      lock.upWrite();
    } else {
      if (tries ? !lock.downReadTrylock() : !took(false)) {
        return;
      }
      if (inside.getAndAdd(1) >= 1000) {
        met.incrementAndGet();
      }
      spin(random);
      inside.getAndAdd(-1);
      lock.upRead();
    }
  }

  private boolean took(boolean write) {
    if (write) {
      lock.downWrite(null);
    } else {
      lock.downRead(null);
    }
    return true;
  }

  private static void spin(SplittableRandom random) {
    for (int i = random.nextInt(50); i > 0; i--) {
      Thread.onSpinWait();
    }
  }

  /** Runs something in a thread that has to wait, and answers when it does. */
  private static Thread inLine(Runnable body) throws InterruptedException {
    Thread thread = new Thread(body);
    thread.start();
    while (thread.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    return thread;
  }

  private static void awaitAll(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
