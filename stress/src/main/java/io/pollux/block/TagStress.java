// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * Two threads take and put tags of a queue with two of them: no tag has two owners, and none is
 * lost. r1 and r2: the tag that each got, from 1; r3: tags in use at the end.
 */
@JCStressTest
@State
@Outcome(
    id = {"1, 1, 0", "1, 2, 0", "2, 1, 0", "2, 2, 0"},
    expect = Expect.ACCEPTABLE,
    desc = "each had a tag of its own")
@Outcome(expect = Expect.FORBIDDEN, desc = "a tag had two owners, was refused, or was lost")
public class TagStress {
  private static final BlkMqOps NO_DRIVER =
      new BlkMqOps() {
        @Override
        public void queueRqs(HwCtx hctx, Request chain) {}

        @Override
        public int poll(HwCtx hctx) {
          return 0;
        }
      };

  private final HwCtx hctx =
      new HwCtx(
          new RequestQueue(NO_DRIVER, new TagSet(1, 0, 2, false), QueueLimits.of(512)),
          0,
          false,
          2);
  private final boolean[] used = new boolean[2]; // plain: ordered by the tags

  private int use() {
    Request request = hctx.tryGet();
    if (request == null) {
      return 0;
    }
    int tag = request.tag();
    boolean twice = used[tag];
    used[tag] = true;
    Thread.onSpinWait();
    used[tag] = false;
    hctx.putTags(0, 1L << tag);
    return twice ? -1 : tag + 1;
  }

  /** Takes and puts. */
  @Actor
  public void one(III_Result r) {
    r.r1 = use();
  }

  /** Takes and puts. */
  @Actor
  public void other(III_Result r) {
    r.r2 = use();
  }

  /** Counts. */
  @Arbiter
  public void counts(III_Result r) {
    r.r3 = hctx.busyTags();
  }
}
