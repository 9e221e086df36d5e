// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.tools.bench.Bench;
import io.pollux.tools.bench.Manner;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.bench.Result;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.userland.UserFiles;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What is allocated, in all ways. As the compiler and other tests' threads allocate too, only that
 * it is no object a request.
 */
@Timeout(120)
class AllocationComparisonsTest {
  private static final long MAIN_BYTES = 16 << 20;
  private static final long IOS = 40_000;
  // bytes of the smallest: not one a request, even before the compiler is through
  private static final double OBJECT = 16;
  private static final TargetSpec NULL = TargetSpec.SAMPLE.withDisk(TargetSpec.NULL);

  @Test
  void everyWayIsReadAndWrittenInAndThereIsNothingToBeAllocated() {
    List<Comparison> all = AllocationComparisons.of(7, MAIN_BYTES, null);

    assertThat(all)
        .extracting(Comparison::work)
        .doesNotHaveDuplicates()
        .contains(
            "allocation: reads, rings, fixed buffers, XFS",
                "allocation: writes, rings, fixed buffers, GFS2",
            "allocation: reads, rings, fixed buffers, bare",
                "allocation: writes, pread64, page cache, XFS");
    for (Manner manner : Manner.values()) {
      long rows = all.stream().filter(one -> one.work().contains(", " + manner + ", XFS")).count();
      assertThat(rows)
          .as("%s", manner)
          .isEqualTo(manner.hasThread() && !KernelComparisons.twoProcessors() ? 0 : 2);
    }
    assertThat(AllocationComparisons.withThreads()).hasSize(6);
    assertThat(
            all.stream()
                .map(Comparison::work)
                .filter(AllocationComparisons.withThreads()::contains))
        .hasSize(KernelComparisons.twoProcessors() ? 6 : 0);
    for (Comparison one : all) {
      assertThat(one.unit()).isEqualTo(Unit.BYTES);
      assertThat(one.mark()).isEqualTo(Mark.atMost(0.05));
      assertThat(one.against()).isEqualTo("the goal");
    }
  }

  /** By number, as time may pass without an I/O. */
  private static Plan of(Plan plan, long ios) {
    return new Plan(
        plan.mode(),
        plan.polled(),
        plan.fixedBufs(),
        plan.sqThread(),
        plan.sqPoll(),
        plan.buffered(),
        plan.pattern(),
        plan.blockSize(),
        plan.depth(),
        plan.batchSubmit(),
        plan.batchComplete(),
        plan.threads(),
        plan.rampNanos(),
        plan.runtimeNanos(),
        ios,
        plan.verify(),
        plan.seed());
  }

  private static Result run(TargetSpec spec, Plan plan) {
    PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    try (Target target = Target.open(spec, plan.pattern().writes());
        UserFiles files = new UserFiles(target.program())) {
      return new Bench(plan, target, files, target.file(files), nowhere).run();
    }
  }

  @ParameterizedTest
  @EnumSource
  void bothDirectionsAreReallyRun(Manner manner) {
    for (Pattern pattern : new Pattern[] {Pattern.RANDREAD, Pattern.RANDWRITE}) {
      Result result = run(NULL, of(manner.plan(pattern, 0, 7), IOS));
      assertThat(result.good()).as("%s %s: %s", manner, pattern, result.firstFault()).isTrue();
      assertThat(result.ios()).as("%s %s", manner, pattern).isGreaterThanOrEqualTo(IOS);
      assertThat(BenchFigure.ALLOCATED.of(result))
          .as("%s %s", manner, pattern)
          .isBetween(0.0, OBJECT);
    }
  }

  @Test
  void theOptionsOfAProcessOfItsOwnSayTheSame() {
    assertThat(
            BenchProgram.options(
                NULL, Manner.SQ_THREAD_IRQ.plan(Pattern.RANDWRITE, 250_000_000, 7)))
        .containsExactly(
            "--disk",
            "null",
            "--no-verify",
            "--mode",
            "ring",
            "--rw",
            "randwrite",
            "--depth",
            "32",
            "--batch-submit",
            "8",
            "--batch-complete",
            "8",
            "--ramp",
            "0.250",
            "--seed",
            "7",
            "--irq",
            "--fixed-bufs",
            "--sq-thread");
    assertThat(
            BenchProgram.options(
                KernelComparisons.GFS2, Manner.SYNC_BUFFERED.plan(Pattern.RANDREAD, 0, 7)))
        .containsExactly(
            "--disk",
            "null",
            "--no-verify",
            "--mode",
            "sync",
            "--rw",
            "randread",
            "--depth",
            "1",
            "--batch-submit",
            "1",
            "--batch-complete",
            "1",
            "--ramp",
            "0.000",
            "--seed",
            "7",
            "--buffered",
            "--fs",
            "gfs2");
    assertThat(
            BenchProgram.options(
                KernelComparisons.bare(4096),
                Plan.forComparison(Pattern.RANDREAD, 1, 7).withSqPoll()))
        .containsSubsequence(
            "--polled", "--fixed-bufs", "--sq-poll", "--fs", "none", "--size", "4096");
  }
}
