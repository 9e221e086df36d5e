// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Eventfd;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Pipe;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A context is destroyed although its threads and workers would wait forever. */
@Patch(26)
@Timeout(60)
class ContextEndTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int[] WHO_SUBMITS = {
    RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD,
    RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQPOLL,
    RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ,
    RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQWQ,
    RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQPOLL | AioAbi.IOCTX_FLAG_SQWQ
  };

  private final FakeFile ram = FakeFile.immediate(1 << 20);
  private final RingProgram program = new RingProgram(ram, 9);

  /** What waits without an end. */
  enum Waits {
    READ_OF_AN_EMPTY_PIPE,
    READ_OF_AN_EMPTY_EVENTFD,
    WRITE_TO_A_FULL_PIPE,
    WRITE_TO_A_FULL_EVENTFD
  }

  private static Stream<Arguments> everyWait() {
    List<Arguments> all = new ArrayList<>();
    for (int flags : WHO_SUBMITS) {
      for (Waits waits : Waits.values()) {
        all.add(Arguments.of(flags, waits));
      }
    }
    return all.stream();
  }

  private int install(File file) {
    return FilesStruct.of(program.process).install(file);
  }

  private Pipe.Ends pipe() {
    try {
      return Pipe.create(program.files, 0);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  /** Makes a file and the next entry, which waits for it. */
  private void prepare(Waits waits) {
    int fd =
        switch (waits) {
          case READ_OF_AN_EMPTY_PIPE -> {
            Pipe.Ends ends = pipe();
            install(ends.write());
            yield install(ends.read());
          }
          case READ_OF_AN_EMPTY_EVENTFD -> install(Eventfd.create(program.files, 0, 0));
          case WRITE_TO_A_FULL_PIPE -> {
            Pipe.Ends ends = pipe();
            install(ends.read());
            yield install(ends.write());
          }
          case WRITE_TO_A_FULL_EVENTFD -> install(Eventfd.create(program.files, 1, 0));
        };
    program.prepareRead(fd, 0, 1, false, iocb -> change(waits, iocb));
  }

  private void change(Waits waits, long iocb) {
    if (waits == Waits.WRITE_TO_A_FULL_PIPE) {
      Iocb.aioBuf(iocb, program.map(2L * Pipe.CAPACITY, Mman.PROT_READ | Mman.PROT_WRITE));
      Iocb.aioNbytes(iocb, 2L * Pipe.CAPACITY);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
    } else if (waits == Waits.WRITE_TO_A_FULL_EVENTFD) {
      // the most that may be written; with the 1 that is there it is too much
      RawMemory.putLong(Iocb.aioBuf(iocb), -2);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
    }
  }

  private void pause(int round) throws InterruptedException {
    if (round % 3 != 0) { // else the end comes before the wait
      Thread.sleep(round);
    }
  }

  @ParameterizedTest
  @MethodSource("everyWait")
  void destroy(int flags, Waits waits) throws InterruptedException {
    for (int round = 0; round < 8; round++) {
      RawMemory.putLong(program.ctxp, 0);
      assertThat(program.setup(flags)).isZero();
      for (int i = 0; i < 6; i++) {
        prepare(waits);
      }
      assertThat(program.enter(6, 0, SUBMIT)).isPositive();
      pause(round);
      assertThat(program.destroy()).isZero();
      assertThat(program.destroy()).isEqualTo(-Errno.EINVAL);
      program.startAgain();
    }
    program.close();
  }

  @ParameterizedTest
  @MethodSource("everyWait")
  void exit(int flags, Waits waits) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    for (int i = 0; i < 6; i++) {
      prepare(waits);
    }
    assertThat(program.enter(6, 0, SUBMIT)).isPositive();
    pause(5);
    program.close();
  }

  /** One context's end is no signal to the threads and workers of another. */
  @ParameterizedTest
  @MethodSource("whoSubmits")
  void theOtherContextWaitsOn(int flags) throws InterruptedException {
    int rights = Mman.PROT_READ | Mman.PROT_WRITE;
    long sq = program.map(AioIocbRing.bytes(9), rights);
    long cq = program.map(AioIoEventRing.bytes(9), rights);
    long ctxp = program.map(4096, rights);
    long buffer = program.map(4096, rights);
    Task task = program.task;
    assertThat(RingProgram.in(task, () -> program.aio.ioSetup2(task, 9, flags, 0, sq, cq, ctxp)))
        .isZero();
    long other = RawMemory.getLong(ctxp);
    Pipe.Ends ends = pipe();
    int writeFd = install(ends.write());
    long iocb = AioIocbRing.iocb(sq, 0);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PREAD);
    Iocb.aioFildes(iocb, install(ends.read()));
    Iocb.aioBuf(iocb, buffer);
    Iocb.aioNbytes(iocb, 4096);
    AioIocbRing.tail(sq, 1);
    assertThat(RingProgram.in(task, () -> program.aio.ioRingEnter(task, other, 1, 0, SUBMIT)))
        .isEqualTo(1);

    for (int round = 0; round < 20; round++) {
      RawMemory.putLong(program.ctxp, 0);
      assertThat(program.setup(flags)).isZero();
      prepare(Waits.READ_OF_AN_EMPTY_PIPE);
      assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
      pause(round % 4);
      assertThat(program.destroy()).isZero();
      program.startAgain();
    }
    assertThat(AioIoEventRing.tail(cq)).as("events of the other context").isZero();

    RawMemory.putLong(program.ctxp, 0);
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    program.prepareRead(
        writeFd,
        0,
        1,
        false,
        write -> {
          Iocb.aioLioOpcode(write, (short) AioAbi.IOCB_CMD_PWRITE);
          Iocb.aioNbytes(write, 100);
        });
    assertThat(program.enter(1, 1, RingProgram.ENTER)).isEqualTo(1);
    while (AioIoEventRing.tail(cq) == 0) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    assertThat(IoEvent.res(AioIoEventRing.event(cq, 0))).isEqualTo(100);
    program.close();
  }

  private static Stream<Integer> whoSubmits() {
    return Arrays.stream(WHO_SUBMITS).boxed();
  }

  /** Submits a polled read of a file. */
  private void submitPolled(FakeFile file) {
    program.prepareRead(program.open(file), 0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
  }

  private static int fails(boolean throwing) {
    if (throwing) {
      throw new IllegalStateException("broken");
    }
    return -Errno.EIO;
  }

  /**
   * Nothing says that the device is done with the memory: it stays pinned, and the end does not
   * wait for it.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Tag("slow")
  void aFileThatCantBePolledIsGivenUp(boolean throwing) {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    submitPolled(FakeFile.immediate(1 << 20).onIopoll((iocb, spin) -> fails(throwing)));
    assertThatThrownBy(program::destroy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith(
            "requests whose files can't be polled, at the end of their context; ");
    assertThat(program.destroy()).isEqualTo(-Errno.EINVAL);
    assertThat(program.aio.aioNr()).isZero();
    program.process.exit();
    assertThat(program.process.mm().pinnedPages()).as("what a device may write to").isPositive();
  }

  /**
   * The others are polled for, behind and before one that fails, and one that fails for a while is
   * tried again.
   */
  @Test
  void whatFailsToBePolledKeepsNothingElseFromEnding() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    AtomicInteger looks = new AtomicInteger();
    FakeFile late =
        FakeFile.immediate(1 << 20)
            .onIopoll((iocb, spin) -> looks.incrementAndGet() < 50 ? -Errno.EIO : FakeFile.PROCEED);
    FakeFile well = FakeFile.immediate(1 << 20);
    submitPolled(late);
    submitPolled(well);
    assertThat(program.destroy()).isZero();
    assertThat(looks).hasValue(50);
    assertThat(well.inFlight()).isZero();
    program.close();
  }

  /** The device takes longer than the teardown of a context that has failed waits. */
  @Test
  @Tag("slow")
  void aFailureElsewhereEndsNoContextEarly() {
    FakeFile held = FakeFile.held(1 << 20);
    RingProgram slow = new RingProgram(held, 9);
    assertThat(slow.setup(RingProgram.RINGS)).isZero();
    slow.prepareRead(0, 1, false);
    assertThat(slow.enter(1, 0, SUBMIT)).isEqualTo(1);
    Oops.setSink((sentence, thrown) -> {});
    try {
      Oops.report("another disk", new AssertionError("broken"), "the test goes on");
    } finally {
      Oops.setSink(null);
    }
    CompletableFuture<Void> device =
        CompletableFuture.runAsync(
            () -> held.release(1, 0), CompletableFuture.delayedExecutor(6, TimeUnit.SECONDS));
    assertThat(slow.destroy()).isZero();
    device.join();
    slow.close();
    program.close();
  }

  /** One read is never completed, and the next one throws. */
  @Test
  @Tag("slow")
  void requestsThatAFailureOfTheContextMayHaveLostAreAbandoned() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    Error error = new AssertionError("broken");
    AtomicInteger reads = new AtomicInteger();
    FakeFile loses =
        FakeFile.immediate(1 << 20)
            .onRequest(
                (current, iocb, to) -> {
                  if (reads.getAndIncrement() > 0) {
                    throw error;
                  }
                  return FakeFile.QUEUED;
                });
    int fd = program.open(loses);
    for (int i = 0; i < 2; i++) {
      program.prepareRead(fd, 0, i, false);
    }
    assertThatThrownBy(() -> program.enter(2, 0, SUBMIT)).isSameAs(error);
    assertThatThrownBy(program::destroy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("an aio context ends before 1 calls and 1 requests; ");
    assertThat(program.aio.aioNr()).isZero();
    program.process.exit();
    assertThat(program.process.mm().pinnedPages()).as("what a device may write to").isPositive();
  }
}
