// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The outcomes of all comparisons as text and as JSON. */
public final class CompareReport {
  private static final String SPREAD = "(least to most)";
  private static final int SHORTEST = 32; // of the first column, so that short tables look alike

  private CompareReport() {}

  /**
   * Formats a table: medians, the range of each side and of the ratio, and whether the mark is
   * reached.
   *
   * @param outcomes its lines
   * @return lines of text
   */
  public static String table(List<Outcome> outcomes) {
    int names = outcomes.stream().mapToInt(outcome -> outcome.of().work().length()).max().orElse(0);
    String format =
        "%-" + Math.max(SHORTEST, names) + "s %12s %25s   %-15s %12s %25s %6s %16s  %-7s %s";
    StringBuilder text = new StringBuilder();
    line(
        text, format, "work", "ours", SPREAD, "against", "theirs", SPREAD, "ratio", SPREAD, "mark",
        "");
    for (Outcome outcome : outcomes) {
      Comparison of = outcome.of();
      line(
          text,
          format,
          of.work(),
          of.unit().brief(Outcome.median(outcome.ours())),
          spread(of.unit(), outcome.ours()),
          of.against(),
          of.unit().brief(Outcome.median(outcome.theirs())),
          spread(of.unit(), outcome.theirs()),
          Double.isNaN(outcome.ratio()) ? "" : ratio(outcome.ratio()),
          spread(outcome.ratios()),
          of.mark().text(),
          !of.mark().aims() ? "" : outcome.reached() ? "reached" : "missed");
    }
    return text.toString();
  }

  private static void line(StringBuilder text, String format, Object... cells) {
    text.append(String.format(Locale.ROOT, format, cells).stripTrailing()).append('\n');
  }

  private static String spread(Unit unit, List<Double> sorted) {
    return "(" + unit.brief(sorted.getFirst()) + " to " + unit.brief(sorted.getLast()) + ")";
  }

  private static String spread(List<Double> ratios) {
    return ratios.isEmpty()
        ? ""
        : "(" + ratio(ratios.getFirst()) + " to " + ratio(ratios.getLast()) + ")";
  }

  private static String ratio(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  /**
   * Formats one JSON object.
   *
   * @param outcomes its lines
   * @return the object, with a newline
   */
  public static String json(List<Outcome> outcomes) {
    List<Object> lines = new ArrayList<>();
    for (Outcome outcome : outcomes) {
      Mark mark = outcome.of().mark();
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("work", outcome.of().work());
      line.put("unit", outcome.of().unit().toString());
      line.put("against", outcome.of().against());
      line.put("ours", outcome.ours());
      line.put("theirs", outcome.theirs());
      line.put("ratios", outcome.ratios());
      line.put("ratio", Double.isNaN(outcome.ratio()) ? null : outcome.ratio()); // JSON has no NaN
      line.put("mark", mark.aims() ? mark.value() : null);
      line.put("bound", mark.aims() ? mark.bound().toString() : null);
      line.put("reached", mark.aims() ? outcome.reached() : null);
      lines.add(line);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("command", "compare");
    object.put("comparisons", lines);
    try {
      return JSON.std
              .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
              .asString(object)
          + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
