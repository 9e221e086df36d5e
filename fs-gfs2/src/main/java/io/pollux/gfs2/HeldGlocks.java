// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

/**
 * The glocks that each thread holds, for assertions only: at most one of each type, and the types in their order, which is
 * that of {@link Gfs2LockName.Type}. Who keeps to that never waits in a circle.
 */
final class HeldGlocks {
  private static final ThreadLocal<HeldGlocks> OF_THREAD = ThreadLocal.withInitial(HeldGlocks::new);

  private final Gfs2Glock[] held = new Gfs2Glock[Gfs2LockName.Type.values().length];
  private int count;

  private HeldGlocks() {}

  /** Notes that the calling thread is going to wait for a glock. True, or an assertion says what is wrong. */
  static boolean add(Gfs2Glock gl) {
    HeldGlocks mine = OF_THREAD.get();
    if (mine.count > 0) {
      Gfs2Glock last = mine.held[mine.count - 1];
      assert last.name().type().compareTo(gl.name().type()) < 0 : "glock " + gl + " wanted by who holds " + last;
    }
    mine.held[mine.count++] = gl;
    return true;
  }

  /** Notes that it is not held any more. */
  static boolean remove(Gfs2Glock gl) {
    HeldGlocks mine = OF_THREAD.get();
    for (int i = mine.count - 1; i >= 0; i--) {
      if (mine.held[i] == gl) {
        System.arraycopy(mine.held, i + 1, mine.held, i, mine.count - i - 1);
        mine.count--;
        return true;
      }
    }
    throw new AssertionError("glock " + gl + " given back by who does not hold it");
  }
}
