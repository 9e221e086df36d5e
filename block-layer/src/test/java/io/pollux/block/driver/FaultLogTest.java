// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.driver.FaultLog.Fault;
import io.pollux.block.driver.FaultLog.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Counts and lists of injected faults. */
@Timeout(60)
class FaultLogTest {
  private final FaultLog log = new FaultLog();

  private void add(Kind kind, long number, int bios) {
    log.add(new Fault(kind, number, BlkTypes.REQ_OP_WRITE, 8, 16, bios));
  }

  @Test
  void aLogWithoutFaultsIsEmpty() {
    assertThat(log).hasToString("none");
    assertThat(log.faults()).isEmpty();
    assertThat(log.failed()).isZero();
    assertThat(log.failedBios()).isZero();
    assertThat(log.count(Kind.ERROR)).isZero();
  }

  @Test
  void onlyErrorsShortRequestsAndThoseWithoutPowerHaveFailed() {
    long number = 1;
    for (Kind kind : Kind.values()) {
      add(kind, number++, 3);
    }
    add(Kind.POWER_OFF, number, 2);
    assertThat(log.failed()).isEqualTo(4);
    assertThat(log.failedBios()).isEqualTo(3 * 3 + 2);
    assertThat(log)
        .hasToString(
            "error=1 short=1 late=1 reordered=1 power-cut=1 power-off=2 kept=1 lost=1 torn=1");
    assertThat(log.faults()).extracting(Fault::request).startsWith(1L, 2L, 3L).hasSize(10);
  }

  @Test
  void theFirst65536AreListedAndAllAreCounted() {
    for (int number = 1; number <= FaultLog.MOST_LISTED + 2; number++) {
      add(Kind.LATE, number, 1);
    }
    assertThat(log.count(Kind.LATE)).isEqualTo(65_538);
    assertThat(log.faults()).hasSize(65_536).last().extracting(Fault::request).isEqualTo(65_536L);
  }
}
