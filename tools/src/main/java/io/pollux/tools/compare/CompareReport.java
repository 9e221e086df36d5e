// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.compare.Comparison.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What came of all comparisons, for people and for scripts. */
public final class CompareReport {
  private CompareReport() {}

  /**
   * A table: medians, the least and the most of each side, and the ratio.
   *
   * @param outcomes its lines
   * @return some lines of text
   */
  public static String table(List<Outcome> outcomes) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT, "%-32s %12s %25s   %-15s %12s %25s %7s %6s%n",
            "work", "ours", "(least to most)", "against", "theirs", "(least to most)", "ratio", "mark"));
    for (Outcome outcome : outcomes) {
      double mark = outcome.of().mark();
      text.append(
          String.format(
              Locale.ROOT, "%-32s %,12.0f %25s   %-15s %,12.0f %25s %7.2f %6s%n",
              outcome.of().work(), Comparison.median(outcome.ours()), spread(outcome.ours()),
              outcome.of().theirs().name(), Comparison.median(outcome.theirs()), spread(outcome.theirs()),
              outcome.ratio(), Double.isNaN(mark) ? "" : String.format(Locale.ROOT, "%.2f", mark)));
    }
    return text.toString();
  }

  private static String spread(List<Double> sorted) {
    return String.format(Locale.ROOT, "(%,.0f to %,.0f)", sorted.getFirst(), sorted.getLast());
  }

  /**
   * One JSON object.
   *
   * @param outcomes its lines
   * @return the object, with a line end behind it
   */
  public static String json(List<Outcome> outcomes) {
    List<Object> lines = new ArrayList<>();
    for (Outcome outcome : outcomes) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("work", outcome.of().work());
      line.put("against", outcome.of().theirs().name());
      line.put("ours", outcome.ours());
      line.put("theirs", outcome.theirs());
      line.put("ratio", outcome.ratio());
      line.put("mark", Double.isNaN(outcome.of().mark()) ? null : outcome.of().mark());
      lines.add(line);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("command", "compare");
    object.put("comparisons", lines);
    try {
      return JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES).asString(object) + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
