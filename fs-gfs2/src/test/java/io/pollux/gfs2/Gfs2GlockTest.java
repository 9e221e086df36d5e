// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.Debug;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The holders and waiters of a glock, and the changes of its state. */
@Timeout(120)
final class Gfs2GlockTest {
  private static final int TRY = Gfs2Holder.LM_FLAG_TRY;

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final FakeLm lm = new FakeLm();
  private final Gfs2Glock gl = lm.glock(Gfs2LockName.Type.INODE, 77);

  @BeforeEach
  void enter() {
    current.enterKernel();
  }

  @AfterEach
  void leave() {
    current.leaveKernel();
    process.exit();
  }

  private Gfs2Holder take(Gfs2Glock of, int state, int flags) {
    Gfs2Holder gh = Gfs2Holder.alloc(current, of, state, flags);
    assertThat(of.nq(current, gh)).isZero();
    return gh;
  }

  private void give(Gfs2Holder gh) {
    gh.glock().dq(current, gh);
    gh.uninit();
  }

  private int attempt(Task task, int state, int flags) {
    Gfs2Holder gh = Gfs2Holder.alloc(task, gl, state, flags);
    int result = gl.nq(task, gh);
    if (result == 0) {
      gl.dq(task, gh);
    }
    gh.uninit();
    return result;
  }

  /** A task on another thread. */
  private final class Other {
    final Thread thread;

    Other(java.util.function.Consumer<Task> work) {
      thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    Task task = process.newTask();
                    task.enterKernel();
                    work.accept(task);
                    task.leaveKernel();
                  });
    }

    void awaitSleep() throws InterruptedException {
      while (thread.getState() != Thread.State.WAITING) {
        assertThat(thread.isAlive()).isTrue();
        Thread.sleep(1);
      }
    }

    void join() throws InterruptedException {
      thread.join(30_000);
      assertThat(thread.isAlive()).isFalse();
    }
  }

  @Test
  void aStateOutlivesItsHolders() {
    assertThat(gl.state()).isEqualTo(LmState.UNLOCKED);
    give(take(gl, LmState.SHARED, 0));
    assertThat(gl.state()).isEqualTo(LmState.SHARED);
    assertThat(lm.takeEvents()).containsExactly("sync", "lock UN SH");
    give(take(gl, LmState.SHARED, 0));
    assertThat(lm.takeEvents()).isEmpty();
    assertThat(gl).hasToString("2/4d:SH");
  }

  @Test
  void everyChangeOfStateDoesWhatItHasTo() {
    give(take(gl, LmState.SHARED, 0));
    lm.takeEvents();
    give(take(gl, LmState.DEFERRED, 0));
    assertThat(lm.takeEvents()).containsExactly("sync", "inval data", "lock SH DF");
    give(take(gl, LmState.SHARED, 0));
    assertThat(lm.takeEvents()).containsExactly("sync", "lock DF SH");
    give(take(gl, LmState.EXCLUSIVE, 0));
    assertThat(lm.takeEvents()).containsExactly("sync", "lock SH EX");
    give(take(gl, LmState.SHARED, 0));
    assertThat(lm.takeEvents()).as("exclusive covers shared").isEmpty();
    give(take(gl, LmState.SHARED, Gfs2Holder.GL_EXACT));
    assertThat(lm.takeEvents()).containsExactly("sync", "lock EX SH");
    give(take(gl, LmState.EXCLUSIVE, 0));
    lm.takeEvents();
    give(take(gl, LmState.DEFERRED, 0));
    assertThat(lm.takeEvents())
        .as("exclusive has pages")
        .containsExactly("sync", "inval data", "lock EX DF");
    give(take(gl, LmState.SHARED, Gfs2Holder.LM_FLAG_ANY));
    assertThat(lm.takeEvents()).as("any state will do").isEmpty();
    give(take(gl, LmState.DEFERRED, Gfs2Holder.GL_NOCACHE));
    assertThat(lm.takeEvents()).containsExactly("sync", "inval all", "lock DF UN");
    assertThat(gl.state()).isEqualTo(LmState.UNLOCKED);
  }

  @Test
  void holdersOfOneStateShareAndExclusiveIsAlone() throws InterruptedException {
    Gfs2Holder mine = take(gl, LmState.SHARED, 0);
    Other other = new Other(task -> assertThat(attempt(task, LmState.SHARED, TRY)).isZero());
    other.join();
    AtomicInteger got = new AtomicInteger();
    other = new Other(task -> got.set(attempt(task, LmState.EXCLUSIVE, 0) == 0 ? 1 : -1));
    other.awaitSleep();
    assertThat(got.get()).isZero();
    give(mine);
    other.join();
    assertThat(got.get()).isEqualTo(1);
    mine = take(gl, LmState.EXCLUSIVE, 0);
    for (int state : new int[] {LmState.SHARED, LmState.DEFERRED, LmState.EXCLUSIVE}) {
      other = new Other(task -> got.set(attempt(task, state, TRY)));
      other.join();
      assertThat(got.get()).isEqualTo(-Errno.EAGAIN);
    }
    give(mine);
  }

  @Test
  void aTryNeverWaits() throws InterruptedException {
    AtomicInteger got = new AtomicInteger();
    Gfs2Holder mine = take(gl, LmState.DEFERRED, 0);
    new Other(task -> got.set(attempt(task, LmState.SHARED, TRY))).join();
    assertThat(got.get()).as("held in another state").isEqualTo(-Errno.EAGAIN);
    new Other(task -> got.set(attempt(task, LmState.DEFERRED, TRY))).join();
    assertThat(got.get()).isZero();
    Other waiter = new Other(task -> attempt(task, LmState.SHARED, 0));
    waiter.awaitSleep();
    new Other(task -> got.set(attempt(task, LmState.DEFERRED, TRY))).join();
    assertThat(got.get()).as("a task waits").isEqualTo(-Errno.EAGAIN);
    give(mine);
    waiter.join();
    assertThat(attempt(current, LmState.EXCLUSIVE, TRY)).as("no task holds it").isZero();
  }

  @Test
  void aLockModuleMayRefuse() {
    lm.answer = (state, target, flags) -> flags == 0 ? target : -Errno.EAGAIN;
    assertThat(attempt(current, LmState.SHARED, Gfs2Holder.LM_FLAG_TRY_1CB))
        .isEqualTo(-Errno.EAGAIN);
    assertThat(lm.takeEvents()).containsExactly("sync", "lock UN SH 2");
    give(take(gl, LmState.SHARED, 0));
    assertThat(attempt(current, LmState.EXCLUSIVE, TRY)).isEqualTo(-Errno.EAGAIN);
    assertThat(gl.state()).as("as it was").isEqualTo(LmState.SHARED);
    lm.answer = (state, target, flags) -> target == LmState.UNLOCKED ? target : -Errno.EIO;
    lm.takeEvents();
    assertThat(attempt(current, LmState.EXCLUSIVE, 0)).isEqualTo(-Errno.EIO);
    assertThat(gl.state()).as("unknown").isEqualTo(LmState.UNLOCKED);
    assertThat(lm.takeEvents()).containsExactly("sync", "lock SH EX", "inval all", "lock SH UN");
  }

  @Test
  void whatCantBeReadBackInIsNotHeld() {
    lm.goLock = -Errno.EIO;
    assertThat(attempt(current, LmState.SHARED, 0)).isEqualTo(-Errno.EIO);
    assertThat(gl.state()).isEqualTo(LmState.UNLOCKED);
    lm.goLock = 0;
    assertThat(attempt(current, LmState.SHARED, 0)).isZero();
  }

  @Test
  void demotionWaitsForHoldersAndComesBeforeWaiters() throws InterruptedException {
    Gfs2Holder mine = take(gl, LmState.SHARED, 0);
    lm.takeEvents();
    new Other(task -> gl.callback(task, LmState.UNLOCKED)).join();
    assertThat(lm.takeEvents()).as("a task holds it").isEmpty();
    Other waiter = new Other(task -> attempt(task, LmState.SHARED, 0));
    waiter.awaitSleep();
    give(mine);
    waiter.join();
    assertThat(lm.takeEvents())
        .containsExactly("sync", "inval all", "lock SH UN", "sync", "lock UN SH");
    gl.callback(current, LmState.DEFERRED);
    assertThat(lm.takeEvents()).containsExactly("sync", "inval data", "lock SH DF");
    gl.callback(current, LmState.DEFERRED);
    gl.callback(current, LmState.UNLOCKED);
    gl.callback(current, LmState.SHARED);
    assertThat(lm.takeEvents())
        .as("it has nothing to give up")
        .containsExactly("sync", "inval all", "lock DF UN");
  }

  @Test
  void theFirstWaiterIsFirst() throws InterruptedException {
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    Gfs2Holder mine = take(gl, LmState.EXCLUSIVE, 0);
    List<Other> others = new ArrayList<>();
    int[] states = {
      LmState.SHARED, LmState.DEFERRED, LmState.EXCLUSIVE, LmState.SHARED, LmState.EXCLUSIVE
    };
    for (int i = 0; i < states.length; i++) {
      int number = i;
      Other other =
          new Other(
              task -> {
                Gfs2Holder gh = Gfs2Holder.alloc(task, gl, states[number], 0);
                assertThat(gl.nq(task, gh)).isZero();
                order.add(number);
                gl.dq(task, gh);
                gh.uninit();
              });
      other.awaitSleep();
      others.add(other);
    }
    give(mine);
    for (Other other : others) {
      other.join();
    }
    assertThat(order).containsExactly(0, 1, 2, 3, 4);
  }

  @Test
  void newReadersDoNotOvertakeAWaitingWriter() throws InterruptedException {
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    Gfs2Holder mine = take(gl, LmState.SHARED, 0);
    Other writer =
        new Other(
            task -> {
              Gfs2Holder gh = Gfs2Holder.alloc(task, gl, LmState.EXCLUSIVE, 0);
              assertThat(gl.nq(task, gh)).isZero();
              order.add("writer");
              gl.dq(task, gh);
              gh.uninit();
            });
    writer.awaitSleep();
    Other reader =
        new Other(
            task -> {
              assertThat(attempt(task, LmState.SHARED, 0)).isZero();
              order.add("reader");
            });
    reader.awaitSleep();
    give(mine);
    writer.join();
    reader.join();
    assertThat(order).containsExactly("writer", "reader");
  }

  @Test
  void glocksAreTakenInTheirOrderOnly() {
    assumeTrue(Debug.ON, "the order is checked only with -Dpollux.debug=true");
    Gfs2Glock group = lm.glock(Gfs2LockName.Type.RGRP, 17);
    Gfs2Holder inode = take(gl, LmState.SHARED, 0);
    give(take(group, LmState.SHARED, 0));
    Gfs2Glock second = lm.glock(Gfs2LockName.Type.INODE, 78);
    Gfs2Holder another = Gfs2Holder.alloc(current, second, LmState.SHARED, 0);
    assertThatThrownBy(() -> second.nq(current, another))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("2/4e");
    another.uninit();
    give(inode);
    Gfs2Holder held = take(group, LmState.SHARED, 0);
    Gfs2Holder late = Gfs2Holder.alloc(current, gl, LmState.SHARED, 0);
    assertThatThrownBy(() -> gl.nq(current, late)).isInstanceOf(AssertionError.class);
    late.uninit();
    give(held);
  }

  /** What holders see: a writer alone, readers of one kind at a time. */
  private static final class Books {
    private final AtomicInteger[] holders = {
      new AtomicInteger(), new AtomicInteger(), new AtomicInteger(), new AtomicInteger()
    };

    void enter(int state) {
      int now = holders[state].incrementAndGet();
      assertThat(state == LmState.EXCLUSIVE && now > 1).isFalse();
      for (int other = 1; other < holders.length; other++) {
        assertThat(other == state ? 0 : holders[other].get())
            .as("%s with %s", state, other)
            .isZero();
      }
    }

    void leave(int state) {
      holders[state].decrementAndGet();
    }

    int sum() {
      int sum = 0;
      for (AtomicInteger count : holders) {
        sum += count.get();
      }
      return sum;
    }
  }

  @Test
  void anyMixOfHoldersKeepsTheRulesAndEnds() throws InterruptedException {
    Long wanted = Long.getLong("pollux.seed");
    long seed = wanted != null ? wanted : new SplittableRandom().nextLong() >>> 1;
    System.out.println("Gfs2GlockTest: -Dpollux.seed=" + seed);
    Books books = new Books();
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger taken = new AtomicInteger();
    // Nothing is cached in a state that was released: the state changes only while there is no
    // holder.
    lm.answer =
        (state, target, flags) -> {
          if (books.sum() != 0) {
            failures.add(new AssertionError("a change of state with " + books.sum() + " holders"));
          }
          return target;
        };
    List<Other> others = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      others.add(
          new Other(
              task -> {
                try {
                  for (int round = 0; round < 3000; round++) {
                    step(task, random, books, taken);
                  }
                } catch (AssertionError | RuntimeException e) {
                  failures.add(e);
                }
              }));
    }
    for (Other other : others) {
      other.join();
    }
    assertThat(failures).as("seed %d", seed).isEmpty();
    assertThat(books.sum()).isZero();
    assertThat(taken.get()).isPositive();
    give(take(gl, LmState.EXCLUSIVE, TRY)); // no holder is left
    lm.takeEvents();
  }

  private void step(Task task, SplittableRandom random, Books books, AtomicInteger taken) {
    int what = random.nextInt(40);
    if (what == 0) {
      gl.callback(task, random.nextBoolean() ? LmState.UNLOCKED : LmState.DEFERRED);
      return;
    }
    int state = what < 4 ? LmState.EXCLUSIVE : what < 22 ? LmState.SHARED : LmState.DEFERRED;
    int flags = Gfs2Holder.GL_EXACT; // so that a holder's state is the glock's
    flags |= random.nextInt(4) == 0 ? TRY : 0;
    flags |= random.nextInt(16) == 0 ? Gfs2Holder.GL_NOCACHE : 0;
    Gfs2Holder gh = Gfs2Holder.alloc(task, gl, state, flags);
    if (gl.nq(task, gh) == 0) {
      taken.getAndIncrement();
      books.enter(state);
      if (random.nextInt(8) == 0) {
        Thread.onSpinWait();
      }
      books.leave(state);
      gl.dq(task, gh);
    }
    gh.uninit();
  }

  @Test
  void aHolderThatHadToWaitIsCountedAndHoldsWithOthers() throws InterruptedException {
    Gfs2Holder mine = take(gl, LmState.EXCLUSIVE, 0);
    CountDownLatch held = new CountDownLatch(2);
    CountDownLatch enough = new CountDownLatch(1);
    List<Other> readers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Other reader =
          new Other(
              task -> {
                assertThat(gl.hold(task, LmState.DEFERRED)).isZero();
                held.countDown();
                awaitQuietly(enough);
                gl.letGo(task);
              });
      reader.awaitSleep();
      readers.add(reader);
    }
    give(mine);
    assertThat(held.await(30, TimeUnit.SECONDS)).as("both are woken").isTrue();
    assertThat(gl.state()).isEqualTo(LmState.DEFERRED);
    assertThat(attempt(current, LmState.EXCLUSIVE, TRY)).isEqualTo(-Errno.EAGAIN);
    assertThat(gl.hold(current, LmState.DEFERRED)).as("no task waits").isZero();
    gl.letGo(current);
    AtomicInteger got = new AtomicInteger();
    Other writer = new Other(task -> got.set(attempt(task, LmState.EXCLUSIVE, 0) == 0 ? 1 : -1));
    writer.awaitSleep();
    assertThat(got.get()).isZero();
    enough.countDown();
    writer.join();
    assertThat(got.get()).isEqualTo(1);
    for (Other reader : readers) {
      reader.join();
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aRefusalIsNotCounted() {
    lm.goLock = -Errno.EIO;
    assertThat(gl.hold(current, LmState.DEFERRED)).isEqualTo(-Errno.EIO);
    assertThat(gl.state()).isEqualTo(LmState.UNLOCKED);
    lm.goLock = 0;
    assertThat(attempt(current, LmState.EXCLUSIVE, TRY)).isZero();
  }

  @Test
  void theOrderIsCheckedForCountedOnesToo() throws InterruptedException {
    assumeTrue(Debug.ON, "the order is checked only with -Dpollux.debug=true");
    Gfs2Glock group = lm.glock(Gfs2LockName.Type.RGRP, 17);
    Gfs2Glock second = lm.glock(Gfs2LockName.Type.INODE, 78);
    assertThat(gl.hold(current, LmState.DEFERRED)).isZero();
    assertThatThrownBy(() -> second.hold(current, LmState.DEFERRED))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("2/4e");
    assertThat(group.hold(current, LmState.SHARED)).isZero();
    assertThatThrownBy(() -> second.hold(current, LmState.DEFERRED))
        .isInstanceOf(AssertionError.class);
    // Another thread asks for both in between.
    new Other(
            task -> {
              assertThatThrownBy(() -> gl.letGo(task)).isInstanceOf(AssertionError.class);
              assertThat(gl.hold(task, LmState.DEFERRED)).isZero();
              assertThat(group.hold(task, LmState.SHARED)).isZero();
              gl.letGo(task); // the outer one first
              group.letGo(task);
            })
        .join();
    assertThatThrownBy(() -> second.hold(current, LmState.DEFERRED))
        .isInstanceOf(AssertionError.class);
    group.letGo(current);
    gl.letGo(current);
    assertThat(second.hold(current, LmState.DEFERRED)).isZero();
    second.letGo(current);
    assertThatThrownBy(() -> second.letGo(current)).isInstanceOf(AssertionError.class);
  }

  /**
   * What a writer changes in two steps, of which a reader must not see one alone. Plain: the glock
   * orders it.
   */
  private static final class Pair {
    int left;
    int right;
  }

  @Test
  void readersThatAreCountedNeverMeetAWriter() throws InterruptedException {
    Long wanted = Long.getLong("pollux.seed");
    long seed = wanted != null ? wanted : new SplittableRandom().nextLong() >>> 1;
    System.out.println("Gfs2GlockTest: -Dpollux.seed=" + seed);
    Books books = new Books();
    Pair pair = new Pair();
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    lm.answer =
        (state, target, flags) -> {
          if (books.sum() != 0) {
            failures.add(new AssertionError("a change of state with " + books.sum() + " holders"));
          }
          return target;
        };
    List<Other> others = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      int writes = i == 0 ? 2 : 20; // one time in so many; the first is mostly a writer
      others.add(
          new Other(
              task -> {
                try {
                  for (int round = 0; round < 4000; round++) {
                    readOrWrite(task, random, writes, books, pair);
                  }
                } catch (AssertionError | RuntimeException e) {
                  failures.add(e);
                }
              }));
    }
    for (Other other : others) {
      other.join(); // so every waiter was woken
    }
    assertThat(failures).as("seed %d", seed).isEmpty();
    assertThat(books.sum()).isZero();
    assertThat(pair.left).as("seed %d", seed).isPositive().isEqualTo(pair.right);
    give(take(gl, LmState.EXCLUSIVE, TRY)); // no holder is left
    lm.takeEvents();
  }

  private void readOrWrite(Task task, SplittableRandom random, int writes, Books books, Pair pair) {
    if (random.nextInt(writes) == 0) {
      Gfs2Holder gh = Gfs2Holder.alloc(task, gl, LmState.EXCLUSIVE, 0);
      assertThat(gl.nq(task, gh)).isZero();
      books.enter(LmState.EXCLUSIVE);
      pair.left++;
      Thread.onSpinWait();
      pair.right++;
      books.leave(LmState.EXCLUSIVE);
      gl.dq(task, gh);
      gh.uninit();
      return;
    }
    if (random.nextInt(50) == 0) {
      gl.callback(task, random.nextBoolean() ? LmState.UNLOCKED : LmState.DEFERRED);
      return;
    }
    int state = random.nextInt(4) == 0 ? LmState.SHARED : LmState.DEFERRED;
    assertThat(gl.hold(task, state)).isZero();
    books.enter(state);
    int right = pair.right;
    Thread.onSpinWait();
    int left = pair.left;
    books.leave(state);
    gl.letGo(task);
    assertThat(left).as("a write was half done").isEqualTo(right);
  }
}
