// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that wait for a condition, and callbacks that want to hear of it: the counterpart of
 * wait_queue_head_t. Whoever makes the condition true calls {@link #wakeUp()} afterwards; a waiter looks at
 * the condition again each time. A condition must not wait for another one.
 *
 * <p>Waiting and waking allocate nothing once the thread has waited before.
 */
@LinuxSource(file = "include/linux/wait.h", name = "wait_queue_head_t")
public final class WaitQueue {
  /** For a wait without an end. */
  public static final long FOREVER = Long.MAX_VALUE;

  /** A thread sleeps in one queue at a time, so one link for each thread does. */
  private static final ThreadLocal<Sleeper> SLEEPER = ThreadLocal.withInitial(Sleeper::new);

  private final ConcurrentLinkedQueue<WaitEntry> entries = new ConcurrentLinkedQueue<>();
  private final AtomicInteger waiters = new AtomicInteger(); // how many there are at least
  private final Object lock = new Object();
  private @Nullable Sleeper first; // under the lock, as the links

  /** A thread that waits: the counterpart of wait_queue_entry_t. */
  private static final class Sleeper {
    private final Thread thread = Thread.currentThread();
    private @Nullable Sleeper next;
  }

  /** Makes an empty queue. */
  public WaitQueue() {}

  /** Somebody who is called instead of woken. */
  @FunctionalInterface
  @LinuxSource(file = "include/linux/wait.h", name = "wait_queue_func_t")
  public interface WaitEntry {
    /**
     * The condition may have changed. From any context; must not sleep. May come more than once, and once
     * more after {@link WaitQueue#remove}.
     *
     * @param key what happened, such as a poll mask; 0 if the waker does not tell
     */
    void wake(int key);
  }

  /**
   * Has an entry called at each wake-up from now on. Whoever adds looks at the condition afterwards.
   *
   * @param entry the entry
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "add_wait_queue")
  public void add(WaitEntry entry) {
    entries.add(entry);
    waiters.getAndIncrement();
  }

  /**
   * Takes an entry out.
   *
   * @param entry the entry
   * @return false if it was not there
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "remove_wait_queue")
  public boolean remove(WaitEntry entry) {
    boolean there = entries.remove(entry);
    if (there) {
      waiters.getAndDecrement();
    }
    return there;
  }

  /**
   * Waits until a condition holds, the task is interrupted, or time is up. From process context.
   *
   * @param current the calling task
   * @param condition looked at by the calling thread only
   * @param timeoutNanos the longest wait, or {@link #FOREVER}
   * @return 0 if the condition holds, -ETIMEDOUT, or -EINTR
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event_interruptible_hrtimeout")
  public int waitEvent(Task current, BooleanSupplier condition, long timeoutNanos) {
    if (condition.getAsBoolean()) {
      return 0;
    }
    current.aboutToSleep();
    long start = System.nanoTime();
    Sleeper self = prepareToWait();
    try {
      while (true) {
        VarHandle.fullFence(); // in the queue before the look; pairs with wakeUp
        if (condition.getAsBoolean()) {
          return 0;
        }
        if (current.signalPending()) {
          return -Errno.EINTR;
        }
        if (timeoutNanos == FOREVER) {
          LockSupport.park(this);
        } else {
          long left = timeoutNanos - (System.nanoTime() - start);
          if (left <= 0) {
            return -Errno.ETIMEDOUT;
          }
          LockSupport.parkNanos(this, left);
        }
      }
    } finally {
      finishWait(self);
    }
  }

  /**
   * Waits until a condition holds, whatever happens: for ends that can't be abandoned (exit, teardown). Not
   * interruptible; needs no task.
   *
   * @param condition looked at by the calling thread only
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event")
  public void waitUninterruptibly(BooleanSupplier condition) {
    if (condition.getAsBoolean()) {
      return;
    }
    Sleeper self = prepareToWait();
    try {
      while (true) {
        VarHandle.fullFence(); // in the queue before the look; pairs with wakeUp
        if (condition.getAsBoolean()) {
          return;
        }
        LockSupport.park(this);
      }
    } finally {
      finishWait(self);
    }
  }

  @LinuxSource(file = "kernel/sched/wait.c", name = "prepare_to_wait")
  private Sleeper prepareToWait() {
    Sleeper self = SLEEPER.get();
    synchronized (lock) {
      self.next = first;
      first = self;
    }
    waiters.getAndIncrement();
    return self;
  }

  @LinuxSource(file = "kernel/sched/wait.c", name = "finish_wait")
  private void finishWait(Sleeper self) {
    waiters.getAndDecrement();
    synchronized (lock) {
      Sleeper before = first;
      if (before == self) {
        first = self.next;
      } else {
        while (before != null && before.next != self) { // as many steps as threads wait
          before = before.next;
        }
        assert before != null : "not in the queue that it waited in";
        before.next = self.next;
      }
      self.next = null;
    }
  }

  /** Lets every waiter look again. From any context. Cheap when nobody waits. */
  @LinuxSource(file = "kernel/sched/wait.c", name = "wake_up")
  public void wakeUp() {
    wakeUp(0);
  }

  /**
   * Lets every waiter look again and tells callbacks what happened. From any context.
   *
   * @param key what happened, such as a poll mask
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "__wake_up_poll")
  public void wakeUp(int key) {
    VarHandle.fullFence(); // the condition before the look at the queue; pairs with waitEvent
    if (!active()) {
      return;
    }
    Thread last = null;
    synchronized (lock) {
      for (Sleeper each = first; each != null; each = each.next) {
        if (last != null) {
          LockSupport.unpark(last);
        }
        last = each.thread;
      }
    }
    if (last != null) {
      LockSupport.unpark(last); // outside of the lock, which the thread that wakes up takes
    }
    if (!entries.isEmpty()) {
      for (WaitEntry entry : entries) {
        entry.wake(key);
      }
    }
  }

  /**
   * Whether anybody waits: spares a call of {@link #wakeUp} and its fence. Only for who made the condition
   * true by an atomic read-modify-write with full order, else a waiter may be missed.
   *
   * @return true if so
   */
  @LinuxSource(file = "include/linux/wait.h", name = "waitqueue_active")
  public boolean active() {
    return waiters.get() != 0;
  }
}
