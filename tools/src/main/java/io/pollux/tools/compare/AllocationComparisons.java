// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Manner;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Measures the bytes allocated for a request in each {@link Manner} after compilation. The goal is
 * 0.
 */
public final class AllocationComparisons {
  private static final String NAME = "allocation: ";
  // the JVM allocates some KB a second, and a turn may have only 100,000 requests
  private static final double MARK = 0.05;
  private static final long RAMP = 1_000_000_000;
  private static final long CACHE_RAMP = 3_000_000_000L; // slow paths take long to be compiled
  private static final double SHARE = 0.25; // of a turn, because nothing is timed

  private static final Pattern[] PATTERNS = {Pattern.RANDREAD, Pattern.RANDWRITE};

  private AllocationComparisons() {}

  /**
   * Creates the comparisons: reads and writes in each manner on XFS, and in bench's default manner
   * on GFS2 and on a bare disk.
   *
   * @param seed of all random numbers
   * @param fileBytes size of the sample's main file
   * @param pollux the command line, for a process for each; or null to run all in this process
   * @return the comparisons; without kernel threads on one processor
   */
  public static List<Comparison> of(long seed, long fileBytes, @Nullable Path pollux) {
    List<Comparison> all = new ArrayList<>();
    for (Manner manner : Manner.values()) {
      if (!manner.hasThread() || KernelComparisons.twoProcessors()) {
        both(all, manner, "XFS", KernelComparisons.NULL, seed, pollux);
      }
    }
    both(all, Manner.RING_FIXED, "GFS2", KernelComparisons.GFS2, seed, pollux);
    both(all, Manner.RING_FIXED, "bare", KernelComparisons.bare(fileBytes), seed, pollux);
    return all;
  }

  /** Returns the names of the comparisons that are omitted on one processor. */
  public static List<String> withThreads() {
    return Stream.of(Manner.values())
        .filter(Manner::hasThread)
        .flatMap(manner -> Stream.of(PATTERNS).map(pattern -> name(pattern, manner, "XFS")))
        .toList();
  }

  private static String name(Pattern pattern, Manner manner, String fs) {
    return NAME + (pattern.writes() ? "writes, " : "reads, ") + manner + ", " + fs;
  }

  private static void both(
      List<Comparison> all,
      Manner manner,
      String fs,
      TargetSpec spec,
      long seed,
      @Nullable Path pollux) {
    for (Pattern pattern : PATTERNS) {
      Plan plan = manner.plan(pattern, manner.buffered() ? CACHE_RAMP : RAMP, seed);
      Contestant ours =
          new Shorter(BenchProgram.orHere(pollux, "pollux", BenchFigure.ALLOCATED, spec, plan));
      all.add(
          new Turns(name(pattern, manner, fs), Unit.BYTES, ours, new Goal(0), Mark.atMost(MARK)));
    }
  }

  /** A contestant with a shorter turn. */
  private record Shorter(Contestant who) implements Contestant {
    @Override
    public String name() {
      return who.name();
    }

    @Override
    public double run(double seconds) {
      return who.run(seconds * SHARE);
    }
  }
}
