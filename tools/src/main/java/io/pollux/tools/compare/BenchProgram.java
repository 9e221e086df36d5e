// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Pollux bench in a process of its own, whose compiler has seen nothing but this work. */
final class BenchProgram implements Contestant {
  private final Path pollux;
  private final String name;
  private final List<String> options;

  /** Takes the command line's path, a name, and what bench is to do: all options but how long and how to tell. */
  BenchProgram(Path pollux, String name, List<String> options) {
    this.pollux = pollux;
    this.name = name;
    this.options = List.copyOf(options);
  }

  /** This work in a process of its own, with the options that say what is on the disk; or in this one if there is no command line. */
  static Contestant orHere(@Nullable Path pollux, String name, TargetSpec spec, Plan plan, String... filesystem) {
    if (pollux == null) {
      return new BenchContestant(name, spec, plan);
    }
    List<String> options = options(plan, spec.diskOrDefault());
    options.addAll(List.of(filesystem));
    return new BenchProgram(pollux, name, options);
  }

  /** The options of a plan for comparisons: its depth and batches, and --sq-poll. */
  static List<String> options(Plan plan, Disk disk) {
    List<String> options =
        new ArrayList<>(
            List.of(
                "--disk", disk.toString(), "--no-verify",
                "--depth", String.valueOf(plan.depth()),
                "--batch-submit", String.valueOf(plan.batchSubmit()),
                "--batch-complete", String.valueOf(plan.batchComplete())));
    if (plan.sqPoll()) {
      options.add("--sq-poll");
    }
    return options;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public double run(double seconds) {
    List<String> command = new ArrayList<>(List.of(pollux.toString(), "bench"));
    command.addAll(options);
    command.addAll(List.of("--runtime", String.format(Locale.ROOT, "%.3f", seconds), "--json", "-"));
    String json = HostProgram.run(command, seconds);
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
