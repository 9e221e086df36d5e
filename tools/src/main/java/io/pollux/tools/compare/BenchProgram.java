// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.image.TargetSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Runs pollux bench in its own process, where the compiler sees only this work. Returns one figure
 * of the result.
 */
final class BenchProgram implements Contestant {
  private static final double NANOS = 1e9;

  private final Path pollux;
  private final String name;
  private final BenchFigure figure;
  private final List<String> options;

  /**
   * Creates a contestant from the path of the command line, a name, a figure, and all options
   * except duration and output.
   */
  BenchProgram(Path pollux, String name, BenchFigure figure, List<String> options) {
    this.pollux = pollux;
    this.name = name;
    this.figure = figure;
    this.options = List.copyOf(options);
  }

  /** Creates a contestant in its own process, or in this one if there is no command line. */
  static Contestant orHere(@Nullable Path pollux, String name, TargetSpec spec, Plan plan) {
    return orHere(pollux, name, BenchFigure.IOPS, spec, plan);
  }

  /** As above, with a figure. */
  static Contestant orHere(
      @Nullable Path pollux, String name, BenchFigure figure, TargetSpec spec, Plan plan) {
    return pollux == null
        ? new BenchContestant(name, figure, spec, plan)
        : new BenchProgram(pollux, name, figure, options(spec, plan));
  }

  /** Returns the options of a comparison plan without its duration, and of a disk in memory. */
  static List<String> options(TargetSpec spec, Plan plan) {
    List<String> options =
        new ArrayList<>(
            List.of(
                "--disk",
                spec.diskOrDefault().toString(),
                "--no-verify",
                "--mode",
                plan.mode().toString(),
                "--rw",
                plan.pattern().toString(),
                "--depth",
                String.valueOf(plan.depth()),
                "--batch-submit",
                String.valueOf(plan.batchSubmit()),
                "--batch-complete",
                String.valueOf(plan.batchComplete()),
                "--ramp",
                seconds(plan.rampNanos() / NANOS),
                "--seed",
                String.valueOf(plan.seed()),
                plan.buffered() ? "--buffered" : plan.polled() ? "--polled" : "--irq"));
    if (plan.mode() == Mode.RING || plan.mode() == Mode.USERIOCB) {
      options.add(plan.fixedBufs() ? "--fixed-bufs" : "--no-fixed-bufs");
    }
    if (plan.sqThread()) {
      options.add("--sq-thread");
    }
    if (plan.sqPoll()) {
      options.add("--sq-poll");
    }
    if (spec.isDisk(TargetSpec.RAM)) {
      options.add(spec.copyEngine() ? "--copy-engine" : "--no-copy-engine");
    }
    String fs = spec.fs();
    if (fs != null) {
      options.addAll(List.of("--fs", fs));
    }
    if (spec.size().isPresent()) {
      options.addAll(List.of("--size", String.valueOf(spec.size().getAsLong())));
    }
    return options;
  }

  private static String seconds(double seconds) {
    return String.format(Locale.ROOT, "%.3f", seconds);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public double run(double seconds) {
    List<String> command = new ArrayList<>(List.of(pollux.toString(), "bench"));
    command.addAll(options);
    command.addAll(List.of("--runtime", seconds(seconds), "--json", "-"));
    String json = HostProgram.runPollux(command, seconds, line -> {});
    try {
      if (JSON.std.mapFrom(json).get(figure.key()) instanceof Number number) {
        return number.doubleValue();
      }
    } catch (IOException e) {
      throw Failure.couldNotRun("bench", "its output can't be read: " + e.getMessage(), e);
    }
    throw Failure.couldNotRun("bench", "its output has no " + figure.key());
  }
}
