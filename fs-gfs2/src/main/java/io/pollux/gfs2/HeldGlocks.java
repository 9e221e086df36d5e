// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import org.jspecify.annotations.Nullable;

/**
 * The glocks that each thread holds, for assertions only: at most one of each type, taken in the
 * order of {@link Gfs2LockName.Type}. That order rules out deadlock.
 */
final class HeldGlocks {
  private static final ThreadLocal<HeldGlocks> OF_THREAD = ThreadLocal.withInitial(HeldGlocks::new);

  private final Thread thread = Thread.currentThread();

  // There are two types, so two fields are enough. Only the thread itself accesses them.
  private @Nullable Gfs2Glock outer;
  private @Nullable Gfs2Glock inner;

  private HeldGlocks() {}

  /**
   * Returns the calling thread's. A glock keeps the entry of the thread that asked for it last,
   * since a thread-local lookup costs more than the whole glock. That entry may be another
   * thread's, but is never half-made: its thread field is final.
   */
  private static HeldGlocks of(Gfs2Glock gl) {
    HeldGlocks last = gl.lastAsked;
    if (last != null && last.thread == Thread.currentThread()) {
      return last;
    }
    HeldGlocks mine = OF_THREAD.get();
    gl.lastAsked = mine;
    return mine;
  }

  /**
   * Records that the calling thread is going to wait for a glock. Returns true, or an assertion
   * fails with the reason.
   */
  static boolean add(Gfs2Glock gl) {
    HeldGlocks mine = of(gl);
    Gfs2Glock held = mine.outer;
    if (held == null) {
      mine.outer = gl;
      return true;
    }
    Gfs2Glock last = mine.inner != null ? mine.inner : held;
    assert last.name().type().compareTo(gl.name().type()) < 0
        : "glock " + gl + " wanted by who holds " + last;
    assert mine.inner == null : "more types than there is room for";
    mine.inner = gl;
    return true;
  }

  /** Records that the calling thread no longer holds the glock. */
  static boolean remove(Gfs2Glock gl) {
    HeldGlocks mine = of(gl);
    if (mine.inner == gl) {
      mine.inner = null;
    } else if (mine.outer == gl) {
      mine.outer = mine.inner;
      mine.inner = null;
    } else {
      throw new AssertionError("glock " + gl + " given back by who does not hold it");
    }
    return true;
  }
}
