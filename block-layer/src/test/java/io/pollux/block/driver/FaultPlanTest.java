// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Fault plans: their lines, and their draws. */
@Timeout(60)
class FaultPlanTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "seed=7",
        "seed=-3,error=ENOSPC,errors=read,error-rate=0.001",
        "seed=7,error-at=1000,error-at=3,error-sectors=2048-4095,error-sectors=1-1",
        "seed=7,short-rate=0.5,short-at=12,delay-ns=50000,late-rate=0.01,reorder=8,withhold-tags=100",
        "seed=7,delay-ns=50000",
        "seed=7,cut-after-writes=5000,volatile-cache",
        "seed=7,cut-within-writes=5000"
      })
  void aPlanIsItsLine(String line) {
    assertThat(FaultPlan.parse(line)).hasToString(line).isEqualTo(FaultPlan.parse(line));
  }

  @Test
  void theLineSaysWhatTheBuilderSays() {
    FaultPlan built =
        FaultPlan.builder()
            .seed(7)
            .error(Errno.ENOSPC)
            .errors(FaultPlan.Errors.WRITE)
            .errorRate(0.25)
            .errorAt(5)
            .errorSectors(8, 15)
            .shortRate(0.125)
            .shortAt(6)
            .delayNanos(1000)
            .lateRate(0.5)
            .reorder(4)
            .withholdTags(2)
            .volatileCache()
            .cutAfterWrites(9)
            .build();
    assertThat(
            FaultPlan.parse(
                "volatile-cache, seed=7, error=ENOSPC, errors=write, error-rate=0.25, error-at=5,"
                    + " error-sectors=8-15,"
                    + "short-rate=0.125,short-at=6,delay-ns=1000,late-rate=0.5,reorder=4,withhold-tags=2,cut-after-writes=9"))
        .isEqualTo(built);
    assertThat(FaultPlan.parse("")).isEqualTo(FaultPlan.NONE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sed=7|fault plan, sed: there is no such key",
        "seed=7,|fault plan, : there is no such key",
        "seed|fault plan, seed: its value is missing",
        "seed=x|fault plan, seed: x is not a whole number",
        "error=EINTR|fault plan, error: no disk answers EINTR",
        "errors=all|fault plan, errors: all is not read, write or both",
        "error-rate=1.5|fault plan, error-rate: 1.5 is not from 0 to 1",
        "error-rate=NaN|fault plan, error-rate: NaN is not from 0 to 1",
        "error-rate=much|fault plan, error-rate: much is not a number",
        "error-at=0|fault plan, error-at: requests are numbered from 1, and this is 0",
        "error-sectors=9|fault plan, error-sectors: 9 is not FIRST-LAST",
        "error-sectors=9-8|fault plan, error-sectors: 9-8 is no range of sectors",
        "late-rate=0.5|fault plan, late-rate: it needs a delay-ns",
        "delay-ns=-1|fault plan, delay-ns: -1 is not from 0 to ten seconds",
        "reorder=5000|fault plan, reorder: 5000 is not from 0 to 1024",
        "withhold-tags=9999999999|fault plan, withhold-tags: 9999999999 is too large",
        "volatile-cache=yes|fault plan, volatile-cache: it has no value",
        "cut-after-writes=-1|fault plan, cut-after-writes: -1 is negative",
        "cut-after-writes=1,cut-within-writes=2|fault plan, cut-within-writes: there is a"
            + " cut-after-writes already"
      })
  void whatIsWrongIsNamed(String line, String sentence) {
    assertThatThrownBy(() -> FaultPlan.parse(line))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(sentence);
  }

  @Test
  void aRateIsAboutThatManyRequests() {
    FaultPlan plan =
        FaultPlan.parse("seed=1,error-rate=0.01,short-rate=0.1,delay-ns=5,late-rate=0.5");
    int errors = 0;
    int shorts = 0;
    int late = 0;
    for (int n = 1; n <= 100_000; n++) {
      long fate = plan.fate(n, READ, 0, 8);
      errors += fate == Errno.EIO ? 1 : 0;
      if (FaultPlan.isShort(fate)) {
        shorts++;
        assertThat(FaultPlan.sectorsOf(fate)).isBetween(1, 7);
        assertThat(FaultPlan.errnoOf(fate)).isEqualTo(Errno.EIO);
      }
      late += plan.isLate(n) ? 1 : 0;
    }
    assertThat(errors).isBetween(900, 1100);
    assertThat(shorts).isBetween(9_500, 10_300);
    assertThat(late).isBetween(49_000, 51_000);
  }

  @Test
  void seedsDiffer() {
    FaultPlan one = FaultPlan.parse("seed=1,error-rate=0.5");
    FaultPlan two = FaultPlan.parse("seed=2,error-rate=0.5");
    int same = 0;
    for (int n = 1; n <= 10_000; n++) {
      same += one.fate(n, READ, 0, 8) == two.fate(n, READ, 0, 8) ? 1 : 0;
    }
    assertThat(same).isBetween(4_700, 5_300);
  }

  @Test
  void scriptedErrorsHitTheirRequestsAndSectorsOnly() {
    FaultPlan plan = FaultPlan.parse("error-at=3,error-at=5,error-sectors=100-109,errors=read");
    assertThat(plan.fate(3, READ, 0, 8)).isEqualTo(Errno.EIO);
    assertThat(plan.fate(5, READ, 0, 8)).isEqualTo(Errno.EIO);
    assertThat(plan.fate(3, WRITE, 0, 8)).isZero();
    assertThat(plan.fate(4, READ, 0, 8)).isZero();
    assertThat(plan.fate(4, READ, 92, 8)).isZero();
    assertThat(plan.fate(4, READ, 93, 8)).isEqualTo(Errno.EIO);
    assertThat(plan.fate(4, READ, 109, 8)).isEqualTo(Errno.EIO);
    assertThat(plan.fate(4, READ, 110, 8)).isZero();
    assertThat(FaultPlan.parse("error-sectors=0-9").fate(1, BlkTypes.REQ_OP_FLUSH, 0, 0))
        .as("a flush has no place")
        .isZero();
  }

  @Test
  void oneTagIsLeft() {
    TagSet tags = new TagSet(1, 1, 64, true);
    assertThat(FaultPlan.parse("withhold-tags=60").tagsOf(tags).depth()).isEqualTo(4);
    assertThat(FaultPlan.parse("withhold-tags=64").tagsOf(tags).depth()).isEqualTo(1);
  }

  @Test
  void theDrawnCutIsWithinItsWrites() {
    for (int seed = 0; seed < 100; seed++) {
      assertThat(FaultPlan.builder().seed(seed).cutWithinWrites(10).build().cutAt())
          .isBetween(1L, 10L);
    }
    assertThat(FaultPlan.NONE.cutAt()).isZero();
  }
}
