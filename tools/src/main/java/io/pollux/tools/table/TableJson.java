// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The table as JSON. */
public final class TableJson {
  private TableJson() {}

  /**
   * Formats one JSON object.
   *
   * @param measured the measurement
   * @return the object, with a newline
   */
  public static String of(Measurement measured) {
    Measurement.Where where = measured.where();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("command", "table");
    object.put("fs", where.fs());
    object.put("disk", where.disk());
    object.put("file", where.file());
    object.put("machine", where.machine());
    object.put("date", where.date().toString());
    object.put("rounds", where.rounds());
    object.put("seconds", where.seconds());
    object.put("blockSize", Way.BLOCK);
    object.put("batch", Way.MOST_IN_A_BATCH);
    object.put("rows", Posting.ROWS.stream().map(posted -> row(measured, posted)).toList());
    try {
      return JSON.std
              .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
              .asString(object)
          + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Object> row(Measurement measured, Posting.Row posted) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("depth", posted.depth());
    for (Way way : Way.values()) {
      Map<String, Object> cell = new LinkedHashMap<>();
      cell.put("iops", number(measured.median(posted.depth(), way)));
      cell.put("rounds", new ArrayList<>(measured.rates(posted.depth(), way)));
      row.put(way.title(), cell);
    }
    row.put("ratio", number(measured.ratio(posted.depth())));
    Map<String, Object> series = new LinkedHashMap<>();
    series.put("before", posted.before());
    series.put("nothingOn", posted.nothingOn());
    series.put("allOn", posted.allOn());
    series.put("ratio", posted.ratio());
    row.put("series", series);
    row.put("reached", measured.reached(posted));
    return row;
  }

  /** Replaces NaN, which JSON lacks, by null. */
  private static @Nullable Double number(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
