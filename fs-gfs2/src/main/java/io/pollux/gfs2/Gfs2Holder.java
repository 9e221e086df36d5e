// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One request to hold a glock, from {@link #alloc} to {@link #uninit}. A caller that needs only a
 * shareable state, without flags, makes none ({@link Gfs2Glock#hold}).
 *
 * <p>It comes from a slab, so waiting for a glock allocates nothing. Unless marked otherwise, its
 * fields are protected by the glock's lock while it is queued, and belong to its task before and
 * after.
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_holder")
final class Gfs2Holder extends Slab.Item implements BooleanSupplier {
  /** Do not wait for other holders or nodes. */
  static final int LM_FLAG_TRY = 1 << 0;

  /** As LM_FLAG_TRY, but other nodes are asked to release the glock, for the next try. */
  static final int LM_FLAG_TRY_1CB = 1 << 1;

  /** Any state but unlocked will do. */
  static final int LM_FLAG_ANY = 1 << 3;

  /** Grant exactly this state, no stronger one. */
  static final int GL_EXACT = 1 << 7;

  /** Drop the glock's state on release. */
  static final int GL_NOCACHE = 1 << 10;

  /** Waiting. */
  static final int HIF_WAIT = 0;

  /** Granted. */
  static final int HIF_HOLDER = 1;

  /** Refused; error has the reason. */
  static final int HIF_FAILED = 2;

  private static final Slab<Gfs2Holder> SLAB = new Slab<>(Gfs2Holder::new);

  private final WaitQueue wait = new WaitQueue();
  private @Nullable Gfs2Glock glock;
  int state; // wanted
  int flags;

  /** Whether it is counted in the glock's word and not queued. */
  boolean counted;

  @Nullable Gfs2Holder before; // in the queue
  @Nullable Gfs2Holder behind;
  private int error; // written before status
  private volatile int status; // HIF_*

  private Gfs2Holder() {}

  /**
   * Makes a holder. From process context.
   *
   * @param current the calling task
   * @param gl the glock
   * @param state LmState, not unlocked
   * @param flags LM_FLAG_* and GL_*
   * @return a holder that holds nothing yet, to be freed by uninit
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

  /**
   * Prepares to be queued. Apart from alloc, since most holders are only counted and need no fence.
   */
  void prepareToWait() {
    error = 0;
    status = HIF_WAIT;
  }

  /** Frees the object. It must hold nothing. */
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

  /**
   * Stops the wait, with the glock or with an error. The caller must not touch the holder
   * afterwards.
   */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_holder_wake")
  void wake(int newStatus, int why) {
    error = why;
    status = newStatus; // volatile: the waiter may return from here on
    wait.wakeUp();
  }

  /** Waits until the holder is granted or refused. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_wait")
  void await(Task current) {
    if (status == HIF_WAIT) {
      current.aboutToSleep();
      wait.waitUninterruptibly(this);
    }
  }

  /** The condition of {@link #await}. */
  @Override
  public boolean getAsBoolean() {
    return status != HIF_WAIT;
  }
}
