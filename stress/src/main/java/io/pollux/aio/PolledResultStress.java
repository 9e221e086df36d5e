// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.SlabOwner;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/**
 * A completion marks a polled request on one thread, and another reaps it: the reaper sees both
 * results.
 */
@JCStressTest
@State
@Outcome(
    id = {"0, 0", "4096, 5"},
    expect = Expect.ACCEPTABLE,
    desc = "not complete, or with its results")
@Outcome(expect = Expect.FORBIDDEN, desc = "complete without its results")
public class PolledResultStress {
  private static final class Owner extends SlabOwner {
    @Override
    public String toString() {
      return "owner";
    }
  }

  private final AioKiocb req = AioKiocb.SLAB.alloc(new Owner());

  /** The completion. */
  @Actor
  public void completes() {
    req.markPolled(4096, 5);
  }

  /** The reaper. */
  @Actor
  public void reaps(JJ_Result r) {
    if (req.pollCompleted()) {
      r.r1 = req.res;
      r.r2 = req.res2;
    }
  }
}
