// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.compare.Comparison.Outcome;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is made of the rates of two contestants, who have them written down here. */
@Timeout(60)
class ComparisonTest {
  private final List<String> turns = new ArrayList<>();
  private final ByteArrayOutputStream progress = new ByteArrayOutputStream();

  private final class Scripted implements Contestant {
    private final String name;
    private final double[] rates;
    private int turn;

    Scripted(String name, double... rates) {
      this.name = name;
      this.rates = rates;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public double run(double seconds) {
      turns.add(name + " " + seconds);
      return rates[turn++];
    }
  }

  private Outcome run(int rounds, double mark, Contestant ours, Contestant theirs) {
    Comparison comparison = new Comparison("reads, depth 1", ours, theirs, mark);
    return comparison.run(rounds, 2.5, new PrintStream(progress, true, StandardCharsets.UTF_8));
  }

  @Test
  void theyTakeTurnsAndTheFirstDoesNotCount() {
    Outcome outcome = run(2, 0.9, new Scripted("we", 1, 300, 200), new Scripted("they", 1_000_000, 100, 400));
    assertThat(turns).containsExactly("we 2.5", "they 2.5", "we 2.5", "they 2.5", "we 2.5", "they 2.5");
    assertThat(outcome.ours()).containsExactly(200.0, 300.0);
    assertThat(outcome.theirs()).containsExactly(100.0, 400.0);
    assertThat(progress.toString(StandardCharsets.UTF_8).lines())
        .containsExactly(
            "reads, depth 1: we 1 IOPS, they 1,000,000 IOPS (to warm up)",
            "reads, depth 1: we 300 IOPS, they 100 IOPS (1 of 2)",
            "reads, depth 1: we 200 IOPS, they 400 IOPS (2 of 2)");
  }

  @Test
  void theMiddleOfAnOddNumberAndBetweenThoseOfAnEvenOne() {
    assertThat(Comparison.median(List.of(7.0))).isEqualTo(7);
    assertThat(Comparison.median(List.of(1.0, 2.0, 100.0))).isEqualTo(2);
    assertThat(Comparison.median(List.of(1.0, 2.0, 4.0, 100.0))).isEqualTo(3);
  }

  @Test
  void theRatioIsThatOfTheMediansWhateverTheOrder() {
    Outcome outcome =
        run(3, 0.9, new Scripted("we", 0, 90, 9_000_000, 80), new Scripted("they", 0, 1, 100, 5_000));
    assertThat(outcome.ratio()).isEqualTo(0.9);
  }

  @Test
  void aLineOfTheTable() {
    Outcome outcome =
        run(3, 0.95, new Scripted("we", 0, 9_500, 9_400, 12_345), new Scripted("they", 0, 10_000, 11_000, 9_000));
    Outcome unmarked = run(1, Double.NaN, new Scripted("we", 0, 1), new Scripted("others", 0, 3));
    List<String> lines = CompareReport.table(List.of(outcome, unmarked)).lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0).split("  +")).containsExactly(
        "work", "ours", "(least to most)", "against", "theirs", "(least to most)", "ratio", "mark");
    assertThat(lines.get(1).split("  +")).containsExactly(
        "reads, depth 1", "9,500", "(9,400 to 12,345)", "they", "10,000", "(9,000 to 11,000)", "0.95", "0.95");
    assertThat(lines.get(2).strip().split("  +")).containsExactly(
        "reads, depth 1", "1", "(1 to 1)", "others", "3", "(3 to 3)", "0.33");
  }

  @Test
  void theSameForScripts() throws IOException {
    Outcome outcome = run(2, 0.95, new Scripted("we", 0, 200, 100), new Scripted("they", 0, 300, 300));
    Outcome unmarked = run(1, Double.NaN, new Scripted("we", 0, 1), new Scripted("others", 0, 2));
    Map<String, Object> all = JSON.std.mapFrom(CompareReport.json(List.of(outcome, unmarked)));
    assertThat(all).containsEntry("command", "compare");
    List<?> lines = (List<?>) all.get("comparisons");
    assertThat(lines).hasSize(2);
    Map<?, ?> first = (Map<?, ?>) lines.get(0);
    assertThat(first.get("work")).isEqualTo("reads, depth 1");
    assertThat(first.get("against")).isEqualTo("they");
    assertThat(first.get("ours")).isEqualTo(List.of(100.0, 200.0));
    assertThat(first.get("theirs")).isEqualTo(List.of(300.0, 300.0));
    assertThat(first.get("ratio")).isEqualTo(0.5);
    assertThat(first.get("mark")).isEqualTo(0.95);
    assertThat(((Map<?, ?>) lines.get(1)).get("mark")).isNull();
  }
}
