// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Completions free objects of a task that allocates meanwhile. */
public final class SlabStress {
  private static final Slab<Thing> SLAB = new Slab<>(Thing::new);

  private static final class Thing extends Slab.Item {
    int uses; // plain: ordered by the slab
  }

  private static final class Owner extends SlabOwner {
    @Override
    public String toString() {
      return "owner";
    }
  }

  private SlabStress() {}

  /**
   * The task allocates while a completion frees. r1: what the task got; r2: what is free in the
   * end.
   */
  @JCStressTest
  @State
  @Outcome(
      id = {"0, 1", "1, 0"},
      expect = Expect.ACCEPTABLE,
      desc = "a new object, or the freed one in its last state")
  @Outcome(
      expect = Expect.FORBIDDEN,
      desc = "the object was lost, allocated twice, or in an old state")
  public static class FreeAndAlloc {
    private final Owner owner = new Owner();
    private final Thing thing = SLAB.alloc(owner);

    /** The completion. */
    @Actor
    public void frees() {
      thing.uses = 1;
      Slab.free(thing);
    }

    /** The task. */
    @Actor
    public void allocates(II_Result r) {
      Thing got = SLAB.alloc(owner);
      if (got == thing) {
        r.r1 = got.uses == 1 ? 1 : 2;
      }
    }

    /** Looks for the object. */
    @Arbiter
    public void counts(II_Result r) {
      r.r2 = SLAB.alloc(owner) == thing ? 1 : 0;
    }
  }

  /** Two completions free two objects. */
  @JCStressTest
  @State
  @Outcome(id = "2", expect = Expect.ACCEPTABLE, desc = "both are free")
  @Outcome(expect = Expect.FORBIDDEN, desc = "an object was lost, or is free twice")
  public static class TwoFrees {
    private final Owner owner = new Owner();
    private final Thing first = SLAB.alloc(owner);
    private final Thing second = SLAB.alloc(owner);

    /** A completion. */
    @Actor
    public void freesFirst() {
      Slab.free(first);
    }

    /** Another completion. */
    @Actor
    public void freesSecond() {
      Slab.free(second);
    }

    /** Allocates both. */
    @Arbiter
    public void counts(I_Result r) {
      Thing a = SLAB.alloc(owner);
      Thing b = SLAB.alloc(owner);
      boolean both = a == first && b == second || a == second && b == first;
      r.r1 = both ? 2 : 0;
    }
  }
}
