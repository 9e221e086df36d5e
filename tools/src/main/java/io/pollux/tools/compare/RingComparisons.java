// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Plan;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** This kernel with a device that does nothing, and the machine's io_uring with requests that do nothing. */
public final class RingComparisons {
  private static final String BENCH = "bench on a null disk";
  private static final String PROGRAM = "C ring program on a null disk";
  private static final String BOTH = "C ring program beside Java";
  private static final double BENCH_MARK = 1.0;
  private static final double PROGRAM_MARK = 0.5;
  private static final double BOTH_MARK = 0.8;

  private RingComparisons() {}

  /**
   * What they are called.
   *
   * @return names of work
   */
  public static List<String> names() {
    return List.of(BENCH, PROGRAM, BOTH);
  }

  /**
   * Whether they can be made here: it takes a C compiler and liburing.
   *
   * @return true if so
   */
  public static boolean possible() {
    return CPrograms.possible();
  }

  /**
   * Prepares them.
   *
   * @param spec a null disk
   * @param plan the work; depth and batches are the ones of io_uring too
   * @param directory for compiled programs
   * @param pollux the command line, to run a C program by; null if it is not known
   * @param wanted which of the names
   * @return the comparisons
   */
  public static List<Comparison> of(
      TargetSpec spec, Plan plan, Path directory, @Nullable Path pollux, Predicate<String> wanted) {
    List<String> batches =
        List.of(
            "-d", String.valueOf(plan.depth()), "-s", String.valueOf(plan.batchSubmit()), "-c",
            String.valueOf(plan.batchComplete()));
    Contestant bench = BenchProgram.orHere(pollux, "pollux", spec, plan);
    List<String> nops = new ArrayList<>(List.of(CPrograms.compile(directory, "io_uring-nops").toString()));
    nops.addAll(batches);
    Contestant uring = new ProgramContestant("io_uring no-ops", nops, List.of());
    List<Comparison> all = new ArrayList<>();
    all.add(new Turns(BENCH, Unit.IOPS, bench, uring, Mark.atLeast(BENCH_MARK)));
    if (pollux != null) {
      List<String> exec = new ArrayList<>(List.of(pollux.toString(), "exec", "--disk", "null", "--"));
      exec.add(CPrograms.compile(directory, "aio-ring").toString());
      exec.addAll(batches);
      Contestant program = new ProgramContestant("pollux exec", exec, List.of("/pollux/main.dat"));
      all.add(new Turns(PROGRAM, Unit.IOPS, program, uring, Mark.atLeast(PROGRAM_MARK)));
      Plan cold = plan.withRamp(0); // as a program is that has just been started
      Contestant java = BenchProgram.orHere(pollux, "bench, in Java", spec, cold);
      all.add(new Turns(BOTH, Unit.IOPS, program, java, Mark.atLeast(BOTH_MARK)));
    }
    return all.stream().filter(comparison -> wanted.test(comparison.work())).toList();
  }
}
