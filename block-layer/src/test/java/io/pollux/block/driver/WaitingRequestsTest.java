// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.driver.FaultLog.Kind;
import io.pollux.block.fixture.BlockRig;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests that wait for their time: in a line with one delay, and each with its own. */
@Timeout(60)
class WaitingRequestsTest {
  private static final int DEPTH = 8;

  private final List<Request> requests = new ArrayList<>();
  private final BlkMqOps driver =
      new BlkMqOps() {
        @Override
        public void queueRqs(HwCtx hctx, Request chain) {
          for (@Nullable Request each = chain; each != null; each = each.next()) {
            requests.add(each);
          }
          requests.forEach(each -> each.setNext(null));
        }

        @Override
        public int poll(HwCtx hctx) {
          return 0;
        }
      };
  private final BlockRig rig =
      new BlockRig(
          new BlockDevice(
              "wait0",
              7,
              1 << 20,
              false,
              new RequestQueue(
                  driver,
                  new TagSet(1, 0, DEPTH, false),
                  QueueLimits.of(512).withWriteCache(false, false))));
  private final FaultLog log = new FaultLog();

  @BeforeEach
  void eightRequests() {
    for (int i = 0; i < DEPTH; i++) {
      rig.submit("r" + i, BlkTypes.REQ_OP_READ, i, 1);
    }
    assertThat(requests).hasSize(DEPTH);
  }

  @AfterEach
  void complete() {
    requests.forEach(each -> each.setNext(null));
    requests.forEach(each -> each.complete(0));
    rig.close();
  }

  /** Links requests, given by their indices. */
  private Request chain(int... indices) {
    for (int i = 0; i < indices.length - 1; i++) {
      requests.get(indices[i]).setNext(requests.get(indices[i + 1]));
    }
    return requests.get(indices[0]);
  }

  /** Returns the indices of the requests of a chain. */
  private List<Integer> indices(@Nullable Request chain) {
    List<Integer> indices = new ArrayList<>();
    for (Request each = chain; each != null; each = each.next()) {
      indices.add(requests.indexOf(each));
    }
    return indices;
  }

  @Test
  void aLineGivesWhatIsDueInOrderOfArrival() {
    DelayLine line = new DelayLine();
    assertThat(line.isEmpty()).isTrue();
    assertThat(line.nextDeadline()).isEqualTo(DelayLine.NEVER);
    line.add(chain(0, 1), 10);
    line.add(chain(2), 20);
    line.add(chain(3, 4, 5), 30);
    assertThat(line.isEmpty()).isFalse();

    assertThat(indices(line.takeDue(9))).isEmpty();
    assertThat(line.nextDeadline()).isEqualTo(10);
    assertThat(indices(line.takeDue(10))).containsExactly(0, 1);
    assertThat(line.isEmpty()).isFalse();
    assertThat(line.nextDeadline()).isEqualTo(20);
    line.add(chain(6, 7), 40);
    assertThat(indices(line.takeDue(39))).containsExactly(2, 3, 4, 5);
    assertThat(line.nextDeadline()).isEqualTo(40);
    assertThat(indices(line.takeDue(41))).containsExactly(6, 7);
    assertThat(line.isEmpty()).isTrue();
    assertThat(line.nextDeadline()).isEqualTo(DelayLine.NEVER);
  }

  @Test
  void aLineThatWasEmptiedIsUsedAgain() {
    DelayLine line = new DelayLine();
    line.add(chain(0), 1);
    assertThat(indices(line.takeDue(1))).containsExactly(0);
    assertThat(indices(line.takeDue(1))).isEmpty();
    line.add(chain(1, 2), 2);
    assertThat(line.isEmpty()).as("an arrival that nothing has collected").isFalse();
    assertThat(indices(line.takeDue(2))).containsExactly(1, 2);
  }

  /** Nanoseconds of the host's clock wrap around. */
  @Test
  void aDeadlineAfterTheClockWrapsIsLater() {
    DelayLine line = new DelayLine();
    line.add(chain(0), Long.MIN_VALUE + 5);
    assertThat(indices(line.takeDue(Long.MAX_VALUE - 5))).isEmpty();
    assertThat(indices(line.takeDue(Long.MIN_VALUE + 5))).containsExactly(0);
  }

  private HeldRequests held(String plan) {
    for (int i = 0; i < DEPTH; i++) {
      requests.get(i).setDriverData(i + 1);
    }
    return new HeldRequests(DEPTH, FaultPlan.parse(plan), log);
  }

  @Test
  void eachHeldRequestHasItsOwnTime() {
    HeldRequests held = held("delay-ns=1");
    assertThat(held.isEmpty()).isTrue();
    assertThat(held.nextDeadline()).isEqualTo(DelayLine.NEVER);
    held.add(requests.get(0), 100, 50, false);
    held.add(requests.get(1), 100, 20, false);
    held.add(requests.get(2), 100, 0, false);
    held.add(requests.get(3), 100, 30, false);
    assertThat(held.nextDeadline()).isEqualTo(100);
    assertThat(indices(held.takeDue(99))).isEmpty();
    assertThat(indices(held.takeDue(100))).containsExactly(2);
    assertThat(held.nextDeadline()).isEqualTo(120);
    assertThat(indices(held.takeDue(130))).as("in order of arrival").containsExactly(1, 3);
    assertThat(held.isEmpty()).isFalse();
    List<Integer> left = new ArrayList<>();
    held.forEach(each -> left.add(requests.indexOf(each)));
    assertThat(left).containsExactly(0);
    assertThat(indices(held.takeDue(149))).isEmpty();
    assertThat(indices(held.takeDue(150))).containsExactly(0);
    assertThat(held.isEmpty()).isTrue();
    assertThat(log.count(Kind.REORDERED)).isZero();
  }

  @Test
  void aGroupIsDueWhenItIsComplete() {
    HeldRequests held = held("seed=1,reorder=3");
    held.add(requests.get(0), 10, 1000, true);
    held.add(requests.get(1), 11, 1000, true);
    held.add(requests.get(2), 12, 5000, false); // late: no part of a group
    assertThat(held.nextDeadline()).isEqualTo(1010);
    held.add(requests.get(3), 13, 1000, true);
    assertThat(held.nextDeadline()).isEqualTo(13);
    assertThat(indices(held.takeDue(13))).containsExactlyInAnyOrder(0, 1, 3);
    held.add(requests.get(4), 14, 1000, true);
    held.add(requests.get(5), 14, 1000, true);
    assertThat(indices(held.takeDue(14))).as("the next group is not complete").isEmpty();
    assertThat(indices(held.takeDue(1014))).as("its time is over").containsExactlyInAnyOrder(4, 5);
    held.add(requests.get(6), 1015, 1000, true);
    held.add(requests.get(7), 1015, 1000, true);
    assertThat(indices(held.takeDue(1015))).as("those of before do not count").isEmpty();
    assertThat(held.nextDeadline()).isEqualTo(2015);
    assertThat(indices(held.takeDue(5012))).hasSize(3);
    assertThat(held.isEmpty()).isTrue();
  }

  @Test
  void requestsWhoseTimeIsOverAreNoPartOfTheNextGroup() {
    HeldRequests held = held("seed=1,reorder=3");
    held.add(requests.get(0), 0, 10, true);
    held.add(requests.get(1), 0, 10, true);
    assertThat(indices(held.takeDue(10))).containsExactlyInAnyOrder(0, 1);
    held.add(requests.get(2), 20, 10, true);
    assertThat(indices(held.takeDue(20))).isEmpty();
    held.add(requests.get(3), 20, 10, true);
    held.add(requests.get(4), 20, 10, true);
    assertThat(indices(held.takeDue(20))).containsExactlyInAnyOrder(2, 3, 4);
  }

  @Test
  void aGroupMayHaveAllTags() {
    HeldRequests held = held("seed=1,reorder=8");
    for (int i = 0; i < DEPTH; i++) {
      assertThat(indices(held.takeDue(0))).isEmpty();
      held.add(requests.get(i), 0, 10, true);
    }
    assertThat(indices(held.takeDue(0))).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7);
    assertThat(held.isEmpty()).isTrue();
  }

  /** The requests of each group are in the order of their draws, and the log has the overtaken. */
  @Test
  void aGroupIsInThePlansOrder() {
    FaultPlan plan = FaultPlan.parse("seed=3,reorder=4");
    HeldRequests held = held(plan.toString());
    for (int i = 0; i < DEPTH; i++) {
      held.add(requests.get(i), 0, 0, false);
    }
    List<Integer> taken = indices(held.takeDue(0));
    List<Integer> wanted = new ArrayList<>();
    for (int group = 0; group < DEPTH; group += 4) {
      List<Integer> part = new ArrayList<>(List.of(group, group + 1, group + 2, group + 3));
      part.sort((a, b) -> Long.compare(plan.orderOf(a + 1), plan.orderOf(b + 1)));
      wanted.addAll(part);
    }
    assertThat(taken).isEqualTo(wanted).isNotEqualTo(List.of(0, 1, 2, 3, 4, 5, 6, 7));
    long overtaken = 0;
    int latest = -1;
    for (int index : taken) {
      overtaken += index < latest ? 1 : 0;
      latest = Math.max(latest, index);
    }
    assertThat(overtaken).isPositive();
    assertThat(log.count(Kind.REORDERED)).isEqualTo(overtaken);
  }

  @Test
  void aRequestInFlightAtAPowerCutKeepsItsNumber() {
    requests.get(0).setDriverData(-9);
    assertThat(HeldRequests.numberOf(requests.get(0))).isEqualTo(9);
  }
}
