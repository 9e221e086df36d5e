// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufSpace;
import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A lock that a cluster shares: the state that this node has it in, its holders here, and the
 * waiters.
 *
 * <p>A state outlives its holders. The node keeps it, and what is cached under it, until a holder
 * here wants another state or another node asks for the glock.
 *
 * <p>Fast path: a holder that asks for the state the node already has, with no waiter queued, only
 * increments a counter. That is one compare-and-swap on {@link #word}, and one atomic subtraction
 * to release it:
 *
 * <pre>
 *   bits 0 to 1: the state    bit 2: SLOW    bits 3 to 30: counted holders
 * </pre>
 *
 * <p>Slow path: while SLOW is set, every holder goes through {@link #lock} and the queue, and
 * holders are granted in order of arrival. The last counted holder to leave runs the queue. A task
 * that finds that the state must change makes the change itself, in its own process context,
 * without the lock, while the others wait. The state must change if there is no holder and the
 * first waiter wants another state, or if the glock is to be demoted. (In C a work queue changes
 * it.)
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_glock")
final class Gfs2Glock {
  private static final int STATE = 3; // bits
  private static final int SLOW = 1 << 2;
  private static final int COUNT_SHIFT = 3;
  private static final int ONE = 1 << COUNT_SHIFT;
  private static final int NOT_DEMOTED = -1;
  private static final VarHandle WORD;

  static {
    try {
      WORD = MethodHandles.lookup().findVarHandle(Gfs2Glock.class, "word", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Gfs2LockName name;
  private final LmLockops lm;
  private final Gfs2GlockOperations ops;
  private final BufSpace bufs;
  private final ReentrantLock lock = new ReentrantLock(); // C: gl_lockref.lock

  private volatile int word;

  // All of these under the lock:
  private @Nullable Gfs2Holder first; // C: gl_holders: the exclusive holder, then the waiters
  private @Nullable Gfs2Holder last;
  private int waiting;
  private boolean changing; // C: GLF_LOCK: a task is changing the state
  private int demoteState = NOT_DEMOTED; // C: GLF_DEMOTE and gl_demote_state

  private volatile @Nullable Gfs2Inode object; // C: gl_object

  Gfs2Glock(Gfs2LockName name, LmLockops lm, Gfs2GlockOperations ops, BufSpace bufs) {
    this.name = name;
    this.lm = lm;
    this.ops = ops;
    this.bufs = bufs;
  }

  Gfs2LockName name() {
    return name;
  }

  /** The buffers of the blocks that the glock protects. They are valid while the glock is held. */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "gfs2_glock2aspace")
  BufSpace bufs() {
    return bufs;
  }

  /**
   * The inode that the glock protects, or null if it is not in memory or the glock is not an
   * inode's.
   */
  @Nullable Gfs2Inode object() {
    return object;
  }

  @LinuxSource(file = "fs/gfs2/glock.h", name = "glock_set_object")
  void setObject(Gfs2Inode inode) {
    object = inode;
  }

  /** The state that this node has the glock in. */
  int state() {
    return word & STATE;
  }

  @Override
  public String toString() {
    return name.type().code + "/" + Long.toHexString(name.number()) + ":" + LmState.name(state());
  }

  /**
   * Takes the glock. From process context; sleeps unless it is a try.
   *
   * @param current the calling task
   * @param gh the holder: the state wanted, and flags
   * @return 0, and the caller must call {@link #dq}. -EAGAIN if a try would have to wait. Or a
   *     negative errno of the lock module or the disk
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_nq")
  int nq(Task current, Gfs2Holder gh) {
    if (Debug.ON && !gh.isTry()) {
      LockOrder.acquire(name.type().lockClass, this);
    }
    int result = 0;
    if (gh.state != LmState.EXCLUSIVE && tryCount(gh.state)) {
      gh.counted = true;
    } else {
      result = queue(current, gh);
    }
    if (Debug.ON) {
      order(gh.isTry(), result);
    }
    if (Trace.on() && result == 0) {
      Gfs2Trace.promote(current, this, gh.state);
    }
    return result;
  }

  /**
   * Takes the glock without a holder object, for the read path: in a state that can be shared,
   * without flags. From process context; sleeps.
   *
   * @param current the calling task
   * @param state deferred or shared
   * @return 0, and the caller must call {@link #letGo}; or a negative errno, as {@link #nq}
   */
  int hold(Task current, int state) {
    assert state != LmState.UNLOCKED && state != LmState.EXCLUSIVE;
    if (Debug.ON) {
      LockOrder.acquire(name.type().lockClass, this);
    }
    int result = tryCount(state) ? 0 : queueCounted(current, state);
    if (Debug.ON) {
      order(false, result);
    }
    if (Trace.on() && result == 0) {
      Gfs2Trace.promote(current, this, state);
    }
    return result;
  }

  /** Records a glock that a try took, and removes the record of a wait that failed. */
  private void order(boolean isTry, int result) {
    if (isTry && result == 0) {
      LockOrder.tried(name.type().lockClass, this);
    } else if (!isTry && result != 0) {
      LockOrder.release(name.type().lockClass, this);
    }
  }

  private void lock() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.GFS2_GLOCK_QUEUE, lock);
    }
    lock.lock();
  }

  /** The fast path: the glock is in that state, and SLOW is clear. */
  private boolean tryCount(int state) {
    int seen = word;
    // terminates: another task succeeds each time this fails
    while ((seen & (STATE | SLOW)) == state) {
      if (WORD.compareAndSet(this, seen, seen + ONE)) {
        return true;
      }
      seen = word;
    }
    return false;
  }

  /** Waits with a holder from the slab. A granted holder is counted and needs no object. */
  private int queueCounted(Task current, int state) {
    Gfs2Holder gh = Gfs2Holder.alloc(current, this, state, 0);
    int result = queue(current, gh);
    assert gh.counted == (result == 0);
    gh.counted = false;
    gh.uninit();
    return result;
  }

  @LinuxSource(file = "fs/gfs2/glock.c", name = "add_to_queue")
  private int queue(Task current, Gfs2Holder gh) {
    gh.prepareToWait();
    lock();
    try {
      goSlow();
      boolean futile = gh.isTry() && (changing || waiting > 0);
      append(gh);
      if (!futile) {
        runQueue(current);
      }
      if (gh.isTry() && gh.status() == Gfs2Holder.HIF_WAIT) {
        fail(gh, -Errno.EAGAIN);
      }
      goFast();
    } finally {
      lock.unlock();
    }
    gh.await(current);
    return gh.error();
  }

  /**
   * Releases the glock. From process context: changes the state here if others wait or the state is
   * not to be kept.
   *
   * @param current the calling task
   * @param gh its holder
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_dq")
  void dq(Task current, Gfs2Holder gh) {
    if (Debug.ON) {
      LockOrder.release(name.type().lockClass, this);
    }
    if (gh.counted && (gh.flags & Gfs2Holder.GL_NOCACHE) == 0) {
      gh.counted = false;
      uncount(current);
      return;
    }
    lock();
    try {
      goSlow();
      if ((gh.flags & Gfs2Holder.GL_NOCACHE) != 0) {
        demoteTo(current, LmState.UNLOCKED, false);
      }
      leave(gh);
      runQueue(current);
      goFast();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Releases what {@link #hold} took. From process context: changes the state here if others wait.
   *
   * @param current the calling task
   */
  void letGo(Task current) {
    if (Debug.ON) {
      LockOrder.release(name.type().lockClass, this);
    }
    uncount(current);
  }

  private void uncount(Task current) {
    int left = (int) WORD.getAndAdd(this, -ONE) - ONE;
    assert left >= 0 : "given back twice";
    if ((left & SLOW) != 0 && left >> COUNT_SHIFT == 0) {
      lastCountedLeft(current);
    }
  }

  /** Runs the queue after the last counted holder left: a waiter or a demotion waits for that. */
  private void lastCountedLeft(Task current) {
    lock();
    try {
      runQueue(current);
      goFast();
    } finally {
      lock.unlock();
    }
  }

  private void leave(Gfs2Holder gh) {
    if (gh.counted) {
      gh.counted = false;
      WORD.getAndAdd(this, -ONE);
    } else {
      remove(gh);
    }
  }

  /**
   * Called when another node wants the glock. It is demoted as soon as it has no holder here,
   * before any waiter here is granted. From process context, on the lock module's own task.
   *
   * @param current the calling task
   * @param state the state that this node may keep it in
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_cb")
  void callback(Task current, int state) {
    lock();
    try {
      goSlow();
      demoteTo(current, state, true);
      runQueue(current);
      goFast();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Records a request to demote. Two requests for different states demote to unlocked. With the
   * lock.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "handle_callback")
  private void demoteTo(Task current, int target, boolean remote) {
    demoteState = demoteState == NOT_DEMOTED || demoteState == target ? target : LmState.UNLOCKED;
    if (Trace.on()) {
      Gfs2Trace.demoteRq(current, this, state(), demoteState, remote);
    }
  }

  /**
   * Grants, refuses and demotes until nothing is left to do or holders must leave first. With the
   * lock, which it drops while it changes the state. Each round grants, refuses or demotes
   * something, so the requests bound the rounds.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "run_queue")
  private void runQueue(Task current) {
    while (!changing) { // otherwise the task that changes the state runs the queue afterwards
      if (demoteState == state() || state() == LmState.UNLOCKED) {
        demoteState = NOT_DEMOTED;
      }
      if (demoteState != NOT_DEMOTED) {
        if (isHeld()) {
          return;
        }
        change(current, demoteState, null);
        continue;
      }
      Gfs2Holder next = promote();
      if (next == null || isHeld()) {
        return;
      }
      change(current, next.state, next);
    }
  }

  /**
   * Grants what can be granted, in the order of the queue. Returns the first holder that must wait,
   * or null. With the lock.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "do_promote")
  private @Nullable Gfs2Holder promote() {
    Gfs2Holder gh = firstWaiter();
    while (gh != null) {
      if (!mayGrant(gh)) {
        if (isHeld()) {
          failTries(gh);
        }
        return firstWaiter();
      }
      Gfs2Holder next = gh.behind;
      grant(gh);
      gh = next;
    }
    return null;
  }

  /**
   * Grants a holder. A shared holder is counted, as on the fast path, so only an exclusive holder
   * stays in the queue.
   */
  private void grant(Gfs2Holder gh) {
    waiting--;
    if (gh.state != LmState.EXCLUSIVE) {
      WORD.getAndAdd(this, ONE);
      gh.counted = true;
      remove(gh);
    }
    gh.wake(Gfs2Holder.HIF_HOLDER, 0);
  }

  /**
   * Whether a queued holder is compatible with the current holders and the state. With the lock.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "may_grant")
  private boolean mayGrant(Gfs2Holder gh) {
    int state = state();
    boolean alone = word >> COUNT_SHIFT == 0 && gh == first;
    if (!alone
        && (gh.state == LmState.EXCLUSIVE
            || (first != gh && first != null && first.state == LmState.EXCLUSIVE))) {
      return false;
    }
    if (state == gh.state) {
      return true;
    }
    if (state == LmState.UNLOCKED || (gh.flags & Gfs2Holder.GL_EXACT) != 0) {
      return false;
    }
    // C grants deferred under exclusive, too, since its direct I/O flushes the page cache itself.
    // Here the change of state does that.
    return (gh.flags & Gfs2Holder.LM_FLAG_ANY) != 0
        || (state == LmState.EXCLUSIVE && gh.state == LmState.SHARED);
  }

  /** Refuses tries from one on: they would have to wait. With the lock. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "do_error")
  private void failTries(Gfs2Holder from) {
    Gfs2Holder gh = from;
    while (gh != null) {
      Gfs2Holder behind = gh.behind;
      if (gh.isTry() && gh.status() == Gfs2Holder.HIF_WAIT) {
        fail(gh, -Errno.EAGAIN);
      }
      gh = behind;
    }
  }

  private void fail(Gfs2Holder gh, int error) {
    waiting--;
    remove(gh);
    gh.wake(Gfs2Holder.HIF_FAILED, error);
  }

  private @Nullable Gfs2Holder firstWaiter() {
    Gfs2Holder gh = first;
    while (gh != null && gh.status() != Gfs2Holder.HIF_WAIT) {
      gh = gh.behind;
    }
    return gh;
  }

  private boolean isHeld() {
    return word >> COUNT_SHIFT != 0 || (first != null && first.status() == Gfs2Holder.HIF_HOLDER);
  }

  /** Changes the state while there is no holder. With the lock, which it drops meanwhile. */
  @LinuxSource(
      file = "fs/gfs2/glock.c",
      name = {"do_xmote", "finish_xmote"})
  private void change(Task current, int target, @Nullable Gfs2Holder wanted) {
    changing = true;
    int flags =
        wanted == null ? 0 : wanted.flags & (Gfs2Holder.LM_FLAG_TRY | Gfs2Holder.LM_FLAG_TRY_1CB);
    int now = -Errno.EIO;
    lock.unlock();
    try {
      now = move(current, target, flags);
    } finally {
      lock();
      changing = false;
      if (Trace.on()) {
        int next = now < 0 ? LmState.UNLOCKED : now;
        Gfs2Trace.stateChange(current, this, state(), next, demoteState);
      }
      setState(now < 0 ? LmState.UNLOCKED : now);
      if (wanted != null && now != target) {
        fail(wanted, now < 0 ? now : -Errno.EAGAIN);
      }
    }
  }

  /**
   * Changes the state, without the lock. Returns the new state; after a negative errno the glock is
   * unlocked.
   */
  private int move(Task current, int target, int flags) {
    int from = state();
    ops.goSync(current, this, target);
    if (target == LmState.UNLOCKED || target == LmState.DEFERRED) {
      ops.goInval(this, target == LmState.UNLOCKED);
    }
    int result = lm.lock(current, name, from, target, flags);
    if (result == -Errno.EAGAIN && flags != 0) {
      return from; // unchanged
    }
    if (result > LmState.UNLOCKED) {
      int locked = ops.goLock(current, this);
      if (locked != 0) {
        result = locked;
      }
    }
    if (result < 0 && target != LmState.UNLOCKED) {
      ops.goInval(this, true);
      lm.lock(current, name, from, LmState.UNLOCKED, 0);
    }
    return result;
  }

  private void setState(int state) {
    int seen = word;
    assert seen >> COUNT_SHIFT == 0 && (seen & SLOW) != 0 : "a change of what is held";
    word = (seen & ~STATE) | state; // SLOW keeps all other tasks away
  }

  /** Sends every holder through the queue from now on. With the lock. */
  private void goSlow() {
    WORD.getAndBitwiseOr(this, SLOW);
  }

  /** Allows the fast path again if nothing is left to do. With the lock. */
  private void goFast() {
    if (waiting == 0 && !changing && demoteState == NOT_DEMOTED) {
      WORD.getAndBitwiseAnd(this, ~SLOW);
    }
  }

  private void append(Gfs2Holder gh) {
    waiting++;
    gh.before = last;
    if (last == null) {
      first = gh;
    } else {
      last.behind = gh;
    }
    last = gh;
  }

  private void remove(Gfs2Holder gh) {
    if (gh.before == null) {
      first = gh.behind;
    } else {
      gh.before.behind = gh.behind;
    }
    if (gh.behind == null) {
      last = gh.before;
    } else {
      gh.behind.before = gh.before;
    }
    gh.before = null;
    gh.behind = null;
  }
}
