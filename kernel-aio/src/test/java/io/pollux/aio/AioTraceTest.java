// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.TraceLog;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The trace points of aio: once for each request, with one identity from the iocb on. */
@Timeout(60)
class AioTraceTest {
  private static final int BLOCK = RingProgram.BLOCK;

  private final FakeFile file = FakeFile.immediate(1 << 20);
  private final RingProgram program = new RingProgram(file, 9);

  @AfterEach
  void nothingIsLeft() {
    file.holdNoMore();
    program.close();
    assertThat(Trace.on()).isFalse();
  }

  private long enter(int entries) {
    return program.enter(entries, entries, RingProgram.ENTER);
  }

  @Test
  void aPolledRequestPassesEachPointOnce() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    program.prepareRead(3 * BLOCK, 42, true);
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(1)).isEqualTo(1);
      assertThat(log.names()).containsExactly("aio_submit", "aio_poll", "aio_complete", "aio_reap");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      TraceEvent submit = log.only(TracePoint.AIO_SUBMIT);
      assertThat(submit.number("ctx")).isEqualTo(program.ctx());
      assertThat(submit.number("fd")).isEqualTo(program.fd);
      assertThat(submit.number("opcode")).isEqualTo(AioAbi.IOCB_CMD_PREAD);
      assertThat(submit.number("pos")).isEqualTo(3 * BLOCK);
      assertThat(submit.number("bytes")).isEqualTo(BLOCK);
      assertThat(submit.number("aio_flags")).isEqualTo(AioAbi.IOCB_FLAG_HIPRI);
      assertThat(submit.task()).isSameAs(program.task);
      assertThat(submit.subject()).isInstanceOf(Kiocb.class);
      assertThat(log.only(TracePoint.AIO_COMPLETE).number("res")).isEqualTo(BLOCK);
      assertThat(log.only(TracePoint.AIO_COMPLETE).subject()).isSameAs(submit.subject());
      assertThat(log.only(TracePoint.AIO_REAP).number("res")).isEqualTo(BLOCK);
      assertThat(log.only(TracePoint.AIO_REAP).number("obj")).isZero();
    }
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void eachRequestOfABatchHasAnIdentityOfItsOwn() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    for (int i = 0; i < 5; i++) {
      program.prepareRead((long) i * BLOCK, i, true);
    }
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(5)).isEqualTo(5);
      List<Long> ids = log.events(TracePoint.AIO_SUBMIT).stream().map(TraceEvent::id).toList();
      assertThat(ids).hasSize(5).doesNotHaveDuplicates().isSorted();
      for (TracePoint point : List.of(TracePoint.AIO_COMPLETE, TracePoint.AIO_REAP)) {
        assertThat(log.events(point).stream().map(TraceEvent::id).toList())
            .as(point.cName())
            .containsExactlyInAnyOrderElementsOf(ids);
        log.events(point)
            .forEach(event -> assertThat(event.number("obj")).isEqualTo(ids.indexOf(event.id())));
      }
    }
    assertThat(program.reap()).hasSize(5);
  }

  @Test
  void aRequestThatAnInterruptCompletesIsNotPolledOrReaped() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    program.prepareRead(0, 1, false);
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(1)).isEqualTo(1);
      assertThat(log.names()).containsExactly("aio_submit", "aio_complete");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      assertThat(log.only(TracePoint.AIO_COMPLETE).number("res")).isEqualTo(BLOCK);
    }
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void aRequestWithoutAFileFails() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    program.prepareRead(999, 0, 7, true);
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(1)).isEqualTo(-Errno.EBADF);
      assertThat(log.names()).containsExactly("aio_submit", "aio_submit_failed");
      assertThat(log.ids()).hasSize(1);
      assertThat(log.only(TracePoint.AIO_SUBMIT_FAILED).number("error")).isEqualTo(-Errno.EBADF);
    }
  }

  /** Each attempt is a request of its own. */
  @Test
  void aRequestWithoutATagCompletesWithEagainAndHasAnotherIdentityLater() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    file.onRequest(
        (current, iocb, to) -> {
          iocb.kiFlags |= Kiocb.IOCB_NO_TAG;
          return -Errno.EAGAIN;
        });
    program.prepareRead(0, 7, true);
    try (TraceLog log = new TraceLog()) {
      assertThat(program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(-Errno.EAGAIN);
      assertThat(log.names()).containsExactly("aio_submit", "aio_complete", "aio_submit_failed");
      assertThat(log.only(TracePoint.AIO_COMPLETE).number("res")).isEqualTo(-Errno.EAGAIN);
      long first = log.ids().getFirst();
      assertThat(log.ids()).containsExactly(first);

      file.onRequest((current, iocb, to) -> FakeFile.PROCEED);
      log.clear();
      assertThat(enter(1)).isEqualTo(1);
      assertThat(log.ids()).hasSize(1).doesNotContain(first);
    }
    assertThat(program.reap()).hasSize(1);
  }

  /** A poll of a device that has nothing yet would otherwise fill the trace. */
  @Test
  void theFirstPollForARequestIsAnEvent() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    List<Boolean> polls = new ArrayList<>();
    file.onIopoll(
        (iocb, spin) -> {
          polls.add(spin);
          return polls.size() < 4 ? 0 : FakeFile.PROCEED;
        });
    program.prepareRead(0, 1, true);
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(1)).isEqualTo(1);
      assertThat(polls).hasSizeGreaterThanOrEqualTo(4);
      assertThat(log.only(TracePoint.AIO_POLL).number("spin")).isEqualTo(1);
    }
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void theTaskHasTheIdentityOnlyDuringTheSubmission() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    List<Long> seen = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          seen.add(Trace.idOf(current));
          seen.add(iocb.traceId());
          return FakeFile.PROCEED;
        });
    program.prepareRead(0, 1, true);
    try (TraceLog log = new TraceLog()) {
      assertThat(enter(1)).isEqualTo(1);
      long id = log.only(TracePoint.AIO_SUBMIT).id();
      assertThat(seen).containsExactly(id, id);
      assertThat(Trace.idOf(program.task)).isZero();
    }
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void withoutAListenerARequestGetsNoIdentity() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    List<Kiocb> seen = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          seen.add(iocb);
          return FakeFile.PROCEED;
        });
    long before = Trace.newId();
    program.prepareRead(0, 1, true);
    assertThat(enter(1)).isEqualTo(1);
    assertThat(Trace.newId()).as("no other was given").isEqualTo(before + 1);
    try (TraceLog log = new TraceLog()) {
      assertThat(Objects.requireNonNull(seen.getFirst()).traceId()).isZero();
      assertThat(log.events()).isEmpty();
    }
    assertThat(program.reap()).hasSize(1);
  }
}
