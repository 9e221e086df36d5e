// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The rings themselves: their indices, their limits, and the events that find no room. */
@Timeout(60)
class RingsTest {
  private static final int ENTRIES = 3; // one of them stays free

  private final UserAio program = new UserAio(FakeFile.immediate(1 << 20));
  private final UserProcess process = program.process;
  private final long sqAddress = program.map(4096);
  private final long cqAddress = program.map(4096);
  private final SqRing sq = new SqRing(range(sqAddress), ENTRIES);
  private final CqRing cq = new CqRing(range(cqAddress), ENTRIES);
  private final Object completionLock = new Object();
  private final ScqRing rings = new ScqRing(sq, cq, completionLock);
  private final long ring = program.map(4096);
  private final CompletionRing old = new CompletionRing(ring, 4);
  private final Kioctx ctx = context();

  private MappedRange range(long address) {
    return Objects.requireNonNull(MappedRange.map(process.mm(), address, 4096));
  }

  private Kioctx context() {
    assertThat(program.setup(4, 0)).isZero();
    Kioctx found = Objects.requireNonNull(KioctxTable.lookup(process.mm(), program.ctx()));
    found.put();
    return found;
  }

  @AfterEach
  void nothingIsLeft() {
    rings.unmap();
    program.close();
  }

  private AioKiocb request(long data) {
    AioKiocb req = AioKiocb.SLAB.alloc(program.task);
    req.init(ctx, data, 0);
    req.res = data;
    return req;
  }

  private boolean post(long data) {
    synchronized (completionLock) {
      return rings.complete(request(data));
    }
  }

  private List<Long> reap() {
    List<Long> data = new ArrayList<>();
    int head = AioIoEventRing.head(cqAddress);
    while (head != AioIoEventRing.tail(cqAddress)) {
      data.add(IoEvent.data(AioIoEventRing.event(cqAddress, head)));
      head = (head + 1) % ENTRIES;
    }
    AioIoEventRing.head(cqAddress, head);
    return data;
  }

  /** The memory of the program may have any contents before. */
  @Test
  void theRingsAreResetAtSetup() {
    long scribbled = program.map(4096);
    for (long at = scribbled; at < scribbled + 64; at += 8) {
      RawMemory.putLong(at, -1);
    }
    SqRing submission = new SqRing(range(scribbled), ENTRIES);
    assertThat(AioIocbRing.head(scribbled)).isZero();
    assertThat(AioIocbRing.tail(scribbled)).isZero();
    assertThat(AioIocbRing.nrEvents(scribbled)).isEqualTo(ENTRIES);
    assertThat(AioIocbRing.sqFlags(scribbled)).isZero();
    submission.unmap();
    for (long at = scribbled; at < scribbled + 64; at += 8) {
      RawMemory.putLong(at, -1);
    }
    CqRing completion = new CqRing(range(scribbled), ENTRIES);
    assertThat(AioIoEventRing.head(scribbled)).isZero();
    assertThat(AioIoEventRing.tail(scribbled)).isZero();
    assertThat(AioIoEventRing.nrEvents(scribbled)).isEqualTo(ENTRIES);
    completion.unmap();
  }

  @Test
  void aTailOutsideTheSqRingIsAnEmptyRing() {
    AioIocbRing.tail(sqAddress, ENTRIES - 1);
    assertThat(sq.tail()).isEqualTo(ENTRIES - 1);
    assertThat(sq.isEmpty()).isFalse();
    AioIocbRing.tail(sqAddress, ENTRIES);
    assertThat(sq.tail()).isZero();
    assertThat(sq.isEmpty()).isTrue();
  }

  @Test
  void theIndicesOfTheSqRingWrapAround() {
    assertThat(sq.next(0)).isEqualTo(1);
    assertThat(sq.next(ENTRIES - 1)).isZero();
    sq.commit(2);
    assertThat(sq.head()).isEqualTo(2);
    assertThat(AioIocbRing.head(sqAddress)).isEqualTo(2);
  }

  @Test
  void theProgramSeesThatTheThreadSleeps() {
    sq.setNeedWakeup(true);
    assertThat(AioIocbRing.sqFlags(sqAddress)).isEqualTo(1);
    sq.setNeedWakeup(false);
    assertThat(AioIocbRing.sqFlags(sqAddress)).isZero();
  }

  @Test
  void aHeadOutsideTheCqRingIsAFullRing() {
    AioIoEventRing.head(cqAddress, ENTRIES);
    assertThat(cq.put(0, request(1))).isNegative();
    AioIoEventRing.head(cqAddress, ENTRIES - 1);
    assertThat(cq.put(0, request(1))).isEqualTo(1);
    assertThat(cq.put(1, request(1))).as("one entry stays free").isNegative();
  }

  @Test
  void keptEventsMoveInOrderWhenThereIsRoom() {
    assertThat(rings.mustFlush()).isFalse();
    assertThat(rings.moveKept()).isFalse();
    assertThat(post(1)).isTrue();
    assertThat(post(2)).isTrue();
    assertThat(rings.mustFlush()).isFalse();
    assertThat(post(3)).isFalse();
    assertThat(post(4)).isFalse();
    assertThat(post(5)).isFalse();
    assertThat(rings.kept()).isEqualTo(3);
    assertThat(rings.mustFlush()).isTrue();
    assertThat(rings.moveKept()).as("there is no room").isFalse();
    assertThat(reap()).containsExactly(1L, 2L);
    assertThat(rings.moveKept()).isTrue();
    assertThat(rings.kept()).isEqualTo(1);
    assertThat(reap()).containsExactly(3L, 4L);
    assertThat(post(6)).as("after the one that is kept").isTrue();
    assertThat(rings.kept()).isZero();
    assertThat(reap()).containsExactly(5L, 6L);
  }

  @Test
  void anOverflowIsReportedOnce() {
    assertThat(rings.flushOverflow()).isFalse();
    post(1);
    post(2);
    post(3);
    assertThat(rings.flushOverflow()).isTrue();
    assertThat(rings.mustFlush()).as("an event is kept").isTrue();
    assertThat(rings.flushOverflow()).isFalse();
    assertThat(reap()).hasSize(2);
    assertThat(rings.flushOverflow()).isFalse();
    assertThat(rings.mustFlush()).isFalse();
    assertThat(reap()).containsExactly(3L);
    post(1);
    post(2);
    post(3);
    assertThat(rings.flushOverflow()).as("another overflow").isTrue();
  }

  @Test
  void eventsThatAreKeptAtTheEndAreDropped() {
    post(1);
    post(2);
    AioKiocb kept = request(3);
    synchronized (completionLock) {
      assertThat(rings.complete(kept)).isFalse();
    }
    int generation = kept.generation();
    rings.unmap();
    assertThat(kept.generation()).as("it is free").isNotEqualTo(generation);
    assertThat(rings.kept()).isZero();
  }

  @Test
  void aRingHasOneSlotLessThanEvents() {
    for (int i = 0; i < 3; i++) {
      assertThat(old.getReqsAvailable()).isTrue();
    }
    assertThat(old.getReqsAvailable()).isFalse();
    old.putReqsAvailable();
    assertThat(old.getReqsAvailable()).isTrue();
  }

  /** Three events in turn, so that the ring of four wraps at each of its places. */
  @Test
  void eventsAreReadInOrderAndTheirSlotsAreFree() {
    long next = 0;
    for (int round = 0; round < 6; round++) {
      for (int i = 0; i < 3; i++) {
        assertThat(old.getReqsAvailable()).as("round %d", round).isTrue();
        old.complete(request(next + i));
      }
      assertThat(old.getReqsAvailable()).isFalse();
      assertThat(old.isEmpty()).isFalse();
      assertThat(old.read(process.mm(), program.events, 2)).isEqualTo(2);
      assertThat(old.read(process.mm(), program.events + 2 * IoEvent.SIZE, 2)).isEqualTo(1);
      assertThat(program.events(3))
          .extracting(AioEvent::data)
          .containsExactly(next, next + 1, next + 2);
      assertThat(old.isEmpty()).isTrue();
      assertThat(old.read(process.mm(), program.events, 2)).isZero();
      next += 3;
    }
  }

  @Test
  void anArrayThatIsNotMappedTakesNoEvent() {
    old.getReqsAvailable();
    old.complete(request(1));
    assertThat(old.read(process.mm(), 0x1000, 1)).isEqualTo(-Errno.EFAULT);
    assertThat(AioRing.head(ring)).isZero();
    assertThat(old.read(process.mm(), program.events, 1)).isEqualTo(1);
  }

  @Test
  void theProgramMayConsumeEventsItself() {
    for (int i = 0; i < 3; i++) {
      old.getReqsAvailable();
    }
    old.complete(request(1));
    assertThat(old.getReqsAvailable()).as("the event has the slot").isFalse();
    AioRing.head(ring, 1);
    assertThat(old.getReqsAvailable()).isTrue();
    assertThat(old.getReqsAvailable()).isFalse();
  }
}
