// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Checks that each thread takes locks in the order of {@link LockClass}: the counterpart of
 * lockdep. Callers call it only if {@link Debug#ON} is true.
 *
 * <p>A violation is an {@link AssertionError} that names the locks. If a held lock is the reason,
 * the cause has the stack where the thread took it. The error is also recorded in {@link
 * #violations}, because the kernel contains exceptions of many calls.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>A thread that waits for a lock holds no lock of the same or a later class.
 *   <li>A thread may try a lock in any order. Its later waits are checked against that lock.
 *   <li>A thread may enter a monitor or a {@link ReentrantLock} again. Any other lock that a thread
 *       takes twice is a violation.
 *   <li>A thread that needs two locks of a kind takes the second with another class, such as {@link
 *       LockClass#I_RWSEM_CHILD}.
 *   <li>A thread that completes a request, or holds a lock of a class without {@link
 *       LockClass#sleeps}, does not sleep. It waits for no lock of a class with {@code sleeps}.
 * </ul>
 */
@LinuxSource(
    file = "kernel/locking/lockdep.c",
    name = {"lock_acquire", "lock_release"})
public final class LockOrder {
  private static final int MAX_VIOLATIONS = 100;

  private static final ThreadLocal<LockOrder> OF_THREAD = ThreadLocal.withInitial(LockOrder::new);

  /** For each lock, the number of releases by a thread other than the one that took it. */
  private static final Map<Object, AtomicInteger> RELEASED = new ConcurrentHashMap<>();

  private static final List<AssertionError> VIOLATIONS = new CopyOnWriteArrayList<>();

  private final List<Held> held = new ArrayList<>();
  private int completions; // nested calls of completions

  private LockOrder() {}

  /**
   * A lock that the thread holds.
   *
   * @param lockClass its class
   * @param lock the lock
   * @param scoped whether it is a monitor or a ReentrantLock, which knows whether the thread has it
   * @param where the stack where it was taken
   */
  private record Held(LockClass lockClass, Object lock, boolean scoped, Throwable where) {
    boolean isOver() {
      return scoped ? !isMine(lock) : RELEASED.containsKey(lock) && wasReleased(lock);
    }
  }

  private static boolean isMine(Object lock) {
    return lock instanceof ReentrantLock reentrant
        ? reentrant.isHeldByCurrentThread()
        : Thread.holdsLock(lock);
  }

  private static boolean wasReleased(Object lock) {
    boolean[] counted = new boolean[1];
    RELEASED.computeIfPresent(
        lock,
        (key, count) -> {
          counted[0] = true;
          return count.decrementAndGet() == 0 ? null : count;
        });
    return counted[0];
  }

  /**
   * Checks the order and records a lock, before the thread waits for it.
   *
   * @param lockClass its class, or null for a lock without a place in the order
   * @param lock the lock; {@link #release} must follow
   */
  public static void acquire(@Nullable LockClass lockClass, Object lock) {
    if (lockClass != null) {
      LockOrder mine = OF_THREAD.get();
      mine.check(lockClass, lock);
      mine.add(lockClass, lock, false);
    }
  }

  /**
   * Records a lock that the thread has got without waiting.
   *
   * @param lockClass its class, or null for a lock without a place in the order
   * @param lock the lock; {@link #release} must follow
   */
  public static void tried(@Nullable LockClass lockClass, Object lock) {
    if (lockClass != null) {
      OF_THREAD.get().add(lockClass, lock, false);
    }
  }

  /**
   * Records the release of a lock by the thread that took it. A release by another thread is a
   * violation.
   *
   * @param lockClass its class
   * @param lock the lock
   */
  public static void release(LockClass lockClass, Object lock) {
    if (!OF_THREAD.get().forget(lock)) {
      throw violation("releases without holding it: " + name(lockClass, lock), null);
    }
  }

  /**
   * Records the release of a lock that another thread may have taken.
   *
   * @param lockClass its class, or null for a lock without a place in the order
   * @param lock the lock
   */
  public static void releaseFromAny(@Nullable LockClass lockClass, Object lock) {
    if (lockClass == null || OF_THREAD.get().forget(lock)) {
      return;
    }
    RELEASED.compute(
        lock,
        (key, count) -> {
          AtomicInteger counted = count == null ? new AtomicInteger() : count;
          counted.incrementAndGet();
          return counted;
        });
  }

  /**
   * Checks the order and records a monitor or a {@link ReentrantLock}, just before or after the
   * thread enters it. Its release needs no call.
   *
   * @param lockClass its class
   * @param lock the object
   */
  public static void enter(LockClass lockClass, Object lock) {
    LockOrder mine = OF_THREAD.get();
    mine.purge();
    if (mine.find(lock) < 0) {
      mine.check(lockClass, lock);
      mine.add(lockClass, lock, true);
    }
  }

  /**
   * Records a monitor or a {@link ReentrantLock} that the thread has got without waiting.
   *
   * @param lockClass its class
   * @param lock the object
   */
  public static void entered(LockClass lockClass, Object lock) {
    OF_THREAD.get().add(lockClass, lock, true);
  }

  /**
   * Checks that the thread may wait for a lock of a class, without recording one.
   *
   * @param lockClass the class
   * @param lock the lock, for the message
   */
  public static void mayWaitFor(LockClass lockClass, Object lock) {
    OF_THREAD.get().check(lockClass, lock);
  }

  /** Checks that the thread may sleep. */
  @LinuxSource(file = "include/linux/kernel.h", name = "might_sleep")
  public static void maySleep() {
    LockOrder mine = OF_THREAD.get();
    mine.purge();
    for (Held each : mine.held) {
      if (!each.lockClass.sleeps()) {
        throw violation("sleeps while it holds " + name(each), each.where);
      }
    }
    if (mine.completions > 0) {
      throw violation("sleeps while it completes a request", null);
    }
  }

  /** Enters completion context; {@link #leaveCompletion} must follow. */
  public static void enterCompletion() {
    OF_THREAD.get().completions++;
  }

  /** Leaves completion context. */
  public static void leaveCompletion() {
    OF_THREAD.get().completions--;
  }

  /**
   * Returns whether the thread holds a recorded lock.
   *
   * @param lock the lock
   */
  @LinuxSource(file = "include/linux/lockdep.h", name = "lockdep_is_held")
  public static boolean isHeld(Object lock) {
    LockOrder mine = OF_THREAD.get();
    mine.purge();
    return mine.find(lock) >= 0;
  }

  /**
   * Checks that the thread holds a recorded lock.
   *
   * @param lockClass its class
   * @param lock the lock
   * @param call the call that needs it, for the message
   */
  @LinuxSource(file = "include/linux/lockdep.h", name = "lockdep_assert_held")
  public static void mustHold(LockClass lockClass, Object lock, String call) {
    if (!isHeld(lock)) {
      throw violation("calls " + call + " without " + name(lockClass, lock), null);
    }
  }

  /** Returns the violations of all threads until now, at most 100 of them. From any thread. */
  public static List<AssertionError> violations() {
    return List.copyOf(VIOLATIONS);
  }

  /** Drops the violations that a test has provoked. */
  static void forgetViolations() {
    VIOLATIONS.clear();
  }

  /** Returns the place of a lock in the list of held ones, or -1. */
  private int find(Object lock) {
    for (int i = held.size() - 1; i >= 0; i--) {
      if (held.get(i).lock == lock) {
        return i;
      }
    }
    return -1;
  }

  private boolean forget(Object lock) {
    int at = find(lock);
    if (at >= 0) {
      held.remove(at);
    }
    return at >= 0;
  }

  private void purge() {
    held.removeIf(Held::isOver);
  }

  private void add(LockClass lockClass, Object lock, boolean scoped) {
    held.add(new Held(lockClass, lock, scoped, new Throwable("taken here: " + lockClass)));
  }

  private void check(LockClass lockClass, Object lock) {
    purge();
    for (Held each : held) {
      if (each.lock == lock) {
        throw violation("waits for a lock that it holds: " + name(each), each.where);
      }
      if (each.lockClass.compareTo(lockClass) >= 0) {
        String order =
            each.lockClass == lockClass
                ? "; two locks of one class have no order"
                : "; the order is " + lockClass.name() + ", " + each.lockClass.name();
        throw violation(
            "waits for " + name(lockClass, lock) + " while it holds " + name(each) + order,
            each.where);
      }
    }
    if (completions > 0 && lockClass.sleeps()) {
      throw violation("waits for " + name(lockClass, lock) + " while it completes a request", null);
    }
  }

  private static String name(Held held) {
    return name(held.lockClass, held.lock);
  }

  private static String name(LockClass lockClass, Object lock) {
    return lockClass + " (" + lockClass.name() + " " + lock + ")";
  }

  private static AssertionError violation(String what, @Nullable Throwable where) {
    AssertionError error =
        new AssertionError(
            "lock order: thread " + Thread.currentThread().getName() + " " + what, where);
    if (VIOLATIONS.size() < MAX_VIOLATIONS) {
      VIOLATIONS.add(error);
    }
    return error;
  }
}
