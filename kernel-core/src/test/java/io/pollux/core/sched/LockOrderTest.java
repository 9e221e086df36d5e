// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.Debug;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.ReentrantLock;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The checker reports a violation of each rule of the lock order. */
@Timeout(60)
class LockOrderTest {
  private final Object outer = new Object();
  private final Object inner = new Object();

  @BeforeEach
  @AfterEach
  void forget() {
    LockOrder.forgetViolations();
  }

  private static void assertViolation(ThrowingCallable call, String... words) {
    int before = LockOrder.violations().size();
    assertThatThrownBy(call)
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("lock order: thread " + Thread.currentThread().getName())
        .hasMessageContainingAll(words);
    assertThat(LockOrder.violations()).hasSize(before + 1);
  }

  @Test
  void locksInTheirOrderAreAccepted() {
    LockOrder.acquire(LockClass.I_RWSEM, outer);
    LockOrder.acquire(LockClass.BUF, inner);
    assertThat(LockOrder.isHeld(outer)).isTrue();
    LockOrder.release(LockClass.I_RWSEM, outer);
    LockOrder.release(LockClass.BUF, inner);
    assertThat(LockOrder.isHeld(outer)).isFalse();
    LockOrder.acquire(LockClass.I_RWSEM, outer);
    LockOrder.release(LockClass.I_RWSEM, outer);
    assertThat(LockOrder.violations()).isEmpty();
  }

  /**
   * Takes a buffer's lock often, and then violates the order while holding it. Runs on a thread of
   * its own, because each thread counts its recorded stacks.
   */
  private AssertionError wrongOrderAfter(int times) throws Exception {
    CompletableFuture<AssertionError> violation = new CompletableFuture<>();
    onAnotherThread(
        () -> {
          for (int i = 0; i < times; i++) {
            takeBuf();
            LockOrder.release(LockClass.BUF, inner);
          }
          takeBuf();
          try {
            LockOrder.acquire(LockClass.I_RWSEM, outer);
          } catch (AssertionError e) {
            violation.complete(e);
          }
          LockOrder.release(LockClass.BUF, inner);
          LockOrder.acquire(LockClass.I_RWSEM, outer);
          LockOrder.release(LockClass.I_RWSEM, outer);
        });
    assertThat(violation).as("a violation").isCompleted();
    return violation.get();
  }

  private static boolean isTakeBuf(StackTraceElement frame) {
    return frame.getMethodName().equals("takeBuf");
  }

  @Test
  void theWrongOrderNamesBothLocksAndWhereTheFirstWasTaken() throws Exception {
    assertThat(wrongOrderAfter(0))
        .hasMessageContainingAll(
            "waits for an inode's iRwsem (I_RWSEM java.lang.Object@",
            "while it holds a buffer's lock (BUF java.lang.Object@",
            "; the order is I_RWSEM, BUF")
        .cause()
        .hasMessage("taken here: a buffer's lock")
        .satisfies(where -> assertThat(where.getStackTrace()).anyMatch(LockOrderTest::isTakeBuf));
  }

  @Test
  void aLockThatIsTakenOftenNamesAnotherPlaceOfItsClass() throws Exception {
    assertThat(wrongOrderAfter(100))
        .cause()
        .hasMessageStartingWith("not recorded (-Dpollux.debug.stacks=true records each)")
        .hasMessageEndingWith("; a recent one was taken here: a buffer's lock")
        .satisfies(where -> assertThat(where.getStackTrace()).anyMatch(LockOrderTest::isTakeBuf));
  }

  private void takeBuf() {
    LockOrder.acquire(LockClass.BUF, inner);
  }

  @Test
  void aTryIsNotCheckedButALaterWaitIs() {
    LockOrder.acquire(LockClass.BUF, inner);
    LockOrder.tried(LockClass.PAGE, outer);
    LockOrder.release(LockClass.BUF, inner);
    assertViolation(() -> LockOrder.acquire(LockClass.I_RWSEM, inner), "a page's lock");
    LockOrder.release(LockClass.PAGE, outer);
  }

  @Test
  void twoLocksOfOneClassHaveNoOrder() {
    LockOrder.acquire(LockClass.I_RWSEM, outer);
    assertViolation(
        () -> LockOrder.acquire(LockClass.I_RWSEM, inner), "two locks of one class have no order");
    LockOrder.acquire(LockClass.I_RWSEM_CHILD, inner);
    LockOrder.release(LockClass.I_RWSEM, inner);
    LockOrder.release(LockClass.I_RWSEM, outer);
  }

  @Test
  void aLockOtherThanAMonitorIsNotTakenTwice() {
    LockOrder.acquire(LockClass.I_RWSEM, outer);
    assertViolation(
        () -> LockOrder.acquire(LockClass.I_RWSEM, outer), "waits for a lock that it holds");
    LockOrder.release(LockClass.I_RWSEM, outer);
  }

  @Test
  void aMonitorMayBeEnteredTwiceAndItsReleaseIsDetected() {
    LockOrder.enter(LockClass.PAGE_CACHE, outer);
    synchronized (outer) {
      LockOrder.enter(LockClass.PAGE_CACHE, outer);
      synchronized (outer) {
        assertViolation(() -> LockOrder.enter(LockClass.PIPE, inner), "a page cache");
      }
      assertViolation(() -> LockOrder.enter(LockClass.PIPE, inner), "a page cache");
    }
    LockOrder.enter(LockClass.PIPE, inner);
    synchronized (inner) {
      assertThat(LockOrder.isHeld(inner)).isTrue();
    }
    assertThat(LockOrder.isHeld(inner)).isFalse();
  }

  @Test
  void aReentrantLockIsLikeAMonitor() {
    ReentrantLock lock = new ReentrantLock();
    assertThat(lock.tryLock()).isTrue();
    LockOrder.entered(LockClass.PAGE_CACHE, lock);
    assertViolation(() -> LockOrder.enter(LockClass.PIPE, inner), "a page cache");
    lock.unlock();
    LockOrder.enter(LockClass.PIPE, inner);
    assertThat(LockOrder.isHeld(inner)).as("recorded, but never entered").isFalse();
  }

  @Test
  void aThreadWithASpinlockDoesNotSleep() {
    synchronized (inner) {
      LockOrder.entered(LockClass.AIO_COMPLETION, inner);
      assertViolation(LockOrder::maySleep, "sleeps while it holds the completionLock");
    }
    LockOrder.maySleep();
    LockOrder.acquire(LockClass.BUF, inner);
    LockOrder.maySleep();
    LockOrder.release(LockClass.BUF, inner);
  }

  @Test
  void aCompletionNeitherSleepsNorTakesALockThatSleeps() {
    LockOrder.enterCompletion();
    assertViolation(LockOrder::maySleep, "sleeps while it completes a request");
    assertViolation(() -> LockOrder.acquire(LockClass.BUF, inner), "while it completes a request");
    LockOrder.enter(LockClass.AIO_COMPLETION, outer);
    LockOrder.leaveCompletion();
    LockOrder.maySleep();
  }

  @Test
  void aLockThatIsNotHeldIsNotReleased() {
    assertViolation(
        () -> LockOrder.release(LockClass.PAGE, inner), "releases without holding it: a page's");
    assertViolation(
        () -> LockOrder.mustHold(LockClass.PAGE, inner, "write"),
        "calls write without a page's lock");
    LockOrder.acquire(LockClass.PAGE, inner);
    LockOrder.mustHold(LockClass.PAGE, inner, "write");
    LockOrder.release(LockClass.PAGE, inner);
  }

  @Test
  void anotherThreadMayReleaseALock() throws InterruptedException {
    LockOrder.acquire(LockClass.BUF, inner);
    Thread other = Thread.ofPlatform().start(() -> LockOrder.releaseFromAny(LockClass.BUF, inner));
    other.join();
    LockOrder.acquire(LockClass.I_RWSEM, outer);
    LockOrder.release(LockClass.I_RWSEM, outer);
    assertThat(LockOrder.isHeld(inner)).isFalse();
  }

  /** Runs an action on a thread of its own, and waits for it. */
  private static void onAnotherThread(Runnable action) throws InterruptedException {
    Thread.ofPlatform().start(action).join();
  }

  @Test
  void aReleaseByAnotherThreadDoesNotEndTheNextHold() throws Exception {
    LockOrder.tried(LockClass.BUF, inner);
    onAnotherThread(() -> LockOrder.releaseFromAny(LockClass.BUF, inner));
    CompletableFuture<Boolean> next = new CompletableFuture<>();
    onAnotherThread(
        () -> {
          LockOrder.tried(LockClass.BUF, inner);
          next.complete(LockOrder.isHeld(inner));
          LockOrder.release(LockClass.BUF, inner);
        });
    assertThat(next.get()).isTrue();
    assertThat(LockOrder.isHeld(inner)).isFalse();
  }

  @Test
  void aReleaseEndsTheHoldAndNotTheWaitOfAnotherThread() throws Exception {
    CountDownLatch waits = new CountDownLatch(1);
    CountDownLatch released = new CountDownLatch(1);
    CompletableFuture<Boolean> held = new CompletableFuture<>();
    Thread waiter =
        Thread.ofPlatform()
            .start(
                () -> {
                  LockOrder.acquire(LockClass.BUF, inner);
                  waits.countDown();
                  try {
                    released.await();
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                  LockOrder.acquired(LockClass.BUF, inner);
                  held.complete(LockOrder.isHeld(inner));
                  LockOrder.release(LockClass.BUF, inner);
                });
    waits.await();
    LockOrder.tried(LockClass.BUF, inner);
    onAnotherThread(() -> LockOrder.releaseFromAny(LockClass.BUF, inner));
    released.countDown();
    assertThat(held.get()).isTrue();
    waiter.join();
    assertThat(LockOrder.isHeld(inner)).isFalse();
  }

  @Test
  void aReleaseByAnotherThreadEndsTheHoldOfTheFirstReader() throws Exception {
    LockOrder.tried(LockClass.I_RWSEM, inner);
    CountDownLatch reads = new CountDownLatch(1);
    CountDownLatch released = new CountDownLatch(1);
    CompletableFuture<Boolean> held = new CompletableFuture<>();
    Thread second =
        Thread.ofPlatform()
            .start(
                () -> {
                  LockOrder.tried(LockClass.I_RWSEM, inner);
                  reads.countDown();
                  try {
                    released.await();
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                  held.complete(LockOrder.isHeld(inner));
                  LockOrder.releaseFromAny(LockClass.I_RWSEM, inner);
                });
    reads.await();
    onAnotherThread(() -> LockOrder.releaseFromAny(LockClass.I_RWSEM, inner));
    released.countDown();
    assertThat(held.get()).as("the second reader").isTrue();
    assertThat(LockOrder.isHeld(inner)).as("the first reader").isFalse();
    second.join();
    LockOrder.acquire(LockClass.I_RWSEM, inner);
    assertThat(LockOrder.isHeld(inner)).isTrue();
    LockOrder.release(LockClass.I_RWSEM, inner);
  }

  @Test
  void anRwSemaphoreChecksItsPlace() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
    RwSemaphore inode = new RwSemaphore(LockClass.I_RWSEM);
    RwSemaphore buf = new RwSemaphore(LockClass.BUF);
    RwSemaphore other = new RwSemaphore();
    buf.downRead(null);
    other.downWrite(null);
    assertViolation(() -> inode.downRead(null), "I_RWSEM", "BUF");
    assertViolation(() -> inode.downWrite(null), "I_RWSEM", "BUF");
    assertViolation(() -> buf.downRead(null), "waits for a lock that it holds");
    assertThat(inode.isLocked()).isFalse();
    assertThat(inode.downReadTrylock()).isTrue();
    inode.upRead();
    buf.upRead();
    other.upWrite();
    assertThatCode(() -> inode.downWrite(null)).doesNotThrowAnyException();
    inode.upWrite();
  }

  @Test
  void aTaskWithASpinlockDoesNotWait() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
    Task task = new UserProcess().newTask();
    synchronized (inner) {
      LockOrder.entered(LockClass.FILES, inner);
      assertViolation(task::aboutToSleep, "sleeps while it holds the lock of a descriptor table");
      assertViolation(
          () -> new WaitQueue().waitUninterruptibly(() -> false, 1), "a descriptor table");
    }
  }
}
