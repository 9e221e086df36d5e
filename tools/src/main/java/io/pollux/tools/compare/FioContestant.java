// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The host's kernel through fio's io_uring engine, with registered files and buffers. It follows
 * the plan as closely as possible; the plan's ramp is fio's ramp_time.
 */
public final class FioContestant implements Contestant {
  private final Path file;
  private final Plan plan;
  private final boolean hipri;

  /**
   * Creates a contestant.
   *
   * @param file on the host
   * @param plan the work
   * @param hipri whether the device can be polled
   */
  public FioContestant(Path file, Plan plan, boolean hipri) {
    this.file = file;
    this.plan = plan;
    this.hipri = hipri;
  }

  /** Whether fio is installed. */
  public static boolean installed() {
    return HostProgram.exists("fio");
  }

  @Override
  public String name() {
    return "fio io_uring";
  }

  @Override
  public double run(double seconds) {
    String json =
        HostProgram.run(
            List.of(
                "fio",
                "--name=compare",
                "--output-format=json",
                "--filename=" + file,
                "--ioengine=io_uring",
                "--fixedbufs",
                "--registerfiles",
                "--hipri=" + (hipri ? 1 : 0),
                "--direct=" + (plan.buffered() ? 0 : 1),
                "--rw=" + plan.pattern(),
                "--bs=" + plan.blockSize(),
                "--iodepth=" + plan.depth(),
                "--iodepth_batch_submit=" + plan.batchSubmit(),
                "--iodepth_batch_complete_min=" + plan.batchComplete(),
                "--iodepth_batch_complete_max=" + plan.depth(),
                "--norandommap",
                "--randrepeat=0",
                "--thread",
                "--time_based",
                String.format(Locale.ROOT, "--ramp_time=%.0fms", plan.rampNanos() / 1e6),
                String.format(Locale.ROOT, "--runtime=%.0fms", seconds * 1000)),
            seconds);
    return rate(json);
  }

  /** Returns the I/Os per second of fio's JSON output, reads and writes. */
  static double rate(String json) {
    try {
      Map<String, Object> all = JSON.std.mapFrom(json.substring(Math.max(json.indexOf('{'), 0)));
      Object job =
          all.get("jobs") instanceof List<?> jobs && !jobs.isEmpty() ? jobs.getFirst() : null;
      return direction(job, "read") + direction(job, "write");
    } catch (IOException e) {
      throw Failure.couldNotRun("fio", "its output can't be read: " + e.getMessage(), e);
    }
  }

  private static double direction(@Nullable Object job, String name) {
    if (job instanceof Map<?, ?> fields
        && fields.get(name) instanceof Map<?, ?> side
        && side.get("iops") instanceof Number iops) {
      return iops.doubleValue();
    }
    throw Failure.couldNotRun("fio", "its output has no " + name + " iops");
  }
}
