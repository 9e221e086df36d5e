// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.console.Failure;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Pollux bench on a null disk in a process of its own, without a ramp: as cold as a C program that has just been started. */
final class BenchProgram implements Contestant {
  private final Path pollux;
  private final Plan plan;

  /** Takes the command line, and the work: of a plan for comparisons, its depth and batches. */
  BenchProgram(Path pollux, Plan plan) {
    this.pollux = pollux;
    this.plan = plan;
  }

  @Override
  public String name() {
    return "bench, in Java";
  }

  @Override
  public double run(double seconds) {
    String json =
        HostProgram.run(
            List.of(
                pollux.toString(), "bench", "--disk", "null", "--no-verify",
                "--depth", String.valueOf(plan.depth()),
                "--batch-submit", String.valueOf(plan.batchSubmit()),
                "--batch-complete", String.valueOf(plan.batchComplete()),
                "--ramp", "0",
                "--runtime", String.format(Locale.ROOT, "%.3f", seconds),
                "--json", "-"),
            seconds);
    try {
      if (JSON.std.mapFrom(json).get("iops") instanceof Number iops) {
        return iops.doubleValue();
      }
    } catch (IOException e) {
      throw Failure.couldNotRun("bench", "its output can't be read: " + e.getMessage(), e);
    }
    throw Failure.couldNotRun("bench", "its output has no iops");
  }
}
