// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A lock that many may hold to read or one to write: the counterpart of struct rw_semaphore. It has no owner: another thread
 * may let go of it. It is not reentrant, neither to read nor to write.
 *
 * <p>Who can't have it at once waits in a line. The first in line keeps those away that come later, so that it waits only
 * for who holds the lock already: neither readers nor writers starve. Taking it and letting go allocate nothing
 * while nobody waits.
 */
@LinuxSource(file = "include/linux/rwsem.h", name = "rw_semaphore")
public final class RwSemaphore {
  // The state: a writer, somebody first in line, and the number of readers.
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

  private volatile @Nullable Line line; // made when somebody has to wait: most inodes never see that

  /** Who waits. */
  private static final class Line {
    private final ReentrantLock first = new ReentrantLock(true); // held by the first; the others wait for it, in order
    private final WaitQueue sleeper = new WaitQueue(); // where the first one sleeps
    private final BooleanSupplier takeShared;
    private final BooleanSupplier takeExclusive;

    private Line(BooleanSupplier takeShared, BooleanSupplier takeExclusive) {
      this.takeShared = takeShared;
      this.takeExclusive = takeExclusive;
    }
  }

  /** Makes one that nobody holds. */
  public RwSemaphore() {}

  /**
   * Takes it to read. From process context; may sleep.
   *
   * @param current the calling task, or null for a thread of the kernel that has nothing plugged
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_read")
  public void downRead(@Nullable Task current) {
    if (!downReadTrylock()) {
      await(current, false);
    }
  }

  /**
   * Takes it to read, or, for who must not sleep, only if that needs no wait. From process context.
   *
   * @param current the calling task
   * @param nowait whether it must not sleep (IOCB_NOWAIT)
   * @return whether the caller has it: always, if it may sleep
   */
  public boolean downRead(Task current, boolean nowait) {
    if (!downReadTrylock()) {
      if (nowait) {
        return false;
      }
      await(current, false);
    }
    return true;
  }

  /**
   * Takes it to read if that needs no wait. From any context.
   *
   * @return whether the caller has it
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_read_trylock")
  public boolean downReadTrylock() {
    int now = (int) STATE.getOpaque(this);
    while ((now & (WRITER | LINE)) == 0) { // ends: each turn but the last is another's success
      int seen = (int) STATE.compareAndExchangeAcquire(this, now, now + READER);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  /** Lets go of it after reading. From any context. */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "up_read")
  public void upRead() {
    int before = (int) STATE.getAndAdd(this, -READER); // full order: pairs with the line's own look
    assert before >= READER : "let go by more readers than have it";
    if ((before & LINE) != 0) {
      wake();
    }
  }

  /**
   * Takes it to write. From process context; may sleep.
   *
   * @param current the calling task, or null for a thread of the kernel that has nothing plugged
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_write")
  public void downWrite(@Nullable Task current) {
    if (!downWriteTrylock()) {
      await(current, true);
    }
  }

  /**
   * Takes it to write, or, for who must not sleep, only if that needs no wait. From process context.
   *
   * @param current the calling task
   * @param nowait whether it must not sleep (IOCB_NOWAIT)
   * @return whether the caller has it: always, if it may sleep
   */
  public boolean downWrite(Task current, boolean nowait) {
    if (!downWriteTrylock()) {
      if (nowait) {
        return false;
      }
      await(current, true);
    }
    return true;
  }

  /**
   * Takes it to write if that needs no wait. From any context.
   *
   * @return whether the caller has it
   */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "down_write_trylock")
  public boolean downWriteTrylock() {
    return STATE.compareAndSet(this, 0, WRITER);
  }

  /** Lets go of it after writing. From any context. */
  @LinuxSource(file = "kernel/locking/rwsem.c", name = "up_write")
  public void upWrite() {
    int before = (int) STATE.getAndAdd(this, -WRITER); // full order: pairs with the line's own look
    assert (before & WRITER) != 0 : "let go by a writer who has it not";
    if ((before & LINE) != 0) {
      wake();
    }
  }

  /**
   * Whether anybody has it.
   *
   * @return true if so, for the moment
   */
  @LinuxSource(file = "include/linux/rwsem.h", name = "rwsem_is_locked")
  public boolean isLocked() {
    return ((int) STATE.getAcquire(this) & ~LINE) != 0;
  }

  /** Somebody who has it is gone, and somebody is first in line. */
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

  /** Waits in line, and then, as the first, until the lock can be had. */
  @LinuxSource(file = "kernel/locking/rwsem-xadd.c", name = {"rwsem_down_read_failed", "rwsem_down_write_failed"})
  private void await(@Nullable Task current, boolean write) {
    if (current != null) {
      current.aboutToSleep();
    }
    Line waiting = line();
    waiting.first.lock();
    try {
      STATE.getAndBitwiseOr(this, LINE); // from here on nobody comes in between; and who lets go wakes up
      waiting.sleeper.waitUninterruptibly(write ? waiting.takeExclusive : waiting.takeShared);
    } finally {
      waiting.first.unlock();
    }
  }

  // By the first in line, whose mark goes with it: the next one makes its own.

  private boolean takeShared() {
    int now = (int) STATE.getOpaque(this);
    while ((now & WRITER) == 0) { // ends: each turn but the last is a reader's leaving, and none come
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
