// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Plan;
import java.io.IOException;
import java.time.LocalDate;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is shown of a measurement that is written down here. */
@Timeout(60)
class TableTest {
  /** A tag, what is between tags, or what must not be there. */
  private static final Pattern XML =
      Pattern.compile(
          "<\\?[^>]*\\?>|<(/?)([a-z]+)((?:"
              + " [a-zA-Z0-9-]+=\"[^\"<&]*\")*)(/?)>|([^<&]|&(?:amp|lt|gt|quot);)+|(.)",
          Pattern.DOTALL);

  private static Measurement empty(String file, String disk) {
    return empty(file, disk, disk + "0", "A CPU, 2 CPUs, Linux 6, Java 25");
  }

  private static Measurement empty(String file, String disk, String device, String machine) {
    return new Measurement(
        new Measurement.Where(
            "xfs", disk, device, file, machine, LocalDate.of(2026, 1, 2), 3, 1.5));
  }

  /**
   * As on two processors: what interrupts has rounds of 1, 2 and 5, and only at depth 1 does what
   * is polled vary too.
   */
  private static Measurement varied(String file, String device, String machine) {
    Measurement made = empty(file, "null", device, machine);
    for (Posting.Row posted : Posting.ROWS) {
      for (int part : new int[] {2, 5, 1}) {
        made.add(posted.depth(), Way.AIO, 1e6 * posted.depth() * part);
        made.add(posted.depth(), Way.RING, 1e6 * posted.depth() * (posted.depth() == 4 ? 1 : part));
        made.add(
            posted.depth(),
            Way.ALL,
            6e6 * posted.depth() * (posted.depth() == 1 ? part : 1.0 + part / 10.0));
      }
    }
    return made;
  }

  /**
   * Everything turned on is 1.75 times aio; aio is 1, 1.1 and 0.9 million at depth 1, and twice as
   * much at 2.
   */
  private static Measurement measured() {
    Measurement made = empty("/main.dat", "null");
    for (Posting.Row posted : Posting.ROWS) {
      for (double part : new double[] {1.0, 1.1, 0.9}) {
        made.add(posted.depth(), Way.AIO, 1e6 * posted.depth() * part);
        made.add(posted.depth(), Way.RING, 1.25e6 * posted.depth() * part);
        made.add(posted.depth(), Way.ALL, 1.75e6 * posted.depth() * part);
      }
    }
    return made;
  }

  @Test
  void thePostedTableHasTheRatiosThatWerePostedWithIt() {
    assertThat(Posting.ROWS).extracting(Posting.Row::depth).containsExactly(1, 2, 4, 8, 16, 32, 64);
    double[] rounded = {1.7, 1.8, 1.8, 1.5, 1.6, 1.8, 1.9};
    for (int i = 0; i < rounded.length; i++) {
      assertThat(Posting.ROWS.get(i).ratio()).isCloseTo(rounded[i], within(0.0501));
    }
  }

  @Test
  void whatIsRunIsWhatTheColumnsSay() {
    Plan aio = Way.AIO.plan(4, 7, 1);
    assertThat(aio.mode()).isEqualTo(Plan.Mode.AIO);
    assertThat(aio.polled()).isFalse();
    assertThat(aio.fixedBufs()).isFalse();
    Plan ring = Way.RING.plan(64, 7, 1);
    assertThat(ring.mode()).isEqualTo(Plan.Mode.RING);
    assertThat(ring.polled()).isFalse();
    assertThat(ring.fixedBufs()).isFalse();
    Plan all = Way.ALL.plan(64, 7, 1);
    assertThat(all.mode()).isEqualTo(Plan.Mode.RING);
    assertThat(all.polled()).isTrue();
    assertThat(all.fixedBufs()).isTrue();
    assertThat(
            List.of(aio.batchSubmit(), aio.batchComplete(), all.batchSubmit(), all.batchComplete()))
        .containsExactly(4, 4, 8, 8);
    assertThat(all.runtimeNanos()).isEqualTo(7);
  }

  @Test
  void theTextHasEveryCellAndSaysWhereTheMarkIsReached() {
    List<String> lines = TableText.of(measured()).lines().toList();
    assertThat(lines.subList(0, 4))
        .containsExactly(
            "4 KiB random reads of /main.dat (xfs on null0), one thread, batches of up to 8",
            "a null disk: this kernel alone, no data is moved",
            "A CPU, 2 CPUs, Linux 6, Java 25, 2026-01-02; median of 3 rounds in turns, 1.5 s a"
                + " cell",
            "");
    assertThat(lines.get(6).strip().split(" +"))
        .containsExactly(
            "1",
            "1,000,000",
            "1,250,000",
            "1,750,000",
            "1.75",
            "77,000",
            "80,000",
            "132,000",
            "1.71");
    assertThat(lines.get(12).strip().split(" +"))
        .containsExactly(
            "64",
            "64,000,000",
            "80,000,000",
            "112,000,000",
            "1.75",
            "635,000",
            "776,000",
            "1,230,000",
            "1.94");
    assertThat(lines.subList(5, 13))
        .allSatisfy(line -> assertThat(line).hasSameSizeAs(lines.get(5)));
    assertThat(lines).contains("least to most in a cell: at most 20 % of its median");
    assertThat(lines.subList(lines.size() - 9, lines.size()))
        .containsExactly(
            "all features on / legacy aio, and the series' own:",
            "  depth  1   1.75   1.71  reached",
            "  depth  2   1.75   1.81  not reached",
            "  depth  4   1.75   1.79  not reached",
            "  depth  8   1.75   1.47  reached",
            "  depth 16   1.75   1.64  reached",
            "  depth 32   1.75   1.82  not reached",
            "  depth 64   1.75   1.94  not reached",
            "  reached at 3 of 7 depths");
  }

  @Test
  void cellsThatVaryAreMarkedWithHowFarAndWhy() {
    List<String> lines =
        TableText.of(varied("/main.dat", "null0, irqmode=softirq", "A CPU")).lines().toList();
    assertThat(lines.get(6)).startsWith("    1    2,000,000*  2,000,000*  12,000,000*    6.00");
    assertThat(lines.get(8)).startsWith("    4    8,000,000*  4,000,000   28,800,000     3.60");
    assertThat(lines)
        .anySatisfy(
            line ->
                assertThat(line.strip().split(" +"))
                    .containsExactly("8", "aio", "8,000,000", "16,000,000", "40,000,000", "5.0"));
    assertThat(lines).noneSatisfy(line -> assertThat(line).matches(" +4 +ring .*"));
    assertThat(lines)
        .contains(
            "* varied twofold or more from round to round, IOPS:",
            "  Least to most in the other cells: at most 33 % of the median.")
        .contains(
            "  With interrupts, a thread of the driver completes each read and wakes the thread"
                + " that waits for it.")
        .contains("  depth  2   3.60   1.81  reached; by single rounds, in 2 of 3")
        .contains("  depth  1   6.00   1.71  reached");
    assertThat(lines.stream().filter(line -> !line.startsWith("A CPU")))
        .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(120));
    assertThat(TableText.of(varied("/main.dat", "null0, irqmode=none", "A CPU")))
        .contains("A cell without interrupts varies when the machine")
        .doesNotContain("a thread of the driver");
    assertThat(TableText.of(measured())).doesNotContain("*").doesNotContain("by single rounds");

    String svg = TableChart.of(varied("/main.dat", "null0, irqmode=softirq", "A CPU"));
    assertWellFormed(svg);
    assertThat(svg.replaceAll("</text>\\s*<text[^>]*>", " ")) // the lines of a note
        .contains("aio at every depth, up to 5.0-fold; ring at depth 1, 2, 8, 16,")
        .contains("a thread of the driver completes each read");
    assertThat(svg.lines().filter(line -> line.contains("stroke-opacity"))).hasSize(21);
  }

  /** By the widths of DejaVu Sans, the widest font that the image asks for. */
  @Test
  void noTextLeavesTheChart() {
    String processor =
        "Wide(R) Monumental(TM) MW-WWMM 9999WX 128-Core Processor With Everything @ 9.99GHz";
    String machine = processor + ", 256 CPUs, Linux 6.18.44-very-long-local-version, Java 25.0.3";
    String[] files = {
      "/main.dat",
      "/" + "directory with a name/".repeat(190),
      "/" + "M".repeat(4000),
      "/" + "文件系统".repeat(300)
    };
    for (String file : files) {
      Measurement measured = varied(file, "null0, irqmode=softirq", machine);
      measured.add(64, Way.ALL, 123e9); // numbers too
      String svg = TableChart.of(measured);
      assertWellFormed(svg);
      Matcher size = Pattern.compile("viewBox=\"0 0 ([0-9]+) ([0-9]+)\"").matcher(svg);
      assertThat(size.find()).isTrue();
      Matcher text =
          Pattern.compile(
                  "<text x=\"([0-9.]+)\" y=\"([0-9.]+)\" font-size=\"([0-9]+)\""
                      + " (?:text-anchor=\"(\\w+)\"|font-weight=\"600\") [^>]*>([^<]*)<")
              .matcher(svg);
      int texts = 0;
      while (text.find()) {
        double width = TextWidth.of(text.group(5), Integer.parseInt(text.group(3)));
        double x = Double.parseDouble(text.group(1));
        String anchor = String.valueOf(text.group(4));
        double left =
            anchor.equals("end") ? x - width : anchor.equals("middle") ? x - width / 2 : x;
        assertThat(left).as(text.group()).isNotNegative();
        assertThat(left + width)
            .as(text.group())
            .isLessThanOrEqualTo(Double.parseDouble(size.group(1)));
        assertThat(Double.parseDouble(text.group(2)))
            .as(text.group())
            .isLessThan(Double.parseDouble(size.group(2)));
        texts++;
      }
      assertThat(texts)
          .isEqualTo((int) svg.lines().filter(line -> line.startsWith("<text")).count())
          .isGreaterThan(40);
      assertThat(svg).contains("GHz, 256");
    }
  }

  @Test
  void textsAreBrokenBetweenWordsOrAnywhereAndShortenedInTheMiddle() {
    assertThat(TextWidth.wrap("one two three", 10, 60, 9)).containsExactly("one two", "three");
    assertThat(TextWidth.wrap("", 10, 60, 9)).containsExactly("");
    List<String> long1 = TextWidth.wrap("x".repeat(100), 10, 100, 20);
    assertThat(String.join("", long1)).isEqualTo("x".repeat(100));
    assertThat(long1)
        .allSatisfy(line -> assertThat(TextWidth.of(line, 10)).isLessThanOrEqualTo(100));
    List<String> cut = TextWidth.wrap("begin " + "🐟".repeat(1000) + " end", 10, 200, 2);
    assertThat(cut).hasSizeLessThanOrEqualTo(2);
    assertThat(String.join("", cut)).startsWith("begin").contains("…").endsWith("end");
  }

  @Test
  void whatWasNotMeasuredIsLeftOpen() throws IOException {
    Measurement some = empty("/main.dat", "ram");
    some.add(1, Way.AIO, 100);
    List<String> lines = TableText.of(some).lines().toList();
    assertThat(lines.get(1)).isEqualTo("a disk in memory");
    assertThat(lines.get(2)).endsWith("; ended after 0 of 3 rounds in turns, 1.5 s a cell");
    assertThat(lines.get(6).strip().split(" +"))
        .containsExactly("1", "100", "-", "-", "-", "77,000", "80,000", "132,000", "1.71");
    assertThat(lines)
        .contains("  depth  1      -   1.71  not measured", "  reached at 0 of 7 depths");
    Map<?, ?> row = (Map<?, ?>) rows(some).getFirst();
    assertThat(row.get("ratio")).isNull();
    assertThat(row.get("reached")).isEqualTo(false);
    assertWellFormed(TableChart.of(some));
    assertWellFormed(TableChart.of(empty("/main.dat", "file")));
  }

  @Test
  void theSameForScripts() throws IOException {
    Map<String, Object> all = JSON.std.mapFrom(TableJson.of(measured()));
    assertThat(all)
        .containsEntry("command", "table")
        .containsEntry("fs", "xfs")
        .containsEntry("disk", "null")
        .containsEntry("file", "/main.dat")
        .containsEntry("date", "2026-01-02")
        .containsEntry("rounds", 3)
        .containsEntry("seconds", 1.5)
        .containsEntry("blockSize", 4096)
        .containsEntry("batch", 8);
    List<?> rows = rows(measured());
    assertThat(rows).hasSize(7);
    Map<?, ?> second = (Map<?, ?>) rows.get(1);
    assertThat(second.get("depth")).isEqualTo(2);
    assertThat(second.get("aio"))
        .isEqualTo(Map.of("iops", 2e6, "rounds", List.of(1.8e6, 2e6, 2.2e6)));
    assertThat(second.get("ratio")).isEqualTo(1.75);
    assertThat(second.get("reached")).isEqualTo(false);
    assertThat(second.get("series"))
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .containsEntry("before", 145_000);
    assertThat(((Map<?, ?>) rows.get(3)).get("reached")).isEqualTo(true);
  }

  @Test
  void theChartHasACurveAndSevenPointsForEachColumn() {
    String svg = TableChart.of(measured());
    assertWellFormed(svg);
    List<String> curves = svg.lines().filter(line -> line.startsWith("<polyline")).toList();
    assertThat(curves).hasSize(6);
    assertThat(curves).filteredOn(line -> line.contains("stroke-dasharray")).hasSize(3);
    assertThat(curves)
        .allSatisfy(line -> assertThat(line).containsPattern("points=\"([0-9.]+,[0-9.]+ ?){7}\""));
    assertThat(svg)
        .contains(
            "this kernel, all, depth 8: 14,000,000 IOPS",
            "the series, before, depth 64: 635,000 IOPS")
        .contains(">IOPS<", ">I/Os in flight (queue depth)<", ">50K<", ">1M<", ">64<")
        .contains("2026-01-02", "A CPU, 2 CPUs", "a null disk: this kernel alone, no data is moved")
        .contains("prefers-color-scheme: dark")
        .doesNotContain("<script", "href", "@import", "url(");
  }

  /**
   * Higher is further up, deeper is further right, and twice the depth is the same distance
   * everywhere.
   */
  @Test
  void theCurvesGoWhereTheNumbersAre() {
    String line =
        TableChart.of(measured())
            .lines()
            .filter(text -> text.startsWith("<polyline"))
            .skip(3)
            .findFirst()
            .orElseThrow();
    double[] x = new double[7];
    double[] y = new double[7];
    Matcher point = Pattern.compile("([0-9.]+),([0-9.]+)").matcher(line);
    for (int i = 0; i < 7; i++) {
      assertThat(point.find()).isTrue();
      x[i] = Double.parseDouble(point.group(1));
      y[i] = Double.parseDouble(point.group(2));
    }
    for (int i = 2; i < 7; i++) {
      assertThat(x[i] - x[i - 1]).isPositive().isCloseTo(x[1] - x[0], within(0.2));
      // it doubles with the depth
      assertThat(y[i] - y[i - 1]).isNegative().isCloseTo(y[1] - y[0], within(0.2));
    }
  }

  @Test
  void namesThatAreNoXmlAreMadeSo() {
    String svg = TableChart.of(empty("/<a href=\"x\">&\u0001\uFFFF.dat", "ram"));
    assertWellFormed(svg);
    assertThat(svg).contains("/&lt;a href=&quot;x&quot;&gt;&amp;\uFFFD\uFFFD.dat");
  }

  private static List<?> rows(Measurement measured) throws IOException {
    return (List<?>) Objects.requireNonNull(JSON.std.mapFrom(TableJson.of(measured)).get("rows"));
  }

  private static void assertWellFormed(String svg) {
    assertThat(svg).startsWith("<?xml ").doesNotContain("NaN", "Infinity");
    Deque<String> open = new ArrayDeque<>();
    int roots = 0;
    Matcher part = XML.matcher(svg);
    while (part.find()) {
      assertThat(part.group(6)).as("at %s of %s", part.start(), svg).isNull();
      String name = part.group(2);
      if (name == null) {
        assertThat(!open.isEmpty() || part.group().isBlank() || part.start() == 0)
            .as(part.group())
            .isTrue();
      } else if (!part.group(1).isEmpty()) {
        assertThat(open.pop()).isEqualTo(name);
      } else {
        roots += open.isEmpty() ? 1 : 0;
        if (part.group(4).isEmpty()) {
          open.push(name);
        }
      }
    }
    assertThat(open).isEmpty();
    assertThat(roots).isEqualTo(1);
  }
}
