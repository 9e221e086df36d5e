// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Iocb;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A program fills an entry while the kernel looks: the kernel sees the entry whole or not at all.
 * r1: entries seen; r2: the last entry's data as seen.
 */
@JCStressTest
@State
@Outcome(
    id = {"0, 0", "1, 7"},
    expect = Expect.ACCEPTABLE,
    desc = "not yet, or whole")
@Outcome(expect = Expect.FORBIDDEN, desc = "an entry was seen before it was filled")
public class SqRingStress {
  private final MappedRange memory = RingMemory.next();
  private final SqRing ring = new SqRing(memory, RingMemory.ENTRIES);

  /** Creates a ring with an empty entry. */
  public SqRingStress() {
    Iocb.aioData(AioIocbRing.iocb(memory.address(), 0), 0);
  }

  /** The program. */
  @Actor
  public void fills() {
    Iocb.aioData(AioIocbRing.iocb(memory.address(), 0), 7);
    AioIocbRing.tail(memory.address(), 1);
  }

  /** The kernel. */
  @Actor
  public void takes(II_Result r) {
    if (ring.tail() == 1) {
      r.r1 = 1;
      r.r2 = (int) Iocb.aioData(ring.iocb(0));
      ring.commit(1);
    }
  }
}
