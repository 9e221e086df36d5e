// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.companion.source.Faults;
import io.pollux.companion.text.Html;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The series' table and this kernel's as charts, from the committed results. */
final class Numbers {
  private static final String TABLE = "data/table.json";
  private static final String FEATURES = "data/features.json";

  private static final int WIDTH = 440;
  private static final int LEFT = 52;
  private static final int TOP = 28;
  private static final int HEIGHT = 180;
  private static final int GRID = 4;

  private final Path texts;
  private final Faults faults;

  Numbers(Path texts, Faults faults) {
    this.texts = texts;
    this.faults = faults;
  }

  /** The charts of the table. */
  String table() {
    Map<String, Object> table = read(TABLE);
    if (table.isEmpty()) {
      return "";
    }
    List<String> depths = new ArrayList<>();
    List<double[]> posted = new ArrayList<>();
    List<double[]> here = new ArrayList<>();
    StringBuilder rows = new StringBuilder();
    for (Object each : list(table.get("rows"))) {
      Map<?, ?> row = (Map<?, ?>) each;
      Map<?, ?> series = row.get("series") instanceof Map<?, ?> numbers ? numbers : Map.of();
      double[] was = {
        number(series, "before"), number(series, "nothingOn"), number(series, "allOn")
      };
      double[] is = {iops(row, "aio"), iops(row, "ring"), iops(row, "all")};
      posted.add(was);
      here.add(is);
      depths.add(String.valueOf(row.get("depth")));
      rows.append("<tr><td>").append(row.get("depth"));
      for (double value : was) {
        rows.append("</td><td>").append(thousands(value));
      }
      rows.append("</td><td>").append(ratio(was[2] / was[0]));
      for (double value : is) {
        rows.append("</td><td>").append(thousands(value));
      }
      rows.append("</td><td>").append(ratio(is[2] / is[0])).append("</td></tr>\n");
    }
    return "<div class=\"charts\">"
        + chart(
            "The posting", List.of("before", "nothing turned on", "all turned on"), depths, posted)
        + chart("Here", List.of("io_submit", "rings", "rings, polled, fixed"), depths, here)
        + "</div>\n<p class=machine>Here: "
        + Html.escape(table.get("machine") + ", " + table.get("date") + ", " + table.get("fs"))
        + " on a "
        + Html.escape(String.valueOf(table.get("disk")))
        + " disk, "
        + table.get("rounds")
        + " rounds, the median of each cell. <code>bin/pollux table --json</code></p>\n"
        + "<div class=table><table><thead><tr><th>depth</th><th>before</th><th>nothing on</th>"
        + "<th>all on</th><th>ratio</th><th>io_submit</th><th>rings</th><th>all</th><th>ratio</th>"
        + "</tr></thead><tbody>\n"
        + rows
        + "</tbody></table></div>\n";
  }

  /** Pairs of runs that differ in one feature. */
  String features() {
    Map<String, Object> features = read(FEATURES);
    if (features.isEmpty()) {
      return "";
    }
    StringBuilder html = new StringBuilder("<div class=table><table><thead><tr><th>patch</th>");
    html.append("<th>without</th><th></th><th>with</th><th></th><th>ratio</th></tr></thead>");
    html.append("<tbody>\n");
    for (Object each : list(features.get("rows"))) {
      Map<?, ?> row = (Map<?, ?>) each;
      double without = number(row, "without");
      double with = number(row, "with");
      int patch = (int) number(row, "patch");
      html.append("<tr><td><a href=\"").append(Series.pathOf(patch)).append("\">").append(patch);
      html.append("</a></td><td>").append(Html.escape(String.valueOf(row.get("withoutWhat"))));
      html.append("</td><td>").append(thousands(without)).append("</td><td>");
      html.append(Html.escape(String.valueOf(row.get("withWhat")))).append("</td><td>");
      html.append(thousands(with)).append("</td><td>").append(ratio(with / without));
      html.append("</td></tr>\n");
    }
    html.append("</tbody></table></div>\n<p class=machine>");
    html.append(Html.escape(features.get("machine") + ", " + features.get("date") + ". "));
    html.append(Html.escape(String.valueOf(features.get("remark")))).append(" <code>");
    html.append(Html.escape(String.valueOf(features.get("command")))).append("</code></p>\n");
    return html.toString();
  }

  private Map<String, Object> read(String name) {
    Path file = texts.resolve(name);
    if (!Files.exists(file)) {
      faults.add(name, "the numbers page has no such result");
      return Map.of();
    }
    try {
      return JSON.std.mapFrom(Files.readString(file));
    } catch (IOException e) {
      faults.add(name, String.valueOf(e.getMessage()));
      return Map.of();
    }
  }

  private static List<?> list(@Nullable Object value) {
    return value instanceof List<?> several ? several : List.of();
  }

  private static double number(Map<?, ?> row, String key) {
    return row.get(key) instanceof Number number ? number.doubleValue() : 0;
  }

  private static double iops(Map<?, ?> row, String way) {
    return row.get(way) instanceof Map<?, ?> cell ? number(cell, "iops") : 0;
  }

  private static String thousands(double value) {
    return value >= 1e6
        ? String.format(Locale.ROOT, value % 1e5 == 0 ? "%.1fM" : "%.2fM", value / 1e6)
        : String.format(Locale.ROOT, "%.0fK", value / 1e3);
  }

  private static String ratio(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  /** Draws bars in groups: a group for each depth, a bar for each way. */
  private static String chart(
      String title, List<String> ways, List<String> depths, List<double[]> values) {
    double most = 1;
    for (double[] group : values) {
      for (double value : group) {
        most = Math.max(most, value);
      }
    }
    double step = niceStep(most / GRID);
    double top = Math.ceil(most / step) * step;
    StringBuilder svg = new StringBuilder("<figure><svg viewBox=\"0 0 440 268\" role=\"img\"");
    svg.append(" aria-label=\"").append(title).append(": IOPS by depth\"><title>").append(title);
    svg.append(": IOPS by depth</title>\n");
    text(0, 14, title, "t h", "start", svg);
    for (double at = 0; at <= top; at += step) {
      double y = TOP + HEIGHT - at / top * HEIGHT;
      svg.append(
          String.format(Locale.ROOT, "<path class=\"g\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH));
      text(LEFT - 6, y + 4, at == 0 ? "0" : thousands(at).replace(".0M", "M"), "t m", "end", svg);
    }
    double group = (double) (WIDTH - LEFT) / depths.size();
    double bar = group * 0.26;
    for (int i = 0; i < depths.size(); i++) {
      for (int way = 0; way < ways.size(); way++) {
        double height = values.get(i)[way] / top * HEIGHT;
        svg.append(
            String.format(
                Locale.ROOT,
                "<rect class=\"s%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                way + 1,
                LEFT + i * group + group * 0.1 + way * bar,
                TOP + HEIGHT - height,
                bar - 1,
                height));
      }
      text(LEFT + (i + 0.5) * group, TOP + HEIGHT + 18, depths.get(i), "t", "middle", svg);
    }
    double x = LEFT;
    for (int way = 0; way < ways.size(); way++) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<rect class=\"s%d\" x=\"%.1f\" y=\"%d\" width=\"10\" height=\"10\"/>",
              way + 1,
              x,
              TOP + HEIGHT + 34));
      text(x + 15, TOP + HEIGHT + 43, ways.get(way), "t m", "start", svg);
      x += 36 + ways.get(way).length() * 6.6;
    }
    return svg.append("</svg></figure>\n").toString();
  }

  private static double niceStep(double rough) {
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double part = rough / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
  }

  private static void text(
      double x, double y, String text, String cls, String anchor, StringBuilder svg) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>\n",
            x,
            y,
            cls,
            anchor,
            Html.escape(text)));
  }
}
