// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The comparisons that need nothing of the machine: both sides of each do their work. */
@Timeout(120)
class KernelComparisonsTest {
  private static final long MAIN_BYTES = 16 << 20;
  private static final double SHORTLY = 0.2;

  @Test
  void bothSidesOfEachDoTheirWork() {
    List<Comparison> all = KernelComparisons.of(7, MAIN_BYTES, null);

    assertThat(all)
        .extracting(Comparison::work)
        .contains(
            "one at a time on a null disk", "bench on a disk in memory", "XFS on a null disk");
    assertThat(all)
        .extracting(Comparison::work)
        .doesNotHaveDuplicates()
        .doesNotContainAnyElementsOf(RingComparisons.names());
    assertThat(all.size()).isEqualTo(KernelComparisons.twoProcessors() ? 5 : 4);
    assertThat(all.stream().map(Comparison::work).filter(KernelComparisons.withThreads()::contains))
        .hasSize(KernelComparisons.twoProcessors() ? 1 : 0);
    for (Comparison comparison : all) {
      Turns both = (Turns) comparison;
      assertThat(both.ours().run(SHORTLY)).as(comparison.work()).isPositive();
      assertThat(both.theirs().run(SHORTLY)).as(comparison.work()).isPositive();
      assertThat(comparison.mark().aims()).as(comparison.work()).isTrue();
      assertThat(comparison.against()).hasSizeLessThanOrEqualTo(15);
      assertThat(comparison.work()).hasSizeLessThanOrEqualTo(32);
    }
  }

  @Test
  void aGoalIsWhatItIs() {
    assertThat(new Goal(5e6).run(1)).isEqualTo(5e6);
  }
}
