// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.tools.growth.Neighbours.Round;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whose turn it is, and what is made of the turns. */
@Timeout(60)
class NeighboursTest {
  private final List<String> order = new ArrayList<>();

  private Load named(String name) {
    return new Load() {
      @Override
      public void io() {
        if (order.isEmpty() || !order.getLast().equals(name)) {
          order.add(name);
        }
      }

      @Override
      public void close() {
        order.clear();
      }
    };
  }

  @Test
  void theyTakeTurns() {
    Round round = new Neighbours(named("base"), named("many")).round(120_000_000);

    assertThat(order).containsExactly("base", "many", "base", "many", "base", "many");
    assertThat(round.base()).isPositive();
    assertThat(round.many()).isPositive();
    assertThat(round.ratio()).isPositive();
  }

  @Test
  void eachHasATurnHoweverShortTheTime() {
    new Neighbours(named("base"), named("many")).round(1);

    assertThat(order).containsExactly("base", "many");
  }

  @Test
  void aTurnIsHeldAgainstItsNeighbourAndNotAgainstTheMiddle() {
    // The machine is twice as slow for two of five turns, and for both; once it looks away for a
    // moment.
    Round round =
        Round.of(new double[] {100, 200, 100, 200, 100}, new double[] {150, 300, 900, 300, 150});

    assertThat(round.ratio()).isEqualTo(1.5);
    assertThat(round.base()).isEqualTo(100);
    assertThat(round.many()).isEqualTo(300);
  }

  @Test
  void ofAnEvenNumberBetweenTheTwoInTheMiddle() {
    Round round = Round.of(new double[] {1, 2, 4, 100}, new double[] {1, 4, 4, 400});

    assertThat(round.base()).isEqualTo(3);
    assertThat(round.many()).isEqualTo(4);
    assertThat(round.ratio()).isEqualTo(1.5);
  }
}
