// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WorkQueueTest {
  private static final String NAME = "work-queue-test";

  private final UserProcess process = new UserProcess();

  @Test
  void oneWorkerDoesWorksInTheirOrder() {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    List<Integer> done = new ArrayList<>(); // one thread adds, and flush is behind it
    for (int i = 0; i < 1000; i++) {
      int number = i;
      queue.queue(current -> done.add(number));
    }

    queue.flush();

    assertThat(done).hasSize(1000).isSorted();
  }

  @Test
  void aWorkRunsOnAThreadWhoseTaskItIsGiven() {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    List<Boolean> own = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    queue.queue(
        current -> {
          own.add(current.isCurrentThread() && current.process() == process);
          threads.add(Thread.currentThread());
        });

    queue.flush();

    assertThat(own).containsExactly(true);
    assertThat(threads.getFirst().getName()).isEqualTo(NAME);
    assertThat(threads.getFirst()).isNotSameAs(Thread.currentThread());
  }

  @Test
  void atMostSoManyRunAtATimeAndThatMany() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 3);
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch three = new CountDownLatch(3);
    CountDownLatch go = new CountDownLatch(1);
    for (int i = 0; i < 10; i++) {
      queue.queue(
          current -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            three.countDown();
            await(go);
            running.decrementAndGet();
          });
    }

    assertThat(three.await(30, TimeUnit.SECONDS)).as("three at a time").isTrue();
    go.countDown();
    queue.flush();

    assertThat(most).hasValue(3);
    assertThat(running).hasValue(0);
  }

  @Test
  void aWorkThatBlocksDoesNotHoldUpTheNextOne() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 2);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch second = new CountDownLatch(1);
    queue.queue(current -> await(go));
    queue.queue(current -> second.countDown());

    assertThat(second.await(30, TimeUnit.SECONDS)).isTrue();
    go.countDown();
    queue.flush();
  }

  @Test
  void noWorkIsLostWhenManyQueueAndWorkersFallAsleepBetween() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 3);
    AtomicInteger done = new AtomicInteger();
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Thread caller =
          new Thread(
              () -> {
                for (int n = 1; n <= 5000; n++) {
                  queue.queue(current -> done.incrementAndGet());
                  if (n % 100 == 0) {
                    queue.flush(); // all asleep, or about to be
                  }
                }
              });
      callers.add(caller);
      caller.start();
    }
    for (Thread caller : callers) {
      caller.join();
    }

    queue.flush();

    assertThat(done).hasValue(20_000);
  }

  @Test
  void aWorkMayQueueAnother() {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    AtomicInteger done = new AtomicInteger();
    queue.queue(current -> queue.queue(another -> done.incrementAndGet()));

    queue.flush();

    assertThat(done).hasValue(1);
  }

  @Test
  void threadsGoWhenThereIsNothingToDoAndComeBack() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    List<Thread> threads = new ArrayList<>();
    queue.queue(current -> threads.add(Thread.currentThread()));
    queue.flush();

    threads.getFirst().join(30_000);
    assertThat(threads.getFirst().isAlive()).isFalse();

    queue.queue(current -> threads.add(Thread.currentThread()));
    queue.flush();
    assertThat(threads).hasSize(2).doesNotHaveDuplicates();
  }

  /**
   * A thread that is interrupted goes as soon as it finds nothing to do, as one does whose time is
   * up.
   */
  @Test
  void noWorkIsLostThatComesWhileTheLastThreadGoes() {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 20_000; i++) {
      CountDownLatch done = new CountDownLatch(1);
      AtomicReference<Thread> worker = new AtomicReference<>();
      queue.queue(
          current -> {
            worker.set(Thread.currentThread());
            done.countDown();
          });
      await(done);
      worker.get().interrupt();
      // the next comes before, while or after it goes
      for (int spins = random.nextInt(1000); spins > 0; spins--) {
        Thread.onSpinWait();
      }
    }
  }

  /** A work that tells its thread and then holds it. */
  private static final class Held implements WorkQueue.Work {
    final CountDownLatch begun = new CountDownLatch(1);
    final CountDownLatch go = new CountDownLatch(1);
    volatile Thread thread = Thread.currentThread();

    @Override
    public void run(Task current) {
      thread = Thread.currentThread();
      begun.countDown();
      await(go);
    }

    /** Lets it end, and waits until the thread sleeps. */
    void end(WorkQueue queue) throws InterruptedException {
      go.countDown();
      while (thread.isAlive() && LockSupport.getBlocker(thread) != queue) {
        Thread.sleep(1);
      }
    }
  }

  private static Held[] hold(WorkQueue queue, int count) {
    Held[] held = new Held[count];
    for (int i = 0; i < count; i++) {
      held[i] = new Held();
      queue.queue(held[i]);
    }
    for (Held each : held) {
      await(each.begun);
    }
    return held;
  }

  @Test
  void flushWaitsForAWorkerThatWasWoken() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    hold(queue, 1)[0].end(queue);
    Held second = hold(queue, 1)[0];
    Thread flusher = Thread.ofPlatform().start(queue::flush);
    while (flusher.isAlive() && flusher.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }

    assertThat(flusher.isAlive()).as("the work is not done").isTrue();
    second.end(queue);
    flusher.join(30_000);
    assertThat(flusher.isAlive()).isFalse();
  }

  @Test
  void theFirstWorkerToSleepIsNotWokenFirst() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 2);
    Held[] held = hold(queue, 2);
    held[0].end(queue);
    held[1].end(queue);

    Held third = hold(queue, 1)[0];

    assertThat(third.thread).isNotSameAs(held[0].thread);
    third.end(queue);
  }

  @Test
  void aThreadThatGoesFromBelowOthersIsNotWokenAnyMore() throws InterruptedException {
    WorkQueue queue = new WorkQueue(process, NAME, 3);
    Held[] held = hold(queue, 3);
    for (Held each : held) {
      each.end(queue);
    }
    held[1].thread.interrupt(); // the one in the middle
    held[1].thread.join();

    for (Held each : hold(queue, 3)) { // all at the same time
      each.end(queue);
    }
    queue.flush();
  }

  @Test
  void worksBehindOneThatFailsAreDone() {
    List<String> told = new CopyOnWriteArrayList<>();
    Oops.setSink((sentence, thrown) -> told.add(sentence));
    WorkQueue queue = new WorkQueue(process, NAME, 1);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(1);
    queue.queue(
        current -> {
          await(go);
          throw new AssertionError("a work that fails");
        });
    queue.queue(current -> done.countDown());
    go.countDown();

    await(done);
    queue.flush();
    assertThat(told)
        .containsExactly(
            "kernel oops in a work of work-queue-test: java.lang.AssertionError: a work that fails;"
                + " the thread goes on with the next work");
  }

  @AfterEach
  void reportsGoToTheStandardErrorAgain() {
    Oops.setSink(null);
  }

  /** A read of an empty pipe, as a work that waits without an end. */
  private static WorkQueue.Work waits(
      WaitQueue forNothing, CountDownLatch begun, List<Integer> results) {
    return current -> {
      begun.countDown();
      results.add(forNothing.waitEvent(current, () -> false, WaitQueue.FOREVER));
    };
  }

  @Test
  void worksOfAKilledQueueAreInterruptedWhetherTheyWaitAlreadyOrNot() {
    WorkQueue queue = new WorkQueue(process, NAME, 2);
    WorkQueue other = new WorkQueue(process, NAME, 1);
    WaitQueue nothing = new WaitQueue();
    WaitQueue something = new WaitQueue();
    AtomicInteger there = new AtomicInteger();
    List<Integer> results = new CopyOnWriteArrayList<>();
    List<Integer> others = new CopyOnWriteArrayList<>();
    CountDownLatch begun = new CountDownLatch(2);
    for (int i = 0; i < 10; i++) {
      queue.queue(waits(nothing, begun, results)); // two at a time
    }
    other.queue(
        current ->
            others.add(something.waitEvent(current, () -> there.get() != 0, WaitQueue.FOREVER)));
    await(begun);

    queue.kill();
    queue.flush();
    // after the kill, by a thread that slept or a new one
    queue.queue(waits(nothing, begun, results));
    queue.flush();

    assertThat(results).hasSize(11).containsOnly(-Errno.EINTR);
    assertThat(others).as("works of another queue").isEmpty();
    there.set(1);
    something.wakeUp();
    other.flush();
    assertThat(others).containsExactly(0);
  }

  @Test
  void theWorksOfAKilledQueueNeedNoThreadToEnd() {
    NoThreads threads = new NoThreads();
    threads.none = true;
    WaitQueue nothing = new WaitQueue();
    List<Integer> results = new CopyOnWriteArrayList<>();
    CountDownLatch begun = new CountDownLatch(1);
    WorkQueue first = new WorkQueue(process, 1, threads);
    first.queue(waits(nothing, begun, results));
    await(begun); // the rescuer waits in it, and serves no other queue

    WorkQueue queue = new WorkQueue(process, 1, threads);
    for (int i = 0; i < 5; i++) {
      queue.queue(waits(nothing, begun, results));
    }
    queue.kill();
    queue.drain();
    assertThat(results).hasSize(5).containsOnly(-Errno.EINTR);

    first.kill();
    first.flush();
    queue.flush();
    assertThat(results).hasSize(6).containsOnly(-Errno.EINTR);
  }

  /** The kill arrives at any time between the check for signals and the sleep. */
  @Test
  void aKillIsNeverMissed() {
    WaitQueue nothing = new WaitQueue();
    List<Integer> results = new CopyOnWriteArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      WorkQueue queue = new WorkQueue(process, NAME, 1);
      CountDownLatch begun = new CountDownLatch(1);
      queue.queue(waits(nothing, begun, results));
      if (i % 2 == 0) {
        await(begun);
      }
      queue.kill();
      queue.flush();
    }
    assertThat(results).hasSize(2_000).containsOnly(-Errno.EINTR);
  }

  /**
   * Threads with more stack than any machine has address space for can't be started, while these
   * are asked for.
   */
  private static final class NoThreads implements ThreadFactory {
    private static final long TOO_MUCH = 1L << 50;

    volatile boolean none;

    @Override
    public Thread newThread(Runnable loop) {
      Thread thread = new Thread(null, loop, NAME, none ? TOO_MUCH : 0);
      thread.setDaemon(true);
      return thread;
    }
  }

  @Test
  void withoutAThreadTheRescuerDoesTheWorks() {
    NoThreads threads = new NoThreads();
    threads.none = true;
    WorkQueue queue = new WorkQueue(process, 2, threads);
    List<String> names = new ArrayList<>(); // one thread adds, and flush is behind it
    for (int i = 0; i < 100; i++) {
      queue.queue(
          current -> {
            assertThat(current.isCurrentThread()).isTrue();
            names.add(Thread.currentThread().getName());
          });
      if (i % 10 == 0) {
        queue.flush();
      }
    }
    queue.flush();
    assertThat(names).hasSize(100).containsOnly("work-rescuer");

    threads.none = false;
    queue.queue(current -> names.add(Thread.currentThread().getName()));
    queue.flush();
    assertThat(names).endsWith(NAME);
  }

  @Test
  void withoutAnotherThreadTheOnesThatThereAreDoTheWorks() {
    NoThreads threads = new NoThreads();
    WorkQueue queue = new WorkQueue(process, 3, threads);
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    List<String> names = new ArrayList<>();
    queue.queue(
        current -> {
          begun.countDown();
          await(go);
        });
    await(begun);
    threads.none = true;
    for (int i = 0; i < 5; i++) {
      queue.queue(current -> names.add(Thread.currentThread().getName()));
    }
    go.countDown();
    queue.flush();
    assertThat(names).hasSize(5).containsOnly(NAME);
  }

  @Test
  void aWorkThatFailsOnTheRescuerDoesNotEndIt() {
    NoThreads threads = new NoThreads();
    threads.none = true;
    WorkQueue first = new WorkQueue(process, 1, threads);
    WorkQueue second = new WorkQueue(process, 1, threads);
    List<String> told = new CopyOnWriteArrayList<>();
    Oops.setSink((sentence, thrown) -> told.add(sentence));
    first.queue(
        current -> {
          throw new IllegalStateException("a work that fails");
        });
    first.flush();
    AtomicInteger done = new AtomicInteger();
    second.queue(current -> done.incrementAndGet());
    second.flush();
    assertThat(done).hasValue(1);
    assertThat(told).hasSize(1);
  }

  @Test
  void noWorkIsLostWhenThreadsComeAndGo() throws InterruptedException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("WorkQueueTest: -Dpollux.seed=" + seed);
    NoThreads threads = new NoThreads();
    WorkQueue queue = new WorkQueue(process, 3, threads);
    AtomicInteger done = new AtomicInteger();
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      callers.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int n = 0; n < 200; n++) {
                      threads.none = random.nextBoolean();
                      boolean goes = random.nextInt(4) == 0;
                      queue.queue(
                          current -> {
                            done.incrementAndGet();
                            if (goes) {
                              // it goes when there is nothing to do
                              Thread.currentThread().interrupt();
                            }
                          });
                      if (random.nextInt(20) == 0) {
                        queue.flush();
                      }
                    }
                  }));
    }
    for (Thread caller : callers) {
      caller.join();
    }
    queue.flush();
    assertThat(done).hasValue(600);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
