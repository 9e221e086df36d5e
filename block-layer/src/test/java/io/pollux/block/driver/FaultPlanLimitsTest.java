// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The last values that a fault plan accepts, and the draws of a seed. */
@Timeout(60)
class FaultPlanLimitsTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int FLUSH = BlkTypes.REQ_OP_FLUSH;
  private static final int DISCARD = BlkTypes.REQ_OP_DISCARD;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "error-rate=0",
        "error-rate=1",
        "short-rate=0",
        "short-rate=1",
        "error-at=1",
        "short-at=1",
        "error-sectors=0-0",
        "delay-ns=0",
        "delay-ns=10000000000",
        "delay-ns=1,late-rate=0",
        "delay-ns=1,late-rate=1",
        "late-rate=0",
        "reorder=0",
        "reorder=1024",
        "withhold-tags=0",
        "withhold-tags=2147483647",
        "cut-after-writes=0,cut-within-writes=5",
        "cut-after-writes=5,cut-within-writes=0"
      })
  void theLastGoodValueIsAccepted(String line) {
    assertThat(FaultPlan.parse(FaultPlan.parse(line).toString())).isEqualTo(FaultPlan.parse(line));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "error-rate=-0.1",
        "short-rate=1.1",
        "delay-ns=1,late-rate=1.1",
        "short-at=0",
        "error-sectors=-1-5",
        "error-sectors=1-0",
        "error-sectors=-5",
        "delay-ns=10000000001",
        "reorder=-1",
        "reorder=1025",
        "withhold-tags=-1",
        "withhold-tags=2147483648",
        "cut-within-writes=-1",
        "error=EPERM"
      })
  void theFirstBadValueIsNamed(String line) {
    String word = line.substring(line.lastIndexOf(',') + 1);
    assertThatThrownBy(() -> FaultPlan.parse(line))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("fault plan, " + word.substring(0, word.indexOf('=')) + ": ");
  }

  @Test
  void aPlanScriptsAtMost4096Requests() {
    FaultPlan.Builder plan = FaultPlan.builder();
    LongStream.rangeClosed(1, 4096).forEach(plan::errorAt);
    assertThat(plan.build().fate(4096, READ, 0, 8)).isEqualTo(Errno.EIO);
    assertThatThrownBy(() -> plan.errorAt(4097))
        .hasMessage("fault plan, error-at: there are more than 4096");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "EIO",
        "ENODATA",
        "ENOSPC",
        "ENOMEM",
        "EOPNOTSUPP",
        "ETIMEDOUT",
        "EBUSY",
        "EAGAIN"
      })
  void aFailingRequestHasTheErrnoOfThePlan(String name) {
    long fate = FaultPlan.parse("error-at=1,error=" + name).fate(1, WRITE, 0, 8);
    assertThat(Errno.name(FaultPlan.errnoOf(fate))).isEqualTo(name);
    assertThat(FaultPlan.isShort(fate)).isFalse();
  }

  @Test
  void aWordWithoutAKeyIsRefused() {
    assertThatThrownBy(() -> FaultPlan.parse("seed=1,=7"))
        .hasMessage("fault plan, : there is no such key");
  }

  @Test
  void aBuilderRefusesAnErrnoThatNoDiskHas() {
    assertThatThrownBy(() -> FaultPlan.builder().error(Errno.EPERM))
        .hasMessage("fault plan, error: no disk answers EPERM");
    assertThat(FaultPlan.builder().error(Errno.EBUSY).build()).hasToString("seed=0,error=EBUSY");
  }

  @ParameterizedTest
  @CsvSource({"read,true,false", "write,false,true", "both,true,true"})
  void theOperationsThatFailAreReadsOrAllOthers(String errors, boolean reads, boolean others) {
    FaultPlan plan = FaultPlan.parse("error-rate=1,errors=" + errors);
    assertThat(plan.fate(1, READ, 0, 8) != 0).isEqualTo(reads);
    for (int op : new int[] {WRITE, FLUSH, DISCARD}) {
      assertThat(plan.fate(1, op, 0, 8) != 0).isEqualTo(others);
    }
  }

  @Test
  void onlyReadsAndWritesAreShort() {
    FaultPlan plan = FaultPlan.parse("short-at=1");
    assertThat(plan.fate(1, DISCARD, 0, 8)).isZero();
    assertThat(plan.fate(1, FLUSH, 0, 0)).isZero();
    assertThat(plan.fate(1, WRITE, 0, 0)).as("nothing to move").isZero();
    assertThat(plan.fate(2, WRITE, 0, 8)).as("another request").isZero();
    assertThat(FaultPlan.isShort(plan.fate(1, WRITE, 0, 8))).isTrue();
    assertThat(FaultPlan.isShort(plan.fate(1, READ, 0, 8))).isTrue();
  }

  @Test
  void aShortRequestOfOneSectorMovesNone() {
    FaultPlan plan = FaultPlan.parse("short-rate=1");
    assertThat(FaultPlan.sectorsOf(plan.fate(7, READ, 0, 1))).isZero();
    assertThat(FaultPlan.sectorsOf(plan.fate(7, READ, 0, 2))).isEqualTo(1);
    for (int number = 1; number <= 200; number++) {
      assertThat(FaultPlan.sectorsOf(plan.fate(number, READ, 0, 3))).isBetween(1, 2);
    }
  }

  @Test
  void aPlanHoldsRequestsBackIfSomeAreLateOrReordered() {
    assertThat(FaultPlan.NONE.holds()).isFalse();
    assertThat(FaultPlan.parse("delay-ns=1").holds()).isTrue();
    assertThat(FaultPlan.parse("delay-ns=1,late-rate=0").holds()).isFalse();
    assertThat(FaultPlan.parse("delay-ns=1,late-rate=0.5").holds()).isTrue();
    assertThat(FaultPlan.parse("reorder=1").holds()).isTrue();
  }

  @Test
  void aPlanMayFailIfARequestMayBeShortOrWrong() {
    for (String line :
        new String[] {
          "error-rate=0.1", "error-at=1", "error-sectors=1-1", "short-rate=0.1", "short-at=1"
        }) {
      assertThat(FaultPlan.parse(line).mayFail()).as(line).isTrue();
      assertThat(FaultPlan.parse(line).cutsShort()).as(line).isEqualTo(line.startsWith("short"));
    }
    assertThat(FaultPlan.parse("delay-ns=5,reorder=2,volatile-cache").mayFail()).isFalse();
  }

  @Test
  void withADelayAndNoRateAllAreLate() {
    for (int number = 1; number < 100; number++) {
      assertThat(FaultPlan.parse("delay-ns=1").isLate(number)).isTrue();
      assertThat(FaultPlan.parse("delay-ns=1,late-rate=0").isLate(number)).isFalse();
      assertThat(FaultPlan.NONE.isLate(number)).isFalse();
    }
  }

  @Test
  void withheldTagsLeaveTheQueues() {
    TagSet left = FaultPlan.parse("withhold-tags=3").tagsOf(new TagSet(2, 5, 8, false));
    assertThat(left).isEqualTo(new TagSet(2, 5, 5, false));
  }

  @Test
  void plansWithDifferentLinesDiffer() {
    FaultPlan plan = FaultPlan.parse("seed=1,error-at=2");
    assertThat(plan)
        .isNotEqualTo(FaultPlan.parse("seed=1,error-at=3"))
        .isNotEqualTo(plan.toString())
        .hasSameHashCodeAs(FaultPlan.parse("seed=1,error-at=2"));
    assertThat(plan.hashCode()).isNotEqualTo(FaultPlan.NONE.hashCode());
  }

  /** A failure that was found with a seed is found again with it, also by later versions. */
  @Test
  void aSeedAlwaysDrawsTheSame() {
    FaultPlan plan =
        FaultPlan.parse("seed=7,error-rate=0.1,short-rate=0.3,delay-ns=1,late-rate=0.3,reorder=4");
    StringBuilder drawn = new StringBuilder();
    for (int number = 1; number <= 24; number++) {
      long fate = plan.fate(number, READ, 0, 64);
      drawn
          .append(plan.isLate(number) ? "late " : "")
          .append(
              FaultPlan.isShort(fate)
                  ? FaultPlan.sectorsOf(fate) + " sectors"
                  : fate == 0 ? "good" : "bad")
          .append(number == 24 ? "" : ", ");
    }
    assertThat(drawn)
        .hasToString(
            "late good, good, late 47 sectors, bad, 37 sectors, 27 sectors, good, late 40 sectors,"
                + " 21 sectors, good, late good, good, late good, good, good, good, late good,"
                + " good, good, good, late 41 sectors, good, late 36 sectors, late good");
    assertThat(LongStream.of(plan.orderOf(1), plan.orderOf(2), plan.cutSeed(1), plan.cutSeed(2)))
        .containsExactly(
            7_717_522_640_177_629_217L,
            -8_294_322_128_613_762_470L,
            -3_858_847_604_904_607_209L,
            2_327_683_221_700_789_870L);
    assertThat(FaultPlan.parse("seed=7,cut-within-writes=1000").cutAt()).isEqualTo(825);
  }
}
