// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.tools.console.Sizes;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/** The result as a readable table. */
public final class TextReport {
  private final StringBuilder text = new StringBuilder();

  private TextReport() {}

  /**
   * Formats a result.
   *
   * @param result of a run
   * @return lines
   */
  public static String of(Result result) {
    return new TextReport().write(result);
  }

  private String write(Result result) {
    Plan plan = result.plan();
    text.append(headline(result)).append("\n\n");
    row("IOPS", "%,.0f%s", result.iops(), bestSecond(result));
    row("throughput", "%s/s", Sizes.show((long) (result.iops() * plan.blockSize())));
    row("I/Os", "%,d in %.3f s%s", result.ios(), result.seconds(), ramp(plan));
    row("system calls", "%,d%s", result.calls(), perCall(result));
    Histogram latency = result.latency();
    row(
        "latency",
        "p50 %s, p99 %s, p99.9 %s, max %s (%,d I/Os timed)",
        time(latency.getValueAtPercentile(50)),
        time(latency.getValueAtPercentile(99)),
        time(latency.getValueAtPercentile(99.9)),
        time(latency.getMaxValue()),
        latency.getTotalCount());
    if (plan.verify()) {
      row("verified", "%,d blocks, %,d mismatches", result.verified(), result.mismatches());
    } else {
      row("verified", "no");
    }
    row("errors", "%,d", result.errors());
    if (!Double.isNaN(result.allocatedBytesPerIo())) {
      row("allocated", "%.4f bytes per I/O", result.allocatedBytesPerIo());
    }
    row("seed", "%d", plan.seed());
    return text.toString();
  }

  private static String headline(Result result) {
    Plan plan = result.plan();
    StringBuilder line = new StringBuilder();
    line.append(Sizes.show(plan.blockSize())).append(' ').append(plan.pattern().words());
    line.append(" of ")
        .append(result.file())
        .append(" (")
        .append(result.fs().equals("none") ? "bare disk" : result.fs());
    line.append(" on ").append(result.device()).append("), ").append(plan.mode());
    line.append(plan.polled() ? ", polled" : ", irq");
    line.append(plan.fixedBufs() ? ", fixed buffers" : "")
        .append(plan.buffered() ? ", buffered" : "");
    line.append(plan.sqPoll() ? ", SQPOLL" : plan.sqThread() ? ", SQ thread" : "");
    line.append(", depth ").append(plan.depth());
    line.append(plan.threads() == 1 ? "" : ", " + plan.threads() + " threads");
    return line.toString();
  }

  private static String bestSecond(Result result) {
    return result.bestSecond() <= result.iops()
        ? ""
        : String.format(Locale.ROOT, " (best second %,d)", result.bestSecond());
  }

  private static String ramp(Plan plan) {
    return plan.rampNanos() == 0 ? "" : ", after a ramp of " + time(plan.rampNanos());
  }

  private static String perCall(Result result) {
    return result.calls() == 0
        ? ""
        : String.format(Locale.ROOT, " (%.1f I/Os each)", (double) result.ios() / result.calls());
  }

  static String time(long nanos) {
    if (nanos < 10_000) {
      return nanos + " ns";
    }
    if (nanos < 1_000_000) {
      return String.format(Locale.ROOT, "%.1f µs", nanos / 1e3);
    }
    return nanos < 1_000_000_000L
        ? String.format(Locale.ROOT, "%.1f ms", nanos / 1e6)
        : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
  }

  private void row(String name, String format, Object... values) {
    text.append(String.format(Locale.ROOT, "  %-14s", name))
        .append(String.format(Locale.ROOT, format, values))
        .append('\n');
  }
}
