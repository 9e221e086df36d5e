// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One wish to hold a glock, from {@link #alloc} to {@link #uninit}; who needs no more than a state that others may have, too,
 * makes none ({@link Gfs2Glock#hold}). Comes from a slab, so that waiting for a glock allocates nothing. What is not said
 * otherwise belongs to the glock's lock while the holder is queued, and to its task before and after.
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_holder")
final class Gfs2Holder extends Slab.Item implements BooleanSupplier {
  /** Do not wait for anybody. */
  static final int LM_FLAG_TRY = 1 << 0;

  /** The same, but other nodes are asked to let go, for the next try. */
  static final int LM_FLAG_TRY_1CB = 1 << 1;

  /** Any state will do but unlocked. */
  static final int LM_FLAG_ANY = 1 << 3;

  /** Not a stronger state either. */
  static final int GL_EXACT = 1 << 7;

  /** Give the glock back, do not keep it for the next one. */
  static final int GL_NOCACHE = 1 << 10;

  /** Waits. */
  static final int HIF_WAIT = 0;

  /** Holds. */
  static final int HIF_HOLDER = 1;

  /** Will not get it. */
  static final int HIF_FAILED = 2;

  private static final Slab<Gfs2Holder> SLAB = new Slab<>(Gfs2Holder::new);

  private final WaitQueue wait = new WaitQueue();
  private @Nullable Gfs2Glock glock;
  int state; // wanted
  int flags;

  /** Whether it is only counted in the glock's word, and in no queue. */
  boolean counted;

  @Nullable Gfs2Holder before; // in the queue
  @Nullable Gfs2Holder behind;
  private int error; // written before status
  private volatile int status; // HIF_*

  private Gfs2Holder() {}

  /**
   * Makes a wish. From process context.
   *
   * @param current the calling task
   * @param gl the glock
   * @param state LmState, not unlocked
   * @param flags LM_FLAG_* and GL_*
   * @return a holder that holds nothing yet, to be given back by uninit
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_holder_init")
  static Gfs2Holder alloc(Task current, Gfs2Glock gl, int state, int flags) {
    assert state != LmState.UNLOCKED;
    Gfs2Holder gh = SLAB.alloc(current);
    gh.glock = gl;
    gh.state = state;
    gh.flags = flags;
    gh.counted = false;
    return gh;
  }

  /** Is about to be queued. Not part of alloc: most holders are only counted, and spare the fence. */
  void prepareToWait() {
    error = 0;
    status = HIF_WAIT;
  }

  /** Gives the object back. It holds nothing. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_holder_uninit")
  void uninit() {
    assert before == null && behind == null && !counted : "a holder that is in use";
    glock = null;
    Slab.free(this);
  }

  Gfs2Glock glock() {
    Gfs2Glock gl = glock;
    assert gl != null : "a holder of nothing";
    return gl;
  }

  boolean isTry() {
    return (flags & (LM_FLAG_TRY | LM_FLAG_TRY_1CB)) != 0;
  }

  int status() {
    return status;
  }

  int error() {
    return error;
  }

  /** Ends the wait: with the glock, or with an error. Nothing of the holder may be touched afterwards. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_holder_wake")
  void wake(int newStatus, int why) {
    error = why;
    status = newStatus; // volatile: the waiter goes on
    wait.wakeUp();
  }

  /** Waits until it is decided. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_wait")
  void await(Task current) {
    if (status == HIF_WAIT) {
      current.aboutToSleep();
      wait.waitUninterruptibly(this);
    }
  }

  /** What {@link #await} waits for. */
  @Override
  public boolean getAsBoolean() {
    return status != HIF_WAIT;
  }
}
