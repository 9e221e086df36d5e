// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One request: its priority, its batch, its failure, and its cancellation. */
@Timeout(60)
class RequestTest {
  private static final int IOPOLL = AioAbi.IOCTX_FLAG_IOPOLL;
  private static final int FIXED = AioAbi.IOCTX_FLAG_USERIOCB | AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int CLASS_SHIFT = 13;

  private final FakeFile file = FakeFile.immediate(1 << 20);
  private final UserAio program = new UserAio(file);

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private void setup(int nr, int flags) {
    assertThat(program.setup(nr, flags)).isZero();
  }

  /** By default class 0 has no level, and class 3 ignores it. */
  @ParameterizedTest
  @CsvSource({
    "0,0,0",
    "0,1,22",
    "1,0,0",
    "1,7,0",
    "1,8,22",
    "2,0,0",
    "2,7,0",
    "2,8,22",
    "3,0,0",
    "3,8191,0",
    "4,0,22",
    "7,0,22"
  })
  void aPriorityHasAClassAndALevel(int ioprioClass, int level, int errno) {
    setup(4, 0);
    List<Integer> seen = new ArrayList<>();
    file.onRequest(
        (current, iocb, iter) -> {
          seen.add(iocb.kiIoprio);
          return 0;
        });
    long iocb = program.read(0, 0);
    short ioprio = (short) (ioprioClass << CLASS_SHIFT | level);
    Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_IOPRIO);
    Iocb.aioReqprio(iocb, ioprio);
    assertThat(program.submit(0, 1)).isEqualTo(errno == 0 ? 1 : -errno);
    assertThat(seen).isEqualTo(errno == 0 ? List.of((int) ioprio) : List.of());
  }

  @ParameterizedTest
  @ValueSource(ints = {511, 515, 517})
  void anErrnoThatAsksForNoRestartIsTheResult(int errno) {
    setup(4, 0);
    file.onRequest((current, iocb, iter) -> -errno);
    program.read(0, 0);
    assertThat(program.submit(0, 1)).isOne();
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) -errno);
  }

  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCB_CMD_PREAD, AioAbi.IOCB_CMD_PWRITE})
  void aFileWithoutTheMethodIsRefused(int opcode) {
    setup(4, 0);
    int fd = program.open(new FileOperations() {});
    program.prepare(0, opcode, fd, program.buffers, 4096, 0);
    assertThat(program.submit(0, 1)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void onlyABatchOfMoreThanTwoIsPlugged() {
    setup(8, 0);
    List<Boolean> plugged = new ArrayList<>();
    file.onRequest(
        (current, iocb, iter) -> {
          plugged.add(current.plug() != null);
          return 0;
        });
    for (int i = 0; i < 5; i++) {
      program.read(i, 0);
    }
    assertThat(program.submit(0, 2)).isEqualTo(2);
    assertThat(program.submit(2, 5)).isEqualTo(3);
    assertThat(plugged).containsExactly(false, false, true, true, true);
    assertThat(program.task.plug()).as("after the batch").isNull();
  }

  @Test
  void aBatchCountsItsRequestsEightAtATime() {
    setup(16, IOPOLL);
    List<Long> counted = new ArrayList<>();
    List<Boolean> listed = new ArrayList<>();
    file.onRequest(
        (current, iocb, iter) -> {
          Kioctx ctx = ((AioKiocb) iocb).ctx();
          counted.add(ctx.requests());
          listed.add(!ctx.iopoll().isEmpty());
          return FakeFile.PROCEED;
        });
    for (int i = 0; i < 10; i++) {
      Iocb.aioFlags(program.read(i, 0), AioAbi.IOCB_FLAG_HIPRI);
    }
    Iocb.aioReserved2(program.iocb(9), 1); // refused
    assertThat(program.submit(0, 10)).isEqualTo(9);
    assertThat(counted).containsExactly(8L, 8L, 8L, 8L, 8L, 8L, 8L, 8L, 10L);
    assertThat(listed)
        .as("eight issued requests go to the list at once")
        .containsExactly(false, false, false, false, false, false, false, false, true);
    assertThat(program.getevents(9, 16, -1)).isEqualTo(9);
    assertThat(Aio.describe(program.process.mm()).getFirst())
        .as("the one that was counted ahead")
        .contains("requests counted 0");
  }

  @Test
  void aBatchTakesTheReferencesOfItsFileAtOnce() {
    setup(8, 0);
    List<Long> references = new ArrayList<>();
    file.onRequest(
        (current, iocb, iter) -> {
          references.add(iocb.file().references());
          return 0;
        });
    for (int i = 0; i < 4; i++) {
      program.read(i, 0);
    }
    Iocb.aioReserved2(program.iocb(3), 1); // refused: its reference is put
    assertThat(program.submit(0, 4)).isEqualTo(3);
    assertThat(references).as("with that of the descriptor").containsExactly(5L, 4L, 3L);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(references).endsWith(2L);
  }

  private static void keep(FakeFile file, List<Kiocb> kept) {
    file.onRequest(
        (current, iocb, iter) -> {
          kept.add(iocb);
          return FakeFile.QUEUED;
        });
  }

  @Test
  void aRequestFailsOnceWithEio() {
    setup(4, 0);
    List<Kiocb> kept = new ArrayList<>();
    keep(file, kept);
    program.read(0, 0);
    assertThat(program.submit(0, 1)).isOne();
    Kiocb iocb = kept.getFirst();
    int generation = iocb.generation();
    iocb.fail(generation + 1);
    assertThat(program.getevents(0, 4, 0)).as("another use of the object").isZero();
    iocb.fail(generation);
    iocb.fail(generation);
    iocb.fail(iocb.generation());
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) -Errno.EIO);
    assertThat(program.getevents(0, 4, 0)).isZero();
  }

  @Test
  void aPolledRequestFailsOnceWithEio() {
    setup(4, IOPOLL);
    List<Kiocb> kept = new ArrayList<>();
    keep(file, kept);
    for (int i = 0; i < 2; i++) {
      Iocb.aioFlags(program.read(i, 0), AioAbi.IOCB_FLAG_HIPRI);
    }
    assertThat(program.submit(0, 2)).isEqualTo(2);
    FakeFile.complete(kept.get(1), 4096);
    for (Kiocb iocb : kept) {
      iocb.fail(iocb.generation());
    }
    assertThat(program.results(2, UserAio.PATIENCE)).containsExactly((long) -Errno.EIO, 4096L);
  }

  /** The polls are in a list; each order of cancellation removes from another place of it. */
  @ParameterizedTest
  @ValueSource(strings = {"012", "021", "102", "120", "201", "210"})
  void pollsAreCancelledInAnyOrder(String order) {
    setup(4, 0);
    int fd = program.eventfd(0);
    for (int i = 0; i < 3; i++) {
      program.prepare(i, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLIN, 0, 0);
    }
    assertThat(program.submit(0, 3)).isEqualTo(3);
    for (int at = 0; at < order.length(); at++) {
      int i = order.charAt(at) - '0';
      long iocb = program.iocb(i);
      assertThat(program.cancel(iocb)).isEqualTo(-Errno.EINPROGRESS);
      assertThat(program.cancel(iocb)).isEqualTo(-Errno.EINVAL);
      assertThat(program.getevents(1, 3, -1)).isOne();
      assertThat(program.events(1)).containsExactly(new AioEvent(1000 + i, iocb, 0, 0));
    }
    assertThat(program.submit(0, 3)).as("the objects are used again").isEqualTo(3);
    assertThat(program.cancel(program.iocb(1))).isEqualTo(-Errno.EINPROGRESS);
    assertThat(program.destroy()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "0,4096,0",
    "0,0,0",
    "4096,0,0",
    "512,3584,0",
    "0,4097,14",
    "512,3585,14",
    "-1,1,14",
    "4097,0,14"
  })
  void aRequestUsesAPartOfItsFixedBuffer(long offset, long bytes, int errno) {
    for (int i = 0; i < 4; i++) {
      program.read(i, 0);
    }
    setup(4, FIXED);
    file.onRequest((current, iocb, iter) -> iter.count());
    program.prepare(
        1, AioAbi.IOCB_CMD_PREAD, program.fd, program.buffers + 4096 + offset, bytes, 0);
    RawMemory.putLong(program.pointers, 1);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(errno == 0 ? 1 : -errno);
    if (errno == 0) {
      assertThat(program.results(1, UserAio.PATIENCE)).containsExactly(bytes);
    }
  }

  @ParameterizedTest
  @CsvSource({"4194304,0", "4194305,14", "-1,14", "0,0"})
  void aFixedBufferHasAtMostFourMebibytes(long bytes, int errno) {
    long memory = program.map(5 << 20);
    program.prepare(0, AioAbi.IOCB_CMD_PREAD, program.fd, memory, bytes, 0);
    assertThat(program.setup(1, FIXED)).isEqualTo(-errno);
  }

  @Test
  void aProcessHasManyContexts() {
    List<Long> contexts = new ArrayList<>();
    for (int i = 0; i < 18; i++) { // the table grows twice
      setup(1, 0);
      contexts.add(program.ctx());
    }
    assertThat(Aio.describe(program.process.mm())).hasSize(36);
    for (long ctx : contexts) {
      assertThat(RingProgram.in(program.task, () -> program.aio.ioSubmit(program.task, ctx, 0, 0)))
          .isZero();
      assertThat(program.destroy(program.task, ctx)).isZero();
      assertThat(program.destroy(program.task, ctx)).isEqualTo(-Errno.EINVAL);
    }
  }

  @Test
  void theLimitOfThreadsIsExact() {
    SqThreads threads = new SqThreads(Thread::new);
    assertThat(threads.reserve(SqThreads.MAX + 1)).isFalse();
    assertThat(threads.reserve(SqThreads.MAX)).isTrue();
    assertThat(threads.reserve(1)).isFalse();
    threads.release(2);
    assertThat(threads.reserve(3)).isFalse();
    assertThat(threads.reserve(2)).isTrue();
    Thread thread = threads.newThread("aio-test", () -> {});
    assertThat(thread.getName()).isEqualTo("aio-test");
    assertThat(thread.isDaemon()).isTrue();
  }

  @Test
  void aTeardownThrowsWhatAStepThrew() {
    new Teardown().end();
    Teardown teardown = new Teardown();
    RuntimeException failure = new IllegalStateException("a step");
    for (int i = 0; i < 2; i++) { // the same failure again is not its own cause
      assertThat(
              teardown.step(
                  () -> {
                    throw failure;
                  }))
          .isFalse();
    }
    assertThatThrownBy(teardown::end).isSameAs(failure).hasNoSuppressedExceptions();
  }
}
