// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The table of a file's pages does what a sorted map does. -Dpollux.seed=N draws the same again.
 */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class RamMappingTest {
  private static final int STEPS = 20_000;
  private static final int NEAR = 64;

  @Test
  void doesWhatASortedMapDoes() {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("RamMappingTest: seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    RamMapping mapping = new RamMapping();
    TreeMap<Long, Long> model = new TreeMap<>();
    for (int step = 1; step <= STEPS; step++) {
      long index = random.nextInt(4) == 0 ? random.nextLong() >>> 13 : random.nextInt(NEAR * 8);
      assertThat(mapping.get(index))
          .as("step %d of seed %d", step, seed)
          .isEqualTo(model.getOrDefault(index, 0L));
      if (random.nextInt(8) != 0) {
        if (!model.containsKey(index)) {
          mapping.put(index, step);
          model.put(index, (long) step);
        }
      } else {
        long last = random.nextInt(20) == 0 ? Long.MAX_VALUE : index + random.nextInt(NEAR);
        long[] removed = mapping.removeRange(index, last);
        Arrays.sort(removed);
        assertThat(removed)
            .as("step %d of seed %d", step, seed)
            .isEqualTo(
                model.subMap(index, true, last, true).values().stream()
                    .mapToLong(x -> x)
                    .sorted()
                    .toArray());
        model.subMap(index, true, last, true).clear();
      }
      assertThat(mapping.size()).as("step %d of seed %d", step, seed).isEqualTo(model.size());
      long last = random.nextBoolean() ? Long.MAX_VALUE : index + random.nextInt(NEAR);
      Long next = model.ceilingKey(index);
      assertThat(mapping.nextPage(index, last))
          .as("step %d of seed %d", step, seed)
          .isEqualTo(next == null || next > last ? -1 : next);
      long hole = index;
      while (model.containsKey(hole)) {
        hole++;
      }
      assertThat(mapping.nextHole(index)).as("step %d of seed %d", step, seed).isEqualTo(hole);
    }
    model.forEach(
        (index, page) -> assertThat(mapping.get(index)).as("seed %d", seed).isEqualTo(page));
  }

  @Test
  void oneByOneItBecomesEmpty() {
    RamMapping mapping = new RamMapping();
    for (long index = 0; index < 5000; index++) {
      mapping.put(index << 20, index + 1);
    }
    for (long index = 4999; index >= 0; index--) {
      assertThat(mapping.removeRange(index << 20, index << 20)).containsExactly(index + 1);
    }
    assertThat(mapping.size()).isZero();
    assertThat(mapping.removeRange(0, Long.MAX_VALUE)).isEmpty();
  }
}
