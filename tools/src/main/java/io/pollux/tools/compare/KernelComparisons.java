// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Compares this kernel with itself, with a goal, and with a copy loop. Nothing of the host takes
 * part.
 */
public final class KernelComparisons {
  private static final int DEEP = 32;
  private static final double SINGLE_GOAL = 5e6;
  private static final double GOAL_MARK = 1.0;
  private static final double COPY_MARK = 0.9;
  private static final double SQ_POLL_MARK = 1.3;
  private static final double FILESYSTEM_MARK = 0.85;

  private static final String SQ_POLL = "--sq-poll on a null disk";

  /** The XFS sample on a null disk. */
  static final TargetSpec NULL = TargetSpec.SAMPLE.withDisk(TargetSpec.NULL);

  /** The GFS2 sample on a null disk. */
  static final TargetSpec GFS2 = NULL.withFs("gfs2");

  private KernelComparisons() {}

  /**
   * Creates the comparisons.
   *
   * @param seed of all random numbers
   * @param fileBytes size of the sample's main file
   * @param pollux the command line, for a process for each side, so that the compiler sees only one
   *     work; or null to run all in this process
   * @return the comparisons; without --sq-poll on one processor
   */
  public static List<Comparison> of(long seed, long fileBytes, @Nullable Path pollux) {
    Plan deep = Plan.forComparison(Pattern.RANDREAD, DEEP, seed);
    Plan single = Plan.forComparison(Pattern.RANDREAD, 1, seed);
    List<Comparison> all = new ArrayList<>();
    all.add(
        new Turns(
            "one at a time on a null disk",
            Unit.IOPS,
            BenchProgram.orHere(pollux, "pollux", NULL, single),
            new Goal(SINGLE_GOAL),
            Mark.atLeast(GOAL_MARK)));
    all.add(
        new Turns(
            "bench on a disk in memory",
            Unit.IOPS,
            BenchProgram.orHere(
                pollux,
                "pollux",
                TargetSpec.SAMPLE.withDisk(TargetSpec.RAM).withCopyEngine(twoProcessors()),
                deep),
            new CopyLoop(deep, fileBytes),
            Mark.atLeast(COPY_MARK)));
    if (twoProcessors()) {
      all.add(
          new Turns(
              SQ_POLL,
              Unit.IOPS,
              BenchProgram.orHere(pollux, "pollux", NULL, deep.withSqPoll()),
              BenchProgram.orHere(pollux, "without it", NULL, deep),
              Mark.atLeast(SQ_POLL_MARK)));
    }
    all.add(
        new Turns(
            "XFS on a null disk",
            Unit.IOPS,
            BenchProgram.orHere(pollux, "pollux", NULL, deep),
            BenchProgram.orHere(pollux, "the bare disk", bare(fileBytes), deep),
            Mark.atLeast(FILESYSTEM_MARK)));
    all.add(
        new Turns(
            "GFS2 on a null disk",
            Unit.IOPS,
            BenchProgram.orHere(pollux, "pollux", GFS2, deep),
            BenchProgram.orHere(pollux, "XFS", NULL, deep),
            Mark.atLeast(FILESYSTEM_MARK)));
    return all;
  }

  /** Whether a kernel thread and a program can run at the same time. */
  public static boolean twoProcessors() {
    return Plan.leavesProcessor(1, false);
  }

  /** Returns the names of the comparisons that are omitted on one processor. */
  public static List<String> withThreads() {
    return List.of(SQ_POLL);
  }

  /** Returns an empty null disk of a given size. */
  static TargetSpec bare(long bytes) {
    return NULL.withBare(bytes);
  }
}
