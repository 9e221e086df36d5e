// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Plan;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Compares this kernel on a null device with the host's io_uring on no-op requests. */
public final class RingComparisons {
  private static final String BENCH = "bench on a null disk";
  private static final String PROGRAM = "C ring program on a null disk";
  private static final String BOTH = "C ring program beside Java";
  private static final double BENCH_MARK = 1.0;
  private static final double PROGRAM_MARK = 0.5;
  private static final double BOTH_MARK = 0.8;

  private RingComparisons() {}

  /** Returns the names of the comparisons. */
  public static List<String> names() {
    return List.of(BENCH, PROGRAM, BOTH);
  }

  /** Whether the host has a C compiler and liburing. */
  public static boolean possible() {
    return CPrograms.possible();
  }

  /**
   * Creates the comparisons.
   *
   * @param spec a null disk
   * @param plan the work; its depth and batches also apply to io_uring
   * @param directory for compiled programs
   * @param pollux the command line, which runs a C program; null if it is unknown
   * @param wanted selects names
   */
  public static List<Comparison> of(
      TargetSpec spec, Plan plan, Path directory, @Nullable Path pollux, Predicate<String> wanted) {
    List<String> batches =
        List.of(
            "-d",
            String.valueOf(plan.depth()),
            "-s",
            String.valueOf(plan.batchSubmit()),
            "-c",
            String.valueOf(plan.batchComplete()));
    Contestant bench = BenchProgram.orHere(pollux, "pollux", spec, plan);
    List<String> nops =
        new ArrayList<>(List.of(CPrograms.compile(directory, "io_uring-nops").toString()));
    nops.addAll(batches);
    Contestant uring = new ProgramContestant("io_uring no-ops", nops, List.of());
    List<Comparison> all = new ArrayList<>();
    all.add(new Turns(BENCH, Unit.IOPS, bench, uring, Mark.atLeast(BENCH_MARK)));
    if (pollux != null) {
      List<String> exec =
          new ArrayList<>(List.of(pollux.toString(), "exec", "--disk", "null", "--"));
      exec.add(CPrograms.compile(directory, "aio-ring").toString());
      exec.addAll(batches);
      Contestant program = new ProgramContestant("pollux exec", exec, List.of("/pollux/main.dat"));
      all.add(new Turns(PROGRAM, Unit.IOPS, program, uring, Mark.atLeast(PROGRAM_MARK)));
      Plan cold = plan.withRamp(0); // as for a program that was just started
      Contestant java = BenchProgram.orHere(pollux, "bench, in Java", spec, cold);
      all.add(new Turns(BOTH, Unit.IOPS, program, java, Mark.atLeast(BOTH_MARK)));
    }
    return all.stream().filter(comparison -> wanted.test(comparison.work())).toList();
  }
}
