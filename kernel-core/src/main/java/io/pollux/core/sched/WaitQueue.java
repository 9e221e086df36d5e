// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that wait for a condition, and callbacks for its changes: wait_queue_head_t. A thread that
 * makes the condition true calls {@link #wakeUp()} afterwards; each waiter then evaluates the
 * condition again. A condition must not wait for another one.
 *
 * <p>A callback is a {@link WaitEntry}. An entry waits in the queue, or it has one owner:
 *
 * <ul>
 *   <li>the thread that adds it, until {@link #letWait};
 *   <li>a wake-up, until its function returns;
 *   <li>a canceller, by {@link #take}.
 * </ul>
 *
 * <p>Wake-ups of an owned entry are recorded for its owner. An owner that removes its entry may
 * reuse it at once, because no wake-up can find it. The function is called without a lock. (In C a
 * wake-up calls the function under the queue's lock, and the function removes the entry.)
 *
 * <p>Only a signal of the task interrupts a wait. {@link Thread#interrupt} does not; the thread
 * keeps its interrupt status.
 *
 * <p>Waiting and waking allocate nothing after a thread's first wait.
 */
@LinuxSource(file = "include/linux/wait.h", name = "wait_queue_head_t")
public final class WaitQueue {
  /** A wait without a timeout. */
  public static final long FOREVER = Long.MAX_VALUE;

  /** One link for each thread, because a thread sleeps in one queue at a time. */
  private static final ThreadLocal<Sleeper> SLEEPER = ThreadLocal.withInitial(Sleeper::new);

  private final AtomicInteger waiters = new AtomicInteger(); // a lower bound of their number
  private final Object lock = new Object();
  private @Nullable Sleeper first; // under the lock, as are the links
  private @Nullable WaitEntry newest; // under the lock, as is the state of all entries

  /** A waiting thread. */
  private static final class Sleeper {
    private final Thread thread = Thread.currentThread();
    private @Nullable Sleeper next;
  }

  /** Creates an empty queue. */
  public WaitQueue() {}

  /** A callback, called instead of a wake-up. */
  @FunctionalInterface
  @LinuxSource(file = "include/linux/wait.h", name = "wait_queue_func_t")
  public interface WaitFunc {
    /**
     * Handles a possible change of the condition. From any context, by the owner of the entry; must
     * not sleep.
     *
     * @param key what happened, such as a poll mask; 0 if the waker does not know
     * @return true to wait again; false if this function removes the entry, or has removed it
     */
    boolean wake(int key);
  }

  /** A callback in a queue, in one at a time. */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_queue_entry_t")
  public static final class WaitEntry {
    private enum State {
      /** In no queue. */
      OUT,
      /** Waits in a queue. */
      WAITS,
      /** Has an owner. */
      TAKEN,
      /** Has an owner, and there was a wake-up meanwhile. */
      AGAIN
    }

    private final WaitFunc func;
    private State state = State.OUT;
    private @Nullable WaitEntry newer;
    private @Nullable WaitEntry older;
    private @Nullable WaitEntry nextTaken; // list of the entries that one wake-up has taken

    /**
     * Creates an entry that is in no queue.
     *
     * @param func the callback
     */
    public WaitEntry(WaitFunc func) {
      this.func = func;
    }
  }

  /**
   * Adds an entry. The caller owns it, and checks the condition before it calls {@link #letWait}.
   *
   * @param entry the entry, in no queue
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "add_wait_queue")
  public void add(WaitEntry entry) {
    lockdep();
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
   * Lets an owned entry wait. If there was a wake-up since the caller owns it, calls its function
   * first. Does nothing if the entry was removed. From any context.
   *
   * @param entry an entry that the caller owns; no longer owned afterwards
   */
  public void letWait(WaitEntry entry) {
    do {
      lockdep();
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
   * Takes a waiting entry. If the entry has another owner, that owner's function is called once
   * more before the entry waits. From any context.
   *
   * @param entry an entry that may be in this queue, or in none
   * @return whether the caller owns it
   */
  public boolean take(WaitEntry entry) {
    lockdep();
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
   * Removes an entry. Its function is not called afterwards, unless the entry has another owner.
   *
   * @param entry an entry of this queue, or of none
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "remove_wait_queue")
  public void remove(WaitEntry entry) {
    lockdep();
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
   * Waits until a condition holds, the task is interrupted, or the timeout expires. From process
   * context.
   *
   * @param current the calling task
   * @param condition evaluated by the calling thread only
   * @param timeoutNanos the timeout, or {@link #FOREVER}
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
        VarHandle.fullFence(); // in the queue before the condition is evaluated; pairs with wakeUp
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
   * Waits uninterruptibly until a condition holds, for an exit or a teardown that must complete.
   * Needs no task.
   *
   * @param condition evaluated by the calling thread only
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event")
  public void waitUninterruptibly(BooleanSupplier condition) {
    waitUninterruptibly(condition, FOREVER);
  }

  /**
   * Waits uninterruptibly with a timeout.
   *
   * @param condition evaluated by the calling thread only
   * @param timeoutNanos the timeout, or {@link #FOREVER}
   * @return whether the condition holds
   */
  @LinuxSource(file = "include/linux/wait.h", name = "wait_event_timeout")
  public boolean waitUninterruptibly(BooleanSupplier condition, long timeoutNanos) {
    if (condition.getAsBoolean()) {
      return true;
    }
    if (Debug.ON) {
      LockOrder.maySleep();
    }
    long start = timeoutNanos == FOREVER ? 0 : System.nanoTime();
    Sleeper self = prepareToWait();
    boolean interrupted = false;
    try {
      while (true) {
        VarHandle.fullFence(); // in the queue before the condition is evaluated; pairs with wakeUp
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
    lockdep();
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
    lockdep();
    synchronized (lock) {
      Sleeper before = first;
      if (before == self) {
        first = self.next;
      } else {
        while (before != null && before.next != self) { // bounded by the number of waiting threads
          before = before.next;
        }
        assert before != null : "not in the queue that it waited in";
        before.next = self.next;
      }
      self.next = null;
    }
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.WAIT_QUEUE, lock);
    }
  }

  /** Wakes all waiters. From any context. Cheap without waiters. */
  @LinuxSource(file = "kernel/sched/wait.c", name = "wake_up")
  public void wakeUp() {
    wakeUp(0);
  }

  /**
   * Wakes all waiters and calls the callbacks with a key. From any context.
   *
   * @param key what happened, such as a poll mask
   */
  @LinuxSource(file = "kernel/sched/wait.c", name = "__wake_up_poll")
  public void wakeUp(int key) {
    VarHandle.fullFence(); // the condition before the read of the queue; pairs with waitEvent
    if (!active()) {
      return;
    }
    Thread last = null;
    WaitEntry taken;
    lockdep();
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
      LockSupport.unpark(last); // outside the lock, which the woken thread takes
    }
    while (taken != null) {
      WaitEntry entry = taken;
      taken = entry.nextTaken; // before the call: the function may add the entry to another queue
      entry.nextTaken = null;
      if (call(entry, key)) {
        letWait(entry);
      }
    }
  }

  /**
   * Calls an entry's function. If it throws, the waker and the other waiters continue. Returns
   * whether the entry still waits.
   */
  private static boolean call(WaitEntry entry, int key) {
    try {
      return entry.func.wake(key);
    } catch (Throwable e) {
      Oops.report("a wake-up", e, "the other waiters are woken");
      return true;
    }
  }

  /**
   * Takes all waiting entries and records the wake-up for the others. Under the lock. Returns the
   * list, oldest first.
   */
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
   * Whether there is a waiter, to avoid {@link #wakeUp} and its fence. The caller must have made
   * the condition true by an atomic read-modify-write with full order; otherwise it may miss a
   * waiter.
   */
  @LinuxSource(file = "include/linux/wait.h", name = "waitqueue_active")
  public boolean active() {
    return waiters.get() != 0;
  }
}
