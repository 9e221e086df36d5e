// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/** A thread makes a condition true by a plain store and wakes: no waiter sleeps through it. */
@JCStressTest
@State
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "the waiter returned")
@Outcome(expect = Expect.FORBIDDEN, desc = "the wake-up was missed")
public class WaitQueueStress {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(2);

  private static final VarHandle DONE;

  static {
    try {
      DONE = MethodHandles.lookup().findVarHandle(WaitQueueStress.class, "done", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final WaitQueue queue = new WaitQueue();
  private boolean done;

  /** Makes the condition true. */
  @Actor
  public void wakes() {
    DONE.setOpaque(this, true);
    queue.wakeUp();
  }

  /** Waits for it. */
  @Actor
  public void waits(Z_Result r) {
    r.r1 = queue.waitUninterruptibly(() -> (boolean) DONE.getOpaque(this), PATIENCE);
  }
}
