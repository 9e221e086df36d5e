// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.SlabOwner;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.IoEvent;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IJ_Result;

/**
 * The kernel posts an event while a program looks at the ring: the program sees the event whole or
 * not at all. r1: events seen; r2: the result as seen.
 */
@JCStressTest
@State
@Outcome(
    id = {"0, 0", "1, 4096"},
    expect = Expect.ACCEPTABLE,
    desc = "not yet, or whole")
@Outcome(expect = Expect.FORBIDDEN, desc = "an event was seen before it was written")
public class CqRingStress {
  private static final class Owner extends SlabOwner {
    @Override
    public String toString() {
      return "owner";
    }
  }

  private final MappedRange memory = RingMemory.next();
  private final CqRing ring = new CqRing(memory, RingMemory.ENTRIES);
  private final AioKiocb req = AioKiocb.SLAB.alloc(new Owner());

  /** Creates an empty ring and a request. */
  public CqRingStress() {
    IoEvent.res(AioIoEventRing.event(memory.address(), 0), 0);
    req.res = 4096;
  }

  /** The kernel. */
  @Actor
  public void posts() {
    ring.commit(ring.put(ring.tail(), req));
  }

  /** The program. */
  @Actor
  public void reaps(IJ_Result r) {
    if (AioIoEventRing.tail(memory.address()) == 1) {
      r.r1 = 1;
      r.r2 = IoEvent.res(AioIoEventRing.event(memory.address(), 0));
      AioIoEventRing.head(memory.address(), 1);
    }
  }
}
