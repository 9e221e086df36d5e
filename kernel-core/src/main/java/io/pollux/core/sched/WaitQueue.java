// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that wait for a condition, and callbacks that want to hear of it: the counterpart of
 * wait_queue_head_t. Whoever makes the condition true calls {@link #wakeUp()} afterwards; a waiter looks at
 * the condition again each time. A condition must not wait for another one.
 *
 * <p>A callback is a {@link WaitEntry}, and at any time it either waits in the queue, where anybody may find it, or somebody
 * has taken it, and then he alone: who adds it, until he lets it wait; a wake-up, until its function has returned; who
 * ends it early, by {@link #take}. What comes meanwhile is kept for whoever has it. So who has an entry and removes it may
 * use it again at once, as no wake-up finds it any more; and its function is called without a lock. (In C a wake-up calls
 * the function under the queue's lock, and functions take entries out by themselves.)
 *
 * <p>Only a signal of the task interrupts a wait. {@link Thread#interrupt} does not; the thread keeps its interrupt status.
 *
 * <p>Waiting and waking allocate nothing once the thread has waited before.
 */
@LinuxSource(file = "include/linux/wait.h", name = "wait_queue_head_t")
public final class WaitQueue {
  /** For a wait without an end. */
  public static final long FOREVER = Long.MAX_VALUE;

  /** A thread sleeps in one queue at a time, so one link for each thread does. */
  private static final ThreadLocal<Sleeper> SLEEPER = ThreadLocal.withInitial(Sleeper::new);

  private final AtomicInteger waiters = new AtomicInteger(); // how many there are at least
  private final Object lock = new Object();
  private @Nullable Sleeper first; // under the lock, as the links
  private @Nullable WaitEntry newest; // under the lock, as all of an entry

  /** A thread that waits. */
  private static final class Sleeper {
    private final Thread thread = Thread.currentThread();
    private @Nullable Sleeper next;
  }

  /** Makes an empty queue. */
  public WaitQueue() {}

  /** Who is called instead of woken. */
  @FunctionalInterface
  @LinuxSource(file = "include/linux/wait.h", name = "wait_queue_func_t")
  public interface WaitFunc {
    /**
     * The condition may have changed. From any context, by whoever has taken the entry; must not sleep. If it throws, the failure is
     * reported, and the entry waits on unless the function removed it.
     *
     * @param key what happened, such as a poll mask; 0 if the waker does not tell
     * @return true to wait on; if false, the entry is this function's to remove, or was removed already
     */
    boolean wake(int key);
  }

  /** A callback in a queue, in one at a time. */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_queue_entry_t")
  public static final class WaitEntry {
    private enum State {
      /** In no queue. */
      OUT,
      /** Waits. */
      WAITS,
      /** Somebody has it. */
      TAKEN,
      /** Somebody has it, and there was a wake-up meanwhile. */
      AGAIN
    }

    private final WaitFunc func;
    private State state = State.OUT;
    private @Nullable WaitEntry newer;
    private @Nullable WaitEntry older;
    private @Nullable WaitEntry nextTaken; // of those that one wake-up has taken

    /**
     * Makes an entry that is in no queue.
     *
     * @param func who is called
     */
    public WaitEntry(WaitFunc func) {
      this.func = func;
    }
  }

  /**
   * Puts an entry in. The caller has it, and looks at the condition before he lets it wait.
   *
   * @param entry the entry, in no queue
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "add_wait_queue")
  public void add(WaitEntry entry) {
    synchronized (lock) {
      assert entry.state == WaitEntry.State.OUT : "in a queue already";
      entry.state = WaitEntry.State.TAKEN;
      WaitEntry below = newest;
      entry.older = below;
      if (below != null) {
        below.newer = entry;
      }
      newest = entry;
    }
    waiters.getAndIncrement();
  }

  /**
   * Lets an entry wait. If there was a wake-up since the caller has it, its function is called first. Does nothing to one
   * that somebody removed. From any context.
   *
   * @param entry that the caller has, and after this has no more
   */
  public void letWait(WaitEntry entry) {
    do {
      synchronized (lock) {
        if (entry.state != WaitEntry.State.AGAIN) {
          if (entry.state == WaitEntry.State.TAKEN) {
            entry.state = WaitEntry.State.WAITS;
          }
          return;
        }
        entry.state = WaitEntry.State.TAKEN;
      }
    } while (call(entry, 0)); // ends: a turn for each wake-up that came meanwhile
  }

  /**
   * Takes an entry that waits. If somebody else has it, its function is called once more before it waits. From any context.
   *
   * @param entry an entry that may be in this queue, or in none
   * @return whether the caller has it
   */
  public boolean take(WaitEntry entry) {
    synchronized (lock) {
      boolean waits = entry.state == WaitEntry.State.WAITS;
      if (waits) {
        entry.state = WaitEntry.State.TAKEN;
      } else if (entry.state == WaitEntry.State.TAKEN) {
        entry.state = WaitEntry.State.AGAIN;
      }
      return waits;
    }
  }

  /**
   * Takes an entry out of the queue. Its function is not called after this, unless somebody else has the entry.
   *
   * @param entry an entry of this queue, or of none
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "remove_wait_queue")
  public void remove(WaitEntry entry) {
    synchronized (lock) {
      if (entry.state == WaitEntry.State.OUT) {
        return;
      }
      entry.state = WaitEntry.State.OUT;
      WaitEntry above = entry.newer;
      WaitEntry below = entry.older;
      if (above == null) {
        newest = below;
      } else {
        above.older = below;
      }
      if (below != null) {
        below.newer = above;
      }
      entry.newer = null;
      entry.older = null;
    }
    waiters.getAndDecrement();
  }

  /**
   * Waits until a condition holds, the task is interrupted, or time is up. From process context.
   *
   * @param current the calling task
   * @param condition evaluated by the calling thread only
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
    boolean interrupted = false;
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
        interrupted |= Thread.interrupted(); // else no later park would sleep
      }
    } finally {
      finishWait(self, interrupted);
    }
  }

  /**
   * Waits until a condition holds, whatever happens: for ends that can't be abandoned (exit, teardown). Not
   * interruptible; needs no task.
   *
   * @param condition evaluated by the calling thread only
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event")
  public void waitUninterruptibly(BooleanSupplier condition) {
    waitUninterruptibly(condition, FOREVER);
  }

  /**
   * As above, with a timeout.
   *
   * @param condition evaluated by the calling thread only
   * @param timeoutNanos the longest wait, or {@link #FOREVER}
   * @return whether the condition holds
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event_timeout")
  public boolean waitUninterruptibly(BooleanSupplier condition, long timeoutNanos) {
    if (condition.getAsBoolean()) {
      return true;
    }
    long start = timeoutNanos == FOREVER ? 0 : System.nanoTime();
    Sleeper self = prepareToWait();
    boolean interrupted = false;
    try {
      while (true) {
        VarHandle.fullFence(); // in the queue before the look; pairs with wakeUp
        if (condition.getAsBoolean()) {
          return true;
        }
        if (timeoutNanos == FOREVER) {
          LockSupport.park(this);
        } else {
          long left = timeoutNanos - (System.nanoTime() - start);
          if (left <= 0) {
            return false;
          }
          LockSupport.parkNanos(this, left);
        }
        interrupted |= Thread.interrupted(); // else no later park would sleep
      }
    } finally {
      finishWait(self, interrupted);
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
  private void finishWait(Sleeper self, boolean interrupted) {
    if (interrupted) {
      Thread.currentThread().interrupt(); // the interrupt status belongs to the program
    }
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
    WaitEntry taken;
    synchronized (lock) {
      taken = newest == null ? null : takeAll();
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
    while (taken != null) {
      WaitEntry entry = taken;
      taken = entry.nextTaken; // now: it may be in another queue when its function returns
      entry.nextTaken = null;
      if (call(entry, key)) {
        letWait(entry);
      }
    }
  }

  /** Calls an entry's function. If it throws, neither the waker nor the other waiters are affected. Returns whether it waits on. */
  private static boolean call(WaitEntry entry, int key) {
    try {
      return entry.func.wake(key);
    } catch (Throwable e) {
      Oops.report("a wake-up", e, "the other waiters are woken");
      return true;
    }
  }

  /** Takes all entries that wait, and tells the others. Under the lock. Answers the oldest, and so on. */
  private @Nullable WaitEntry takeAll() {
    WaitEntry taken = null;
    for (WaitEntry each = newest; each != null; each = each.older) {
      if (each.state == WaitEntry.State.WAITS) {
        each.state = WaitEntry.State.TAKEN;
        each.nextTaken = taken;
        taken = each;
      } else {
        each.state = WaitEntry.State.AGAIN;
      }
    }
    return taken;
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
