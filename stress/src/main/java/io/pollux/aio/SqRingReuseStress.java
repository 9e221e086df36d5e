// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Iocb;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * The kernel reads an entry and moves the head, and the program fills the entry anew: the kernel
 * has read the old one.
 */
@JCStressTest
@State
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "the entry as it was")
@Outcome(expect = Expect.FORBIDDEN, desc = "the entry changed before the head moved on")
public class SqRingReuseStress {
  private final MappedRange memory = RingMemory.next();
  private final SqRing ring = new SqRing(memory, RingMemory.ENTRIES);

  /** Creates a ring with one filled entry. */
  public SqRingReuseStress() {
    Iocb.aioData(AioIocbRing.iocb(memory.address(), 0), 7);
    AioIocbRing.tail(memory.address(), 1);
  }

  /** The kernel. */
  @Actor
  public void takes(I_Result r) {
    r.r1 = (int) Iocb.aioData(ring.iocb(0));
    ring.commit(1);
  }

  /** The program. */
  @Actor
  public void fillsAnew() {
    if (AioIocbRing.head(memory.address()) == 1) {
      Iocb.aioData(AioIocbRing.iocb(memory.address(), 0), 8);
    }
  }
}
