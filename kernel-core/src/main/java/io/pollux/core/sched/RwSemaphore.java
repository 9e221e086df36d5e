// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A lock for several readers or one writer: struct rw_semaphore. It has no owner, so another thread
 * may release it. It is not reentrant.
 *
 * <p>Waiters queue in order. The first waiter keeps later arrivals out, so it waits only for
 * current holders, and neither readers nor writers starve. Without waiters, taking and releasing
 * allocate nothing.
 */
@LinuxSource(file = "include/linux/rwsem.h", name = "rw_semaphore")
public final class RwSemaphore {
  // The state: a writer, a first waiter, and the number of readers.
  private static final int WRITER = 1;
  private static final int LINE = 2;
  private static final int READER = 4;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(RwSemaphore.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // through STATE
  private int state;

  private final @Nullable LockClass lockClass;
  private volatile @Nullable Line line; // allocated by the first waiter: most inodes never have one

  /** The waiters. */
  private static final class Line {
    // held by the first waiter; the others wait for it, in order
    private final ReentrantLock first = new ReentrantLock(true);
    private final WaitQueue sleeper = new WaitQueue(); // where the first waiter sleeps
    private final BooleanSupplier takeShared;
    private final BooleanSupplier takeExclusive;

    private Line(BooleanSupplier takeShared, BooleanSupplier takeExclusive) {
      this.takeShared = takeShared;
      this.takeExclusive = takeExclusive;
    }
  }

  /** Creates a free lock without a place in the lock order. */
  public RwSemaphore() {
    this(null);
  }

  /**
   * Creates a free lock.
   *
   * @param lockClass its place in the lock order, or null
   */
  public RwSemaphore(@Nullable LockClass lockClass) {
    this.lockClass = lockClass;
  }

  /**
   * Takes the lock for reading. From process context; may sleep.
   *
   * @param current the calling task, or null for a kernel thread that has no plug
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_read")
  public void downRead(@Nullable Task current) {
    if (Debug.ON) {
      LockOrder.acquire(lockClass, this);
    }
    if (!tryRead()) {
      await(current, false);
    }
    if (Debug.ON) {
      LockOrder.acquired(lockClass, this);
    }
  }

  /**
   * Takes the lock for reading. With nowait, only if it is available at once. From process context.
   *
   * @param current the calling task
   * @param nowait whether the caller must not sleep (IOCB_NOWAIT)
   * @return whether the caller holds the lock: always true without nowait
   */
  public boolean downRead(Task current, boolean nowait) {
    if (nowait) {
      return downReadTrylock();
    }
    downRead(current);
    return true;
  }

  /**
   * Takes the lock for reading if it is available at once. From any context.
   *
   * @return whether the caller holds the lock
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_read_trylock")
  public boolean downReadTrylock() {
    boolean done = tryRead();
    if (Debug.ON && done) {
      LockOrder.tried(lockClass, this);
    }
    return done;
  }

  private boolean tryRead() {
    int now = (int) STATE.getOpaque(this);
    while ((now & (WRITER | LINE)) == 0) { // ends: a turn repeats only if another thread succeeded
      int seen = (int) STATE.compareAndExchangeAcquire(this, now, now + READER);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  /** Releases the lock after reading. From any context. */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "up_read")
  public void upRead() {
    if (Debug.ON) {
      LockOrder.releaseFromAny(lockClass, this);
    }
    // full order: pairs with await, which sets LINE
    int before = (int) STATE.getAndAdd(this, -READER);
    assert before >= READER : "let go by more readers than have it";
    if ((before & LINE) != 0) {
      wake();
    }
  }

  /**
   * Takes the lock for writing. From process context; may sleep.
   *
   * @param current the calling task, or null for a kernel thread that has no plug
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_write")
  public void downWrite(@Nullable Task current) {
    if (Debug.ON) {
      LockOrder.acquire(lockClass, this);
    }
    write(current);
    if (Debug.ON) {
      LockOrder.acquired(lockClass, this);
    }
  }

  /**
   * Takes the lock for writing in another place of the lock order, because the caller holds a lock
   * of the same class. From process context; may sleep.
   *
   * @param current the calling task, or null for a kernel thread that has no plug
   * @param nested the place in the lock order
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_write_nested")
  public void downWriteNested(@Nullable Task current, LockClass nested) {
    if (Debug.ON) {
      LockOrder.acquire(nested, this);
    }
    write(current);
    if (Debug.ON) {
      LockOrder.acquired(nested, this);
    }
  }

  private void write(@Nullable Task current) {
    if (!STATE.compareAndSet(this, 0, WRITER)) {
      await(current, true);
    }
  }

  /**
   * Takes the lock for writing. With nowait, only if it is available at once. From process context.
   *
   * @param current the calling task
   * @param nowait whether the caller must not sleep (IOCB_NOWAIT)
   * @return whether the caller holds the lock: always true without nowait
   */
  public boolean downWrite(Task current, boolean nowait) {
    if (nowait) {
      return downWriteTrylock();
    }
    downWrite(current);
    return true;
  }

  /**
   * Takes the lock for writing if it is available at once. From any context.
   *
   * @return whether the caller holds the lock
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_write_trylock")
  public boolean downWriteTrylock() {
    boolean done = STATE.compareAndSet(this, 0, WRITER);
    if (Debug.ON && done) {
      LockOrder.tried(lockClass, this);
    }
    return done;
  }

  /** Releases the lock after writing. From any context. */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "up_write")
  public void upWrite() {
    if (Debug.ON) {
      LockOrder.releaseFromAny(lockClass, this);
    }
    // full order: pairs with await, which sets LINE
    int before = (int) STATE.getAndAdd(this, -WRITER);
    assert (before & WRITER) != 0 : "let go by a writer who has it not";
    if ((before & LINE) != 0) {
      wake();
    }
  }

  /** Whether any thread holds the lock now. */
  @LinuxSource(file = "include/linux/rwsem.h", name = "rwsem_is_locked")
  public boolean isLocked() {
    return ((int) STATE.getAcquire(this) & ~LINE) != 0;
  }

  /** Wakes the first waiter after a release. */
  @LinuxSource(file = "kernel/locking/rwsem-xadd.c", name = "rwsem_wake")
  private void wake() {
    line().sleeper.wakeUp();
  }

  private Line line() {
    Line made = line;
    if (made == null) {
      synchronized (this) {
        made = line;
        if (made == null) {
          made = new Line(this::takeShared, this::takeExclusive);
          line = made;
        }
      }
    }
    return made;
  }

  /** Waits for the earlier waiters, and then, as the first waiter, until the lock is free. */
  @LinuxSource(
      file = "kernel/locking/rwsem-xadd.c",
      name = {"rwsem_down_read_failed", "rwsem_down_write_failed"})
  private void await(@Nullable Task current, boolean write) {
    if (current != null) {
      current.aboutToSleep();
    }
    Line waiting = line();
    waiting.first.lock();
    try {
      // from here on no new holder can enter, and a release wakes this thread
      STATE.getAndBitwiseOr(this, LINE);
      waiting.sleeper.waitUninterruptibly(write ? waiting.takeExclusive : waiting.takeShared);
    } finally {
      waiting.first.unlock();
    }
  }

  // By the first waiter. Success also clears LINE; the next waiter sets it again.

  private boolean takeShared() {
    int now = (int) STATE.getOpaque(this);
    // ends: a turn repeats only if a reader has left, and none can enter
    while ((now & WRITER) == 0) {
      int seen = (int) STATE.compareAndExchangeAcquire(this, now, now - LINE + READER);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  private boolean takeExclusive() {
    return STATE.compareAndSet(this, LINE, WRITER);
  }
}
