// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** The result as one JSON object. Scripts depend on its keys. */
public final class JsonReport {
  private JsonReport() {}

  /**
   * Formats a result.
   *
   * @param result of a run
   * @return the object, with a newline
   */
  public static String of(Result result) {
    Plan plan = result.plan();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("command", "bench");
    object.put("fs", result.fs());
    object.put("disk", result.disk());
    object.put("mode", plan.mode().toString());
    object.put("polled", plan.polled());
    object.put("fixedBufs", plan.fixedBufs());
    object.put("rw", plan.pattern().toString());
    object.put("blockSize", plan.blockSize());
    object.put("depth", plan.depth());
    object.put("batchSubmit", plan.batchSubmit());
    object.put("batchComplete", plan.batchComplete());
    object.put("threads", plan.threads());
    object.put("seed", plan.seed());
    object.put("ramp", plan.rampNanos() / 1e9);
    object.put("seconds", result.seconds());
    object.put("ios", result.ios());
    object.put("iops", result.iops());
    object.put("calls", result.calls());
    object.put("errors", result.errors());
    object.put("verified", result.verified());
    object.put("mismatches", result.mismatches());
    object.put("latencyNs", latency(result.latency()));
    double allocated = result.allocatedBytesPerIo();
    // JSON has no NaN
    object.put("allocatedBytesPerIo", Double.isNaN(allocated) ? null : allocated);
    try {
      return JSON.std
              .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
              .asString(object)
          + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Object> latency(Histogram histogram) {
    Map<String, Object> latency = new LinkedHashMap<>();
    latency.put("p50", histogram.getValueAtPercentile(50));
    latency.put("p99", histogram.getValueAtPercentile(99));
    latency.put("p999", histogram.getValueAtPercentile(99.9));
    latency.put("max", histogram.getMaxValue());
    return latency;
  }
}
