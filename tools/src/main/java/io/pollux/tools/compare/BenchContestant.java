// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Bench;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Result;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * This kernel in this process, as {@code pollux bench} runs it. Returns one figure of the result.
 */
public final class BenchContestant implements Contestant {
  private static final double NANOS = 1e9;

  private final String name;
  private final BenchFigure figure;
  private final TargetSpec spec;
  private final Plan plan;

  /**
   * Creates a contestant that returns IOPS.
   *
   * @param spec the target
   * @param plan the work; its ramp precedes each turn
   */
  public BenchContestant(TargetSpec spec, Plan plan) {
    this("pollux", BenchFigure.IOPS, spec, plan);
  }

  /** Creates a contestant with a name and a figure. */
  BenchContestant(String name, BenchFigure figure, TargetSpec spec, Plan plan) {
    this.name = name;
    this.figure = figure;
    this.spec = spec;
    this.plan = plan;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public double run(double seconds) {
    PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    try (Target target = Target.open(spec, plan.pattern().writes());
        UserFiles files = new UserFiles(target.program())) {
      PathName file = target.file(files);
      Result result =
          new Bench(plan.forNanos((long) (seconds * NANOS)), target, files, file, nowhere).run();
      if (!result.good()) {
        throw Failure.fault(result.file(), String.valueOf(result.firstFault()));
      }
      return figure.of(result);
    }
  }
}
