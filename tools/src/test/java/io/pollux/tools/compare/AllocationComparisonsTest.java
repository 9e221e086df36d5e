// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.tools.bench.Manner;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is allocated, in all ways. Where other tests' threads may allocate too, only that there is a figure. */
@Timeout(120)
class AllocationComparisonsTest {
  private static final long MAIN_BYTES = 16 << 20;
  private static final TargetSpec NULL = TargetSpec.SAMPLE.withDisk(Disk.NULL);

  @Test
  void everyWayIsReadAndWrittenInAndThereIsNothingToBeAllocated() {
    List<Comparison> all = AllocationComparisons.of(7, MAIN_BYTES, null);

    assertThat(all).extracting(Comparison::work).doesNotHaveDuplicates().contains(
        "allocation: reads, rings, fixed buffers, XFS", "allocation: writes, rings, fixed buffers, GFS2",
        "allocation: reads, rings, fixed buffers, bare", "allocation: writes, pread64, page cache, XFS");
    for (Manner manner : Manner.values()) {
      long rows = all.stream().filter(one -> one.work().contains(", " + manner + ", XFS")).count();
      assertThat(rows).as("%s", manner).isEqualTo(manner.hasThread() && !KernelComparisons.twoProcessors() ? 0 : 2);
    }
    for (Comparison one : all) {
      assertThat(one.unit()).isEqualTo(Unit.BYTES);
      assertThat(one.mark()).isEqualTo(Mark.atMost(0.01));
      assertThat(one.against()).isEqualTo("the goal");
    }
  }

  @ParameterizedTest
  @EnumSource
  void bothDirectionsAreReallyRun(Manner manner) {
    for (Pattern pattern : new Pattern[] {Pattern.RANDREAD, Pattern.RANDWRITE}) {
      Plan plan = manner.plan(pattern, 20_000_000, 7);
      double bytes = new BenchContestant("pollux", BenchFigure.ALLOCATED, NULL, plan).run(0.05);
      assertThat(bytes).as("%s %s", manner, pattern).isNotNaN();
    }
  }

  @Test
  void theOptionsOfAProcessOfItsOwnSayTheSame() {
    assertThat(BenchProgram.options(NULL, Manner.SQ_THREAD_IRQ.plan(Pattern.RANDWRITE, 250_000_000, 7))).containsExactly(
        "--disk", "null", "--no-verify", "--mode", "ring", "--rw", "randwrite", "--depth", "32", "--batch-submit", "8",
        "--batch-complete", "8", "--ramp", "0.250", "--irq", "--fixed-bufs", "--sq-thread");
    assertThat(BenchProgram.options(KernelComparisons.GFS2, Manner.SYNC_BUFFERED.plan(Pattern.RANDREAD, 0, 7))).containsExactly(
        "--disk", "null", "--no-verify", "--mode", "sync", "--rw", "randread", "--depth", "1", "--batch-submit", "1",
        "--batch-complete", "1", "--ramp", "0.000", "--buffered", "--fs", "gfs2");
    assertThat(BenchProgram.options(KernelComparisons.bare(4096), Plan.forComparison(Pattern.RANDREAD, 1, 7).withSqPoll()))
        .containsSubsequence("--polled", "--fixed-bufs", "--sq-poll", "--fs", "none", "--size", "4096");
  }
}
