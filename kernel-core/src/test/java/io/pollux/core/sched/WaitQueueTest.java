// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.sched.WaitQueue.WaitEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Callbacks in wait queues: each entry has one owner. */
@Timeout(60)
class WaitQueueTest {
  private final WaitQueue queue = new WaitQueue();
  private final List<Integer> keys = new ArrayList<>();
  private boolean waitsOn = true;
  private final WaitEntry entry =
      new WaitEntry(
          key -> {
            keys.add(key);
            return waitsOn;
          });

  @Test
  void anEntryThatWaitsIsCalledEachTime() {
    queue.add(entry);
    queue.letWait(entry);
    queue.wakeUp(1);
    queue.wakeUp(2);
    queue.remove(entry);
    queue.wakeUp(3);
    assertThat(keys).containsExactly(1, 2);
    assertThat(queue.active()).isFalse();
    queue.remove(entry);
    assertThat(queue.active()).isFalse();
  }

  @Test
  void aFunctionThatThrowsIsReportedAndAllAreCalled() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    try {
      WaitEntry broken =
          new WaitEntry(
              key -> {
                throw new AssertionError("broken");
              });
      for (WaitEntry each : List.of(broken, entry)) { // the oldest is called first
        queue.add(each);
        queue.letWait(each);
      }
      queue.wakeUp(1);
      queue.wakeUp(2);
      assertThat(keys).containsExactly(1, 2);
      assertThat(said)
          .hasSize(2)
          .containsOnly(
              "kernel oops in a wake-up: java.lang.AssertionError: broken; the other waiters are"
                  + " woken");
      assertThat(queue.take(broken)).as("it waits on").isTrue();
      queue.remove(broken);
      queue.remove(entry);
      assertThat(queue.active()).isFalse();
    } finally {
      Oops.setSink(null);
    }
  }

  /** The wake-up comes while the adder has the entry, which calls the function itself. */
  @Test
  void aFunctionThatThrowsBeforeItWaitsIsReported() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    try {
      WaitEntry broken =
          new WaitEntry(
              key -> {
                throw new AssertionError("broken");
              });
      queue.add(broken);
      queue.wakeUp(1);
      queue.letWait(broken);
      assertThat(said).hasSize(1);
      assertThat(queue.take(broken)).as("it waits on").isTrue();
      queue.remove(broken);
    } finally {
      Oops.setSink(null);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 30_000_000_000L, WaitQueue.FOREVER}) // 0: a wait that nothing interrupts
  void aThreadThatIsInterruptedSleepsOnAndKeepsItsMark(long timeout) throws InterruptedException {
    AtomicBoolean condition = new AtomicBoolean();
    AtomicInteger result = new AtomicInteger(1);
    AtomicBoolean marked = new AtomicBoolean();
    Task task = new UserProcess().newTask();
    Thread sleeper =
        new Thread(
            () -> {
              if (timeout == 0) {
                queue.waitUninterruptibly(condition::get);
                result.set(0);
              } else {
                result.set(queue.waitEvent(task, condition::get, timeout));
              }
              marked.set(Thread.currentThread().isInterrupted());
            });
    sleeper.setDaemon(true);
    sleeper.start();
    int asleep = 0;
    for (int i = 0; i < 50; i++) {
      sleeper.interrupt();
      Thread.sleep(4);
      Thread.State state = sleeper.getState();
      asleep += state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING ? 1 : 0;
    }
    assertThat(asleep).as("looks at the sleeper that saw it asleep, of 50").isGreaterThan(40);
    condition.set(true);
    queue.wakeUp();
    sleeper.join();
    assertThat(result).hasValue(0);
    assertThat(marked).isTrue();
  }

  @Test
  void wakeUpsOfAnOwnedEntryBecomeOneCall() {
    queue.add(entry);
    assertThat(queue.active()).isTrue();
    queue.wakeUp(1);
    queue.wakeUp(2);
    assertThat(keys).isEmpty();
    queue.letWait(entry);
    assertThat(keys).containsExactly(0);
    assertThat(queue.take(entry)).isTrue();
    assertThat(queue.take(entry)).as("the owner has the entry, and gets the wake-up").isFalse();
    queue.letWait(entry);
    assertThat(keys).containsExactly(0, 0);
    queue.remove(entry);
    assertThat(queue.take(entry)).isFalse();
    queue.letWait(entry);
    queue.wakeUp(3);
    assertThat(keys).hasSize(2);
  }

  @Test
  void anEntryThatStopsWaitingIsNotCalledAgain() {
    waitsOn = false;
    queue.add(entry);
    queue.letWait(entry);
    queue.wakeUp(1);
    queue.wakeUp(2);
    assertThat(keys).containsExactly(1);
    queue.remove(entry);
  }

  @Test
  void anEntryIsInAnotherQueueWhenItsFunctionReturns() {
    WaitQueue other = new WaitQueue();
    List<WaitEntry> self = new ArrayList<>();
    List<String> called = new ArrayList<>();
    WaitEntry moves =
        new WaitEntry(
            key -> {
              called.add("moves " + key);
              queue.remove(self.getFirst());
              other.add(self.getFirst());
              return false;
            });
    self.add(moves);
    WaitEntry stays = new WaitEntry(key -> called.add("stays " + key));
    queue.add(moves);
    queue.add(stays);
    queue.letWait(moves);
    queue.letWait(stays);
    queue.wakeUp(1);
    queue.wakeUp(2);
    assertThat(called).containsExactly("moves 1", "stays 1", "stays 2");
    queue.remove(stays);
    other.remove(moves);
    assertThat(queue.active() || other.active()).isFalse();
  }

  /**
   * An entry that is used over and over, in one queue after the other, like a request that comes
   * from a slab.
   */
  private static final class Reused implements WaitQueue.WaitFunc {
    final WaitEntry entry = new WaitEntry(this);
    final AtomicInteger owners = new AtomicInteger();
    final SplittableRandom random; // used by the owner
    final WaitQueue[] queues;
    final AtomicIntegerArray changes;
    int at; // changed by the owner, under the lock of this object
    int seen; // used by the owner
    int calls;

    Reused(WaitQueue[] queues, AtomicIntegerArray changes, SplittableRandom random) {
      this.queues = queues;
      this.changes = changes;
      this.random = random;
      queues[0].add(entry);
      seen = changes.get(0);
      queues[0].letWait(entry);
    }

    @Override
    public boolean wake(int key) {
      assertThat(owners.incrementAndGet()).as("owners").isOne();
      calls++;
      seen = changes.get(at);
      if (random.nextInt(3) != 0) {
        owners.getAndDecrement();
        return true;
      }
      move();
      return false;
    }

    /** Called by the owner. */
    private void move() {
      queues[at].remove(entry);
      synchronized (this) {
        at = random.nextInt(queues.length);
      }
      WaitQueue on = queues[at];
      on.add(entry);
      seen = changes.get(at);
      owners.getAndDecrement();
      on.letWait(entry);
    }

    void takeAway() {
      boolean mine;
      synchronized (this) {
        mine = queues[at].take(entry);
      }
      if (mine) {
        assertThat(owners.incrementAndGet()).as("owners").isOne();
        move();
      }
    }
  }

  @Test
  void anEntryHasOneOwnerAndMissesNothing() throws InterruptedException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("WaitQueueTest: -Dpollux.seed=" + seed);
    WaitQueue[] queues = {new WaitQueue(), new WaitQueue(), new WaitQueue()};
    AtomicIntegerArray changes = new AtomicIntegerArray(queues.length);
    Reused[] entries = new Reused[5];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = new Reused(queues, changes, new SplittableRandom(seed + 100 + i));
    }
    Queue<Throwable> failed = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      boolean wakes = i < 2;
      Thread thread =
          new Thread(
              () -> {
                for (int n = 0; n < 100_000; n++) {
                  if (wakes) {
                    int which = random.nextInt(queues.length);
                    changes.incrementAndGet(which);
                    queues[which].wakeUp(1 + random.nextInt(9));
                  } else {
                    entries[random.nextInt(entries.length)].takeAway();
                  }
                }
              });
      thread.setUncaughtExceptionHandler((broken, e) -> failed.add(e));
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failed).as("seed %d", seed).isEmpty();
    for (Reused each : entries) {
      assertThat(each.owners).as("seed %d", seed).hasValue(0);
      assertThat(each.seen)
          .as("seed %d: the last change was seen", seed)
          .isEqualTo(changes.get(each.at));
      assertThat(each.calls).isPositive();
      queues[each.at].remove(each.entry);
    }
    for (WaitQueue each : queues) {
      assertThat(each.active()).isFalse();
    }
  }
}
