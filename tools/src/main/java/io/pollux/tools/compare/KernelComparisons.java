// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/** This kernel beside itself, beside a number, and beside what memory allows: nothing of the machine's own takes part. */
public final class KernelComparisons {
  private static final int DEEP = 32;
  private static final double SINGLE_GOAL = 5e6;
  private static final double GOAL_MARK = 1.0;
  private static final double COPY_MARK = 0.9;
  private static final double SQ_POLL_MARK = 1.3;
  private static final double FILESYSTEM_MARK = 0.85;

  private static final TargetSpec NULL = TargetSpec.SAMPLE.withDisk(Disk.NULL);

  private static final TargetSpec GFS2 =
      new TargetSpec(null, Fs.GFS2, null, Disk.NULL, OptionalLong.empty(), false, false, NULL.nullDisk(), null);

  private KernelComparisons() {}

  /**
   * Prepares them.
   *
   * @param seed of all that is random
   * @param fileBytes size of the sample's main file
   * @return the comparisons; without --sq-poll where there is no second processor for it
   */
  public static List<Comparison> of(long seed, long fileBytes) {
    Plan deep = Plan.forComparison(Pattern.RANDREAD, DEEP, seed);
    Plan single = Plan.forComparison(Pattern.RANDREAD, 1, seed);
    List<Comparison> all = new ArrayList<>();
    all.add(
        new Comparison("one at a time on a null disk", new BenchContestant(NULL, single), new Goal(SINGLE_GOAL), GOAL_MARK));
    all.add(
        new Comparison(
            "bench on a disk in memory",
            new BenchContestant(TargetSpec.SAMPLE.withDisk(Disk.RAM), deep),
            new CopyLoop(deep, fileBytes),
            COPY_MARK));
    if (twoProcessors()) {
      all.add(
          new Comparison(
              "--sq-poll on a null disk",
              new BenchContestant(NULL, deep.withSqPoll()),
              new BenchContestant("without it", NULL, deep),
              SQ_POLL_MARK));
    }
    all.add(onFilesystem("XFS on a null disk", NULL, "the bare disk", bare(fileBytes), deep));
    all.add(onFilesystem("GFS2 on a null disk", GFS2, "XFS", NULL, deep));
    return all;
  }

  /**
   * Whether a kernel thread and a program can run at the same time.
   *
   * @return true if so
   */
  public static boolean twoProcessors() {
    return Runtime.getRuntime().availableProcessors() > 1;
  }

  /** What a filesystem costs, beside another one or none. */
  private static Comparison onFilesystem(String work, TargetSpec spec, String other, TargetSpec otherSpec, Plan plan) {
    return new Comparison(work, new BenchContestant(spec, plan), new BenchContestant(other, otherSpec, plan), FILESYSTEM_MARK);
  }

  /** A null disk with nothing on it, of which as many blocks are read. */
  private static TargetSpec bare(long bytes) {
    return new TargetSpec(
        null, Fs.NONE, null, Disk.NULL, OptionalLong.of(bytes), false, false, NULL.nullDisk(), null);
  }
}
