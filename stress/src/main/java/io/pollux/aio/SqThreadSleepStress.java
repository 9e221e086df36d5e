// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * The submission thread goes to sleep while the program puts an entry into the ring, in the order
 * of steps of {@code SqThread.sleep}. r1: the program sees that a call is needed; r2: the thread
 * sees the entry. At least one is true.
 */
@JCStressTest
@State
@Outcome(
    id = {"true, false", "false, true", "true, true"},
    expect = Expect.ACCEPTABLE,
    desc = "the entry is taken")
@Outcome(expect = Expect.FORBIDDEN, desc = "the thread sleeps, and the program makes no call")
public class SqThreadSleepStress {
  private final MappedRange memory = RingMemory.next();
  private final SqRing ring = new SqRing(memory, RingMemory.ENTRIES);

  /** The program. */
  @Actor
  public void submits(ZZ_Result r) {
    AioIocbRing.tail(memory.address(), 1);
    VarHandle.fullFence();
    r.r1 = (AioIocbRing.sqFlags(memory.address()) & AioAbi.IORING_SQ_NEED_WAKEUP) != 0;
  }

  /** The submission thread. */
  @Actor
  public void sleeps(ZZ_Result r) {
    ring.setNeedWakeup(true);
    VarHandle.fullFence();
    r.r2 = !ring.isEmpty();
  }
}
