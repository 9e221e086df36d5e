// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Checks that each thread takes locks in the order of {@link LockClass}: the counterpart of
 * lockdep. Callers call it only if {@link Debug#ON} is true.
 *
 * <p>A violation is an {@link AssertionError} that names the locks. If a held lock is the reason,
 * the cause has the stack where the thread took it. A thread that takes a class often records only
 * some of its stacks; the cause may then have a recent stack of the class. {@code
 * -Dpollux.debug.stacks=true} records all. The error is also recorded in {@link #violations},
 * because the kernel contains exceptions of many calls.
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

  /**
   * A thread records this many stacks of a class, and then one of {@link #SAMPLE}. Recording a
   * stack takes longer than all checks of the lock.
   */
  private static final int FIRST = 64;

  private static final int SAMPLE = 256;

  private static final boolean ALL_STACKS = Boolean.getBoolean(Debug.PROPERTY + ".stacks");

  private static final ThreadLocal<LockOrder> OF_THREAD = ThreadLocal.withInitial(LockOrder::new);

  /** The records of each lock that is not scoped, of all threads, oldest first. */
  private static final Map<Object, List<Held>> RECORDS = new ConcurrentHashMap<>();

  private static final List<AssertionError> VIOLATIONS = new CopyOnWriteArrayList<>();

  /** The last recorded stack of each class, by any thread. */
  private static final Map<LockClass, Throwable> LAST = new ConcurrentHashMap<>();

  private final List<Held> held = new ArrayList<>();
  private final Map<LockClass, int[]> taken = new EnumMap<>(LockClass.class); // number of times
  private int completions; // nested calls of completions

  private LockOrder() {}

  /** A lock that the thread holds, or waits for. */
  private static final class Held {
    private final LockClass lockClass;
    private final Object lock;
    private final boolean
        scoped; // a monitor or a ReentrantLock: it knows whether the thread has it
    private final @Nullable Throwable where; // the stack where it was taken, if recorded
    private volatile boolean waits; // the thread does not have it yet
    private volatile boolean released; // by another thread

    Held(
        LockClass lockClass,
        Object lock,
        boolean scoped,
        boolean waits,
        @Nullable Throwable where) {
      this.lockClass = lockClass;
      this.lock = lock;
      this.scoped = scoped;
      this.waits = waits;
      this.where = where;
    }

    /** Returns the stack where it was taken, or else a recent one of its class. */
    @Nullable Throwable where() {
      Throwable last = LAST.get(lockClass);
      if (where != null || last == null) {
        return where;
      }
      Throwable recent =
          new Throwable(
              "not recorded (-Dpollux.debug.stacks=true records each); a recent one"
                  + " was taken here: "
                  + lockClass);
      recent.setStackTrace(last.getStackTrace());
      return recent;
    }

    boolean isOver() {
      return scoped ? !isMine(lock) : released;
    }
  }

  private static boolean isMine(Object lock) {
    return lock instanceof ReentrantLock reentrant
        ? reentrant.isHeldByCurrentThread()
        : Thread.holdsLock(lock);
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
      mine.add(lockClass, lock, false, true);
    }
  }

  /**
   * Records that the thread's wait for a lock has ended. Needed only for a lock that {@link
   * #releaseFromAny} releases: such a release ends the record of a holder, not of a waiter.
   *
   * @param lockClass its class, or null for a lock without a place in the order
   * @param lock the lock, after {@link #acquire}
   */
  public static void acquired(@Nullable LockClass lockClass, Object lock) {
    if (lockClass != null) {
      LockOrder mine = OF_THREAD.get();
      int at = mine.find(lock);
      if (at >= 0) {
        mine.held.get(at).waits = false;
      }
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
      OF_THREAD.get().add(lockClass, lock, false, false);
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
   * Records the release of a lock that another thread may have taken. If this thread does not hold
   * the lock, the release ends the oldest hold.
   *
   * @param lockClass its class, or null for a lock without a place in the order
   * @param lock the lock
   */
  public static void releaseFromAny(@Nullable LockClass lockClass, Object lock) {
    if (lockClass == null || OF_THREAD.get().forget(lock)) {
      return;
    }
    RECORDS.computeIfPresent(
        lock,
        (key, records) -> {
          Held over = records.getFirst();
          for (Held each : records) {
            if (!each.waits) {
              over = each;
              break;
            }
          }
          over.released = true;
          return without(over, records);
        });
  }

  private static @Nullable List<Held> without(Held over, List<Held> records) {
    records.remove(over);
    return records.isEmpty() ? null : records;
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
      mine.add(lockClass, lock, true, false);
    }
  }

  /**
   * Records a monitor or a {@link ReentrantLock} that the thread has got without waiting.
   *
   * @param lockClass its class
   * @param lock the object
   */
  public static void entered(LockClass lockClass, Object lock) {
    OF_THREAD.get().add(lockClass, lock, true, false);
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
        throw violation("sleeps while it holds " + name(each), each.where());
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
    purge();
    int at = find(lock);
    if (at >= 0) {
      Held over = held.remove(at);
      if (!over.scoped) {
        RECORDS.computeIfPresent(lock, (key, records) -> without(over, records));
      }
    }
    return at >= 0;
  }

  private void purge() {
    held.removeIf(Held::isOver);
  }

  private void add(LockClass lockClass, Object lock, boolean scoped, boolean waits) {
    Held mine = new Held(lockClass, lock, scoped, waits, stack(lockClass));
    held.add(mine);
    if (!scoped) {
      RECORDS.compute(
          lock,
          (key, records) -> {
            List<Held> all = records == null ? new ArrayList<>(1) : records;
            all.add(mine);
            return all;
          });
    }
  }

  /** Returns the stack of the thread, or null if this time it is not recorded. */
  private @Nullable Throwable stack(LockClass lockClass) {
    int times = taken.computeIfAbsent(lockClass, key -> new int[1])[0]++;
    if (!ALL_STACKS && times >= FIRST && times % SAMPLE != 0) {
      return null;
    }
    Throwable here = new Throwable("taken here: " + lockClass);
    LAST.put(lockClass, here);
    return here;
  }

  private void check(LockClass lockClass, Object lock) {
    purge();
    for (Held each : held) {
      if (each.lock == lock) {
        throw violation("waits for a lock that it holds: " + name(each), each.where());
      }
      if (each.lockClass.compareTo(lockClass) >= 0) {
        String order =
            each.lockClass == lockClass
                ? "; two locks of one class have no order"
                : "; the order is " + lockClass.name() + ", " + each.lockClass.name();
        throw violation(
            "waits for " + name(lockClass, lock) + " while it holds " + name(each) + order,
            each.where());
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
