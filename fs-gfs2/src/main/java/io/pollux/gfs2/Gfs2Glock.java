// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufSpace;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A lock that a cluster shares: in which state this node has it, who holds it here, and who waits.
 *
 * <p>A state outlives its holders: the node keeps it, and what it has cached under it, until somebody here wants
 * another one or somebody elsewhere asks. So who comes next and wants the same state only has to be counted. That is one
 * compare-and-swap on {@link #word}, and another one at the end; nothing else is touched as long as nobody waits:
 *
 * <pre>
 *   bits 0 to 1: the state    bit 2: SLOW    bits 3 to 30: holders that are only counted
 * </pre>
 *
 * <p>Where more is to be done SLOW is set: from then on everybody comes through {@link #lock} and the queue, in which
 * holders are granted in the order in which they came, and where the last one that was only counted leaves he looks what is
 * next. Whoever finds that the state has to change (nobody holds it, and the first in the queue wants another one, or
 * it is to be demoted) changes it himself, in his own process context, without the lock, while everybody else waits. (In
 * C a work queue does it.)
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

  /**
   * What the thread holds that asked for this glock last, for assertions: {@link HeldGlocks#of} looks here before it looks
   * the thread up. Raced for: who finds another thread's does without.
   */
  @Nullable HeldGlocks lastAsked;

  // All of these under the lock:
  private @Nullable Gfs2Holder first; // C: gl_holders: who holds it exclusively, then those who wait
  private @Nullable Gfs2Holder last;
  private int waiting;
  private boolean changing; // C: GLF_LOCK: somebody is changing the state
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

  /** Buffers of the blocks that it protects. They are valid while the glock is held. */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "gfs2_glock2aspace")
  BufSpace bufs() {
    return bufs;
  }

  /** The inode that it protects, if it is one and in memory. */
  @Nullable Gfs2Inode object() {
    return object;
  }

  @LinuxSource(file = "fs/gfs2/glock.h", name = "glock_set_object")
  void setObject(Gfs2Inode inode) {
    object = inode;
  }

  /** The state that this node has it in. */
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
   * @param gh what is wanted
   * @return 0, and then {@link #dq} must follow; -EAGAIN if it was a try and would have had to wait; or another negative
   *     errno if the lock module or the disk has it that way
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_nq")
  int nq(Task current, Gfs2Holder gh) {
    assert HeldGlocks.add(this);
    int result = 0;
    if (gh.state != LmState.EXCLUSIVE && tryCount(gh.state)) {
      gh.counted = true;
    } else {
      result = queue(current, gh);
    }
    assert result == 0 || HeldGlocks.remove(this);
    return result;
  }

  /**
   * Takes the glock without a holder of the caller's, for the way of a read: in a state that others may hold, too, without
   * flags. From process context; sleeps.
   *
   * @param current the calling task
   * @param state deferred or shared
   * @return 0, and then {@link #letGo} must follow; or a negative errno, as of {@link #nq}
   */
  int hold(Task current, int state) {
    assert state != LmState.UNLOCKED && state != LmState.EXCLUSIVE;
    assert HeldGlocks.add(this);
    int result = tryCount(state) ? 0 : queueCounted(current, state);
    assert result == 0 || HeldGlocks.remove(this);
    return result;
  }

  /** The common case: the glock is in that state, and nobody waits. */
  private boolean tryCount(int state) {
    int seen = word;
    while ((seen & (STATE | SLOW)) == state) { // ends: somebody else succeeds each time that this fails
      if (WORD.compareAndSet(this, seen, seen + ONE)) {
        return true;
      }
      seen = word;
    }
    return false;
  }

  /** Waits with a holder, which who is granted the glock and counted needs no more. */
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
    lock.lock();
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
   * Gives the glock back. From process context: if others wait, or it is not to be kept, its state is changed here.
   *
   * @param current the calling task
   * @param gh who holds it
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_dq")
  void dq(Task current, Gfs2Holder gh) {
    assert HeldGlocks.remove(this);
    if (gh.counted && (gh.flags & Gfs2Holder.GL_NOCACHE) == 0) {
      gh.counted = false;
      uncount(current);
      return;
    }
    lock.lock();
    try {
      goSlow();
      if ((gh.flags & Gfs2Holder.GL_NOCACHE) != 0) {
        demoteTo(LmState.UNLOCKED);
      }
      leave(gh);
      runQueue(current);
      goFast();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives back what {@link #hold} took. From process context: if others wait, the state is changed here.
   *
   * @param current the calling task
   */
  void letGo(Task current) {
    assert HeldGlocks.remove(this);
    uncount(current);
  }

  private void uncount(Task current) {
    int left = (int) WORD.getAndAdd(this, -ONE) - ONE;
    assert left >= 0 : "given back twice";
    if ((left & SLOW) != 0 && left >> COUNT_SHIFT == 0) {
      lastCountedLeft(current);
    }
  }

  /** Somebody waits for that. */
  private void lastCountedLeft(Task current) {
    lock.lock();
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
   * Somebody elsewhere wants the glock: it is given up as soon as nobody here holds it, before anybody who waits here
   * gets it. From process context, of the lock module's own task.
   *
   * @param current the calling task
   * @param state what this node may keep it in
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_cb")
  void callback(Task current, int state) {
    lock.lock();
    try {
      goSlow();
      demoteTo(state);
      runQueue(current);
      goFast();
    } finally {
      lock.unlock();
    }
  }

  /** Two wishes that differ are met by giving it up. With the lock. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "handle_callback")
  private void demoteTo(int target) {
    demoteState = demoteState == NOT_DEMOTED || demoteState == target ? target : LmState.UNLOCKED;
  }

  /**
   * Does what there is to do, until it is done or others have to let go first. With the lock, which it drops while it
   * changes the state. Each round grants, refuses or demotes something, so there are no more rounds than wishes.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "run_queue")
  private void runQueue(Task current) {
    while (!changing) { // else who changes it comes here when it is done
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

  /** Grants what can be granted, in the order of the queue. Answers the first who has to wait, or null. With the lock. */
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

  /** Who holds it along with others is counted, as if he had not waited; so of holders only an exclusive one is queued. */
  private void grant(Gfs2Holder gh) {
    waiting--;
    if (gh.state != LmState.EXCLUSIVE) {
      WORD.getAndAdd(this, ONE);
      gh.counted = true;
      remove(gh);
    }
    gh.wake(Gfs2Holder.HIF_HOLDER, 0);
  }

  /** Whether somebody in the queue could hold it now, along with those who do. With the lock. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "may_grant")
  private boolean mayGrant(Gfs2Holder gh) {
    int state = state();
    boolean alone = word >> COUNT_SHIFT == 0 && gh == first;
    if (!alone && (gh.state == LmState.EXCLUSIVE || (first != gh && first != null && first.state == LmState.EXCLUSIVE))) {
      return false;
    }
    if (state == gh.state) {
      return true;
    }
    if (state == LmState.UNLOCKED || (gh.flags & Gfs2Holder.GL_EXACT) != 0) {
      return false;
    }
    // C grants deferred under exclusive, too, since its direct I/O looks after the page cache itself; here the change
    // of state does.
    return (gh.flags & Gfs2Holder.LM_FLAG_ANY) != 0 || (state == LmState.EXCLUSIVE && gh.state == LmState.SHARED);
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

  /** Changes the state while nobody holds it. With the lock, which it drops meanwhile. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = {"do_xmote", "finish_xmote"})
  private void change(Task current, int target, @Nullable Gfs2Holder wanted) {
    changing = true;
    int flags = wanted == null ? 0 : wanted.flags & (Gfs2Holder.LM_FLAG_TRY | Gfs2Holder.LM_FLAG_TRY_1CB);
    int now = -Errno.EIO;
    lock.unlock();
    try {
      now = move(current, target, flags);
    } finally {
      lock.lock();
      changing = false;
      setState(now < 0 ? LmState.UNLOCKED : now);
      if (wanted != null && now != target) {
        fail(wanted, now < 0 ? now : -Errno.EAGAIN);
      }
    }
  }

  /** Without the lock. Answers the new state or a negative errno, and then it is unlocked. */
  private int move(Task current, int target, int flags) {
    int from = state();
    ops.goSync(current, this, target);
    if (target == LmState.UNLOCKED || target == LmState.DEFERRED) {
      ops.goInval(this, target == LmState.UNLOCKED);
    }
    int result = lm.lock(current, name, from, target, flags);
    if (result == -Errno.EAGAIN && flags != 0) {
      return from; // as it was
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
    word = (seen & ~STATE) | state; // SLOW keeps everybody else away
  }

  /** From now on everybody comes through the queue. With the lock. */
  private void goSlow() {
    WORD.getAndBitwiseOr(this, SLOW);
  }

  /** Lets holders be counted again, if nothing is to be done. With the lock. */
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
