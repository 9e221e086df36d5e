// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Evaluation of the rates of two contestants, with fixed rates. */
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
    return run(
        rounds, Unit.IOPS, Double.isNaN(mark) ? Mark.NONE : Mark.atLeast(mark), ours, theirs);
  }

  private Outcome run(int rounds, Unit unit, Mark mark, Contestant ours, Contestant theirs) {
    Comparison comparison = new Turns("reads, depth 1", unit, ours, theirs, mark);
    return comparison.run(rounds, 2.5, new PrintStream(progress, true, StandardCharsets.UTF_8));
  }

  @Test
  void theyTakeTurnsAndTheFirstDoesNotCount() {
    Outcome outcome =
        run(2, 0.9, new Scripted("we", 1, 300, 200), new Scripted("they", 1_000_000, 100, 400));
    assertThat(turns)
        .containsExactly("we 2.5", "they 2.5", "we 2.5", "they 2.5", "we 2.5", "they 2.5");
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
    assertThat(Outcome.median(List.of(7.0))).isEqualTo(7);
    assertThat(Outcome.median(List.of(1.0, 2.0, 100.0))).isEqualTo(2);
    assertThat(Outcome.median(List.of(1.0, 2.0, 4.0, 100.0))).isEqualTo(3);
  }

  @Test
  void theRatioIsThatOfTheMediansWhateverTheOrder() {
    Outcome outcome =
        run(
            3,
            0.9,
            new Scripted("we", 0, 90, 9_000_000, 80),
            new Scripted("they", 0, 1, 100, 5_000));
    assertThat(outcome.ratio()).isEqualTo(0.9);
    assertThat(outcome.ratios()).containsExactly(80 / 5_000.0, 90.0, 90_000.0);
  }

  @Test
  void aLeastIsReachedFromAboveAndAMostFromBelow() {
    assertThat(Mark.atLeast(0.9).reached(0.9)).isTrue();
    assertThat(Mark.atLeast(0.9).reached(0.899)).isFalse();
    assertThat(Mark.atLeast(0.9).reached(7)).isTrue();
    assertThat(Mark.atMost(1.2).reached(1.2)).isTrue();
    assertThat(Mark.atMost(1.2).reached(1.201)).isFalse();
    assertThat(Mark.atMost(1.2).reached(0.1)).isTrue();
    assertThat(Mark.NONE.reached(1)).isFalse();
    for (Mark mark : List.of(Mark.atLeast(0), Mark.atMost(9), Mark.NONE)) {
      assertThat(mark.reached(Double.NaN)).isFalse();
    }
    assertThat(Mark.atLeast(0.9).text()).isEqualTo(">= 0.90");
    assertThat(Mark.atMost(1.5).text()).isEqualTo("<= 1.50");
    assertThat(Mark.NONE.text()).isEmpty();
  }

  @Test
  void whereThereIsNoRatioTheValueIsHeldAgainstTheMark() {
    Outcome none =
        run(3, Unit.BYTES, Mark.atMost(0.01), new Scripted("we", 0.002, 16, 0.001), new Goal(0));
    Outcome some = run(1, Unit.BYTES, Mark.atMost(0.01), new Scripted("we", 0.011), new Goal(0));

    assertThat(turns).hasSize(4); // none to warm up
    assertThat(none.ratio()).isNaN();
    assertThat(none.ratios()).isEmpty();
    assertThat(none.reached()).isTrue();
    assertThat(some.reached()).isFalse();
    List<String> lines = CompareReport.table(List.of(none, some)).lines().toList();
    assertThat(lines.get(1).split("  +"))
        .containsExactly(
            "reads, depth 1",
            "0.002 B",
            "(0.001 B to 16.000 B)",
            "the goal",
            "0.000 B",
            "(0.000 B to 0.000 B)",
            "<= 0.01 reached");
    assertThat(lines.get(2)).endsWith(" <= 0.01 missed");
  }

  @Test
  void aLineOfTheTable() {
    Outcome outcome =
        run(
            3,
            0.95,
            new Scripted("we", 0, 9_500, 9_400, 12_345),
            new Scripted("they", 0, 10_000, 11_000, 9_000));
    Outcome unmarked = run(1, Double.NaN, new Scripted("we", 0, 1), new Scripted("others", 0, 3));
    List<String> lines = CompareReport.table(List.of(outcome, unmarked)).lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0).split("  +"))
        .containsExactly(
            "work",
            "ours",
            "(least to most)",
            "against",
            "theirs",
            "(least to most)",
            "ratio",
            "(least to most)",
            "mark");
    assertThat(lines.get(1).split("  +"))
        .containsExactly(
            "reads, depth 1",
            "9,500",
            "(9,400 to 12,345)",
            "they",
            "10,000",
            "(9,000 to 11,000)",
            "0.95",
            "(0.85 to 1.37)",
            ">= 0.95 reached");
    assertThat(lines.get(2).strip().split("  +"))
        .containsExactly(
            "reads, depth 1", "1", "(1 to 1)", "others", "3", "(3 to 3)", "0.33", "(0.33 to 0.33)");
  }

  @Test
  void theTableIsAsWideAsTheLongestName() {
    Comparison longer =
        new Turns(
            "x".repeat(50), Unit.SECONDS, new Scripted("we", 9, 1.5), new Goal(1), Mark.atMost(1));
    Outcome first = longer.run(1, 1, new PrintStream(progress, true, StandardCharsets.UTF_8));
    Outcome second = run(1, 0.9, new Scripted("we", 0, 1), new Scripted("they", 0, 1));
    List<String> lines = CompareReport.table(List.of(first, second)).lines().toList();
    assertThat(lines.get(1))
        .startsWith("x".repeat(50) + " ")
        .contains(" 1.50 s ", "(1.50 s to 1.50 s)")
        .endsWith("<= 1.00 missed");
    assertThat(lines.get(2).indexOf("(1 to 1)") + "(1 to 1)".length())
        .isEqualTo(lines.get(0).indexOf(")") + 1);
    assertThat(progress.toString(StandardCharsets.UTF_8))
        .contains(": we 1.50 s, the goal 1.00 s (1 of 1)");
  }

  @Test
  void theSameForScripts() throws IOException {
    Outcome outcome =
        run(2, 0.95, new Scripted("we", 0, 200, 100), new Scripted("they", 0, 300, 300));
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
    assertThat(first.get("ratios")).isEqualTo(List.of(100.0 / 300, 200.0 / 300));
    assertThat(first.get("unit")).isEqualTo("iops");
    assertThat(first.get("mark")).isEqualTo(0.95);
    assertThat(first.get("bound")).isEqualTo("least");
    assertThat(first.get("reached")).isEqualTo(false);
    Map<?, ?> second = (Map<?, ?>) lines.get(1);
    for (String none : List.of("mark", "bound", "reached")) {
      assertThat(second.containsKey(none)).isTrue();
      assertThat(second.get(none)).isNull();
    }
  }

  @Test
  void whatHasNoRatioHasNoneForScripts() throws IOException {
    Outcome outcome = run(1, Unit.BYTES, Mark.atMost(0.01), new Scripted("we", 0), new Goal(0));
    List<?> lines =
        (List<?>)
            Objects.requireNonNull(
                JSON.std.mapFrom(CompareReport.json(List.of(outcome))).get("comparisons"));
    Map<?, ?> line = (Map<?, ?>) lines.getFirst();
    assertThat(line.containsKey("ratio")).isTrue();
    assertThat(line.get("ratio")).isNull();
    assertThat(line.get("ratios")).isEqualTo(List.of());
    assertThat(line.get("bound")).isEqualTo("most");
    assertThat(line.get("reached")).isEqualTo(true);
  }
}
