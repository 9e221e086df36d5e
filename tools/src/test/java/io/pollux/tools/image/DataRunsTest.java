// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Copying only what is not zeroes copies everything. */
class DataRunsTest {
  private static final int PAGE = 4096;

  @Test
  void runsAreWholePagesAndNothingIsLeftOut() {
    Random random = new Random(5);
    for (int round = 0; round < 300; round++) {
      byte[] bytes = new byte[random.nextInt(200 * PAGE)];
      for (int i = random.nextInt(6); i > 0 && bytes.length > 0; i--) {
        int from = random.nextInt(bytes.length);
        int to = Math.min(bytes.length, from + 1 + random.nextInt(4 * PAGE));
        Arrays.fill(bytes, from, to, (byte) 1);
      }
      byte[] copy = new byte[bytes.length];
      MemorySegment data = MemorySegment.ofArray(bytes);
      long end;
      for (long at = DataRuns.start(data, 0); at < bytes.length; at = DataRuns.start(data, end)) {
        end = DataRuns.end(data, at);
        assertThat(at % PAGE).isZero();
        assertThat(end).isGreaterThan(at);
        System.arraycopy(bytes, (int) at, copy, (int) at, (int) (end - at));
      }
      assertThat(copy).isEqualTo(bytes);
    }
  }

  @Test
  void zeroesHaveNoRuns() {
    MemorySegment zeroes = MemorySegment.ofArray(new byte[1_000_000]);

    assertThat(DataRuns.start(zeroes, 0)).isEqualTo(1_000_000);
    assertThat(DataRuns.start(MemorySegment.ofArray(new byte[0]), 0)).isZero();
  }
}
