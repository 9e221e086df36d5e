// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import org.jspecify.annotations.Nullable;

/**
 * The glocks that each thread holds, for assertions only: at most one of each type, and the types in their order, which is
 * that of {@link Gfs2LockName.Type}. Who keeps to that never waits in a circle.
 */
final class HeldGlocks {
  private static final ThreadLocal<HeldGlocks> OF_THREAD = ThreadLocal.withInitial(HeldGlocks::new);

  private final Thread thread = Thread.currentThread();

  // There are two types, so there are no more. Only the thread itself looks.
  private @Nullable Gfs2Glock outer;
  private @Nullable Gfs2Glock inner;

  private HeldGlocks() {}

  /**
   * The calling thread's. A glock remembers who asked for it last, as looking up what is a thread's own costs more than the
   * whole glock does. What is found there may be another thread's, but never half made: its thread is final.
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

  /** Notes that the calling thread is going to wait for a glock. True, or an assertion says what is wrong. */
  static boolean add(Gfs2Glock gl) {
    HeldGlocks mine = of(gl);
    Gfs2Glock held = mine.outer;
    if (held == null) {
      mine.outer = gl;
      return true;
    }
    Gfs2Glock last = mine.inner != null ? mine.inner : held;
    assert last.name().type().compareTo(gl.name().type()) < 0 : "glock " + gl + " wanted by who holds " + last;
    assert mine.inner == null : "more types than there is room for";
    mine.inner = gl;
    return true;
  }

  /** Notes that it is not held any more. */
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
