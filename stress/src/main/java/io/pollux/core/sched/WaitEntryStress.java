// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A wake-up and a canceller want the same entry: exactly one of them owns it, as with a poll
 * request.
 */
@JCStressTest
@State
@Outcome(
    id = "1, 0",
    expect = Expect.ACCEPTABLE,
    desc = "the wake-up completed it, or the canceller took it")
@Outcome(expect = Expect.FORBIDDEN, desc = "completed twice or never, or left in the queue")
public class WaitEntryStress {
  private final WaitQueue queue = new WaitQueue();
  private final AtomicInteger ends = new AtomicInteger();
  private final WaitQueue.WaitEntry entry = new WaitQueue.WaitEntry(key -> woken());

  /** Creates a queue with one waiting entry. */
  public WaitEntryStress() {
    queue.add(entry);
    queue.letWait(entry);
  }

  private boolean woken() {
    ends.getAndIncrement();
    queue.remove(entry);
    return false;
  }

  /** Wakes. */
  @Actor
  public void wakes() {
    queue.wakeUp(1);
  }

  /** Cancels. */
  @Actor
  public void cancels() {
    if (queue.take(entry)) {
      ends.getAndIncrement();
      queue.remove(entry);
    }
  }

  /** Counts. */
  @Arbiter
  public void counts(II_Result r) {
    r.r1 = ends.get();
    r.r2 = queue.active() ? 1 : 0;
  }
}
