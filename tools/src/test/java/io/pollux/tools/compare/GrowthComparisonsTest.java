// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.tools.console.Failure;
import io.pollux.tools.growth.Load;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The lines about growth: what they are, what is aimed at, and that one in a process of its own
 * comes back as it was.
 */
@Timeout(120)
class GrowthComparisonsTest {
  private static List<Comparison> all() {
    return Stream.concat(
            GrowthComparisons.of(null).stream(), GrowthComparisons.onImages(null).stream())
        .toList();
  }

  @Test
  void whatIsAimedAtIsAMost() {
    Map<String, Mark> marks =
        all().stream().collect(Collectors.toMap(Comparison::work, Comparison::mark));

    assertThat(marks).hasSize(39);
    for (String where : List.of("bare", "XFS", "GFS2")) {
      assertThat(marks)
          .containsEntry("growth: depth 1,024, one ring, " + where, Mark.atMost(1.2))
          .containsEntry("growth: 128 contexts, " + where, Mark.NONE)
          .containsEntry("growth: 1,024 contexts, " + where, Mark.atMost(1.2))
          .containsEntry("growth: 1,024 contexts, depth 1,024, " + where, Mark.atMost(1.2));
    }
    for (String where : List.of("bare", "XFS")) {
      assertThat(marks)
          .containsEntry("growth: 64 files, " + where, Mark.atMost(1.2))
          .containsEntry("growth: 64 files, 8 in a row, " + where, Mark.atMost(1.2))
          .containsEntry("growth: all together, " + where, Mark.atMost(1.2))
          .containsEntry("growth: all together, 8 in a row, " + where, Mark.atMost(1.2));
    }
    assertThat(marks)
        .containsEntry("growth: depth 1", Mark.NONE)
        .containsEntry("growth: depth 8", Mark.NONE)
        .containsEntry("growth: depth 128", Mark.NONE)
        .containsEntry("growth: depth 1,024", Mark.atMost(1.2))
        .containsEntry("growth: 16 devices, 1 in a row", Mark.NONE)
        .containsEntry("growth: one a call, depth 1", Mark.atMost(1.2))
        .containsEntry("growth: one a call, depth 1,024", Mark.atMost(1.2))
        .containsEntry("growth: one a call, 16 devices, depth 32", Mark.atMost(1.2))
        .containsEntry("growth: one a call, 16 devices, depth 1,024", Mark.atMost(1.2))
        .containsEntry("growth: 100 extents, XFS", Mark.NONE)
        .containsEntry("growth: 10,000 extents, XFS", Mark.NONE)
        .containsEntry("growth: 1,000,000 extents, XFS", Mark.atMost(1.5));
  }

  @Test
  void namesFitIntoTheTable() {
    for (Comparison one : all()) {
      assertThat(one.work()).hasSizeLessThanOrEqualTo(45);
      assertThat(one.against()).hasSizeLessThanOrEqualTo(15);
      assertThat(one.unit()).isEqualTo(Unit.NANOS);
    }
  }

  @Test
  void whatAProcessOfItsOwnSaysIsTheSame() {
    Growth growth = (Growth) all().getFirst();
    Outcome there =
        new Outcome(
            growth,
            List.of(110.0, 130.0, 120.0),
            List.of(100.0, 90.0, 101.0),
            List.of(1.1, 1.5, 1.2),
            1.2);

    Outcome here = growth.read(CompareReport.json(List.of(there)));

    assertThat(here).isEqualTo(there);
    assertThat(here.ratio()).isEqualTo(1.2); // that of the rounds, and not of the medians
  }

  @Test
  void whatIsNoOutcomeIsSaid() {
    Growth growth = (Growth) all().getFirst();
    for (String json :
        List.of(
            "",
            "{",
            "{}",
            "[]",
            "{\"comparisons\":[]}",
            "{\"comparisons\":[{\"ours\":[1]}]}",
            "{\"comparisons\":[{\"ours\":[],\"theirs\":[1],\"ratios\":[1]}]}")) {
      assertThatThrownBy(() -> growth.read(json))
          .as(json)
          .isInstanceOf(Failure.class)
          .hasMessageStartingWith("compare: its output ");
    }
  }

  @Test
  void whenOneOfTheTwoCanNotBeMadeThereIsNone() {
    List<String> closed = new ArrayList<>();
    Load base =
        new Load() {
          @Override
          public void io() {
            closed.add("used");
          }

          @Override
          public void close() {
            closed.add("closed");
          }
        };
    RuntimeException refused = new IllegalStateException("refused");

    assertThatThrownBy(
            () ->
                Growth.Pair.of(
                    () -> base,
                    () -> {
                      throw refused;
                    }))
        .isSameAs(refused);
    assertThat(closed).containsExactly("closed");
    new Growth.Pair(base, base).close();
    assertThat(closed).hasSize(3);
  }

  @Test
  void aCaseAndItsBaseAreReallyRun() {
    ByteArrayOutputStream progress = new ByteArrayOutputStream();
    Comparison one =
        GrowthComparisons.of(null).stream()
            .filter(row -> row.work().equals("growth: depth 8"))
            .findFirst()
            .orElseThrow();

    Outcome outcome = one.run(2, 0.1, new PrintStream(progress, true, StandardCharsets.UTF_8));

    assertThat(outcome.ours()).hasSize(2).allSatisfy(nanos -> assertThat(nanos).isPositive());
    assertThat(outcome.theirs()).hasSize(2).allSatisfy(nanos -> assertThat(nanos).isPositive());
    assertThat(outcome.ratios()).hasSize(2);
    assertThat(outcome.ratio()).isBetween(outcome.ratios().getFirst(), outcome.ratios().getLast());
    assertThat(progress.toString(StandardCharsets.UTF_8).lines())
        .hasSize(2)
        .first()
        .asString()
        .matches("growth: depth 8: [0-9,]+ ns, depth 32 [0-9,]+ ns, ratio [0-9.]+ \\(1 of 2\\)");
  }
}
