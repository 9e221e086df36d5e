// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** io_setup, io_submit: the sentences of the contract that name an errno, in its order. */
@Timeout(60)
class IoSubmitTest {
  private static final int USERIOCB = AioAbi.IOCTX_FLAG_USERIOCB;
  private static final int IOPOLL = AioAbi.IOCTX_FLAG_IOPOLL;
  private static final int FIXED = USERIOCB | AioAbi.IOCTX_FLAG_FIXEDBUFS;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(8);
  private final UserAio program = new UserAio(disk);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int nr, int flags) {
    assertThat(program.setup(nr, flags)).isZero();
  }

  // The way of a request.

  @Patch({6, 8, 10, 12, 19, 25})
  @Test
  void readsAndTellsInTheRingAndInTheArray() {
    setup(4, 0);
    for (int i = 0; i < 4; i++) {
      program.read(i, i * 4096L);
    }
    assertThat(program.submit(0, 4)).isEqualTo(4);
    assertThat(program.getevents(0, 4, 0)).as("nothing is done yet").isZero();
    disk.release(4, 0);
    assertThat(AioRing.tail(program.ctx())).as("a program may read the ring itself").isEqualTo(4);
    assertThat(program.getevents(4, 4, -1)).isEqualTo(4);
    assertThat(program.events(4))
        .containsExactly(
            new AioEvent(1000, program.iocbs, 4096, 0),
            new AioEvent(1001, program.iocbs + 64, 4096, 0),
            new AioEvent(1002, program.iocbs + 128, 4096, 0),
            new AioEvent(1003, program.iocbs + 192, 4096, 0));
    assertThat(RawMemory.getLong(program.buffers + 2 * 4096)).isEqualTo(16);
    assertThat(AioRing.head(program.ctx())).isEqualTo(4);
  }

  @Patch(14)
  @Test
  void userMappedIocbsAreNamedByIndex() {
    setup(8, USERIOCB);
    program.read(5, 0);
    RawMemory.putLong(program.pointers, 5);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(1);
    RawMemory.putLong(program.pointers, 8);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(-Errno.EINVAL);
    RawMemory.putLong(program.pointers, -1);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(-Errno.EINVAL);
    disk.release(1, 0);
    assertThat(program.getevents(1, 1, -1)).isEqualTo(1);
    assertThat(program.events(1)).containsExactly(new AioEvent(1005, 5, 4096, 0));
    assertThat(program.cancel(program.iocbs))
        .as("not on user-mapped iocbs")
        .isEqualTo(-Errno.EINVAL);
  }

  @Patch({15, 16, 24})
  @Test
  void minZeroPollsTheDeviceAlsoWhenAnEventIsThere() {
    setup(4, IOPOLL);
    Iocb.aioFlags(program.read(0, 0), AioAbi.IOCB_FLAG_HIPRI);
    // at the end of the device: done at once, with 0 bytes
    Iocb.aioFlags(program.read(1, 1 << 20), AioAbi.IOCB_FLAG_HIPRI);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    disk.release(1, 0);
    assertThat(program.getevents(0, 4, -1)).isEqualTo(2);
    assertThat(program.events(2))
        .extracting(AioEvent::data)
        .containsExactlyInAnyOrder(1000L, 1001L);
  }

  @ParameterizedTest
  @ValueSource(ints = {IOPOLL, IOPOLL | USERIOCB, IOPOLL | FIXED})
  void polledContextsFindEventsByPolling(int flags) {
    for (int i = 0; i < UserAio.IOCBS; i++) {
      program.read(i, i * 4096L);
      Iocb.aioFlags(program.iocbs + i * Iocb.SIZE, AioAbi.IOCB_FLAG_HIPRI);
    }
    setup(UserAio.IOCBS, flags);
    boolean byIndex = (flags & USERIOCB) != 0;
    for (int i = 0; i < 6; i++) {
      RawMemory.putLong(program.pointers + i * 8L, byIndex ? i : program.iocbs + i * Iocb.SIZE);
    }
    assertThat(program.submitArray(6, program.pointers)).isEqualTo(6);
    assertThat(program.getevents(0, 6, -1)).as("one pass that does not spin").isZero();
    assertThat(program.getevents(6, 6, 2_000_000)).as("time is up").isZero();
    disk.release(6, 0);
    assertThat(program.getevents(2, 4, -1)).as("at most what was asked for").isEqualTo(4);
    assertThat(program.getevents(5, 5, -1)).as("nothing else is in flight").isEqualTo(2);
    assertThat(AioRing.nr(program.ctx())).isZero();
    assertThat(program.cancel(program.iocbs)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aPolledEventIsNotLostToABadArray() {
    setup(4, IOPOLL);
    Iocb.aioFlags(program.read(0, 0), AioAbi.IOCB_FLAG_HIPRI);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    disk.release(1, 0);
    assertThat(program.getevents(program.task, 1, 1, 0x1000, -1)).isEqualTo(-Errno.EFAULT);
    assertThat(program.getevents(1, 1, -1)).isEqualTo(1);
  }

  @Test
  void aRequestThatTheDeviceHasNoRoomForIsAgain() {
    setup(16, IOPOLL);
    for (int i = 0; i < 10; i++) {
      Iocb.aioFlags(program.read(i, 0), AioAbi.IOCB_FLAG_HIPRI);
    }
    assertThat(program.submit(0, 10)).isEqualTo(8);
    assertThat(program.submit(8, 10)).isEqualTo(-Errno.EAGAIN);
  }

  // What is refused.

  private interface Tweak {
    void tweak(long iocb);
  }

  private DynamicTest refused(String what, int flags, int errno, Tweak tweak) {
    return DynamicTest.dynamicTest(
        what,
        () -> {
          setup(4, flags);
          long iocb = program.read(0, 0);
          if ((flags & IOPOLL) != 0) {
            Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_HIPRI);
          }
          tweak.tweak(iocb);
          assertThat(program.submit(0, 1)).isEqualTo(-errno);
          assertThat(disk.heldCount()).isZero();
          assertThat(program.destroy()).isZero();
        });
  }

  @Patch({7, 11})
  @TestFactory
  Stream<DynamicTest> everyBadRequestHasItsErrno() {
    return Stream.of(
        refused("aio_reserved2 is not 0", 0, Errno.EINVAL, iocb -> Iocb.aioReserved2(iocb, 1)),
        refused("a negative count", 0, Errno.EINVAL, iocb -> Iocb.aioNbytes(iocb, -1)),
        refused("RESFD with a bad descriptor", 0, Errno.EBADF, iocb -> resfd(iocb, 99)),
        refused(
            "RESFD with a file that is no eventfd",
            0,
            Errno.EINVAL,
            iocb -> resfd(iocb, program.fd)),
        refused("a bad descriptor", 0, Errno.EBADF, iocb -> Iocb.aioFildes(iocb, 99)),
        refused(
            "a file that can't be read", 0, Errno.EBADF, iocb -> Iocb.aioFildes(iocb, writeOnly())),
        refused("a file that can't be written", 0, Errno.EBADF, this::writeToReadOnly),
        refused("an unknown opcode", 0, Errno.EINVAL, iocb -> Iocb.aioLioOpcode(iocb, (short) 99)),
        refused(
            "NOOP, which was never implemented",
            0,
            Errno.EINVAL,
            iocb -> Iocb.aioLioOpcode(iocb, (short) 6)),
        refused("unknown RWF bits", 0, Errno.EOPNOTSUPP, iocb -> Iocb.aioRwFlags(iocb, 1 << 10)),
        refused("an unknown priority class", 0, Errno.EINVAL, iocb -> priority(iocb, 5 << 13)),
        refused("an unknown priority level", 0, Errno.EINVAL, iocb -> priority(iocb, 1 << 13 | 8)),
        refused("a negative offset", 0, Errno.EINVAL, iocb -> Iocb.aioOffset(iocb, -512)),
        refused(
            "more than 1,024 iovecs",
            0,
            Errno.EINVAL,
            iocb -> vectors(iocb, 1025, program.buffers)),
        refused("a negative iovec", 0, Errno.EINVAL, this::negativeVector),
        refused("iovecs that are not there", 0, Errno.EFAULT, iocb -> vectors(iocb, 1, 0x1000)),
        refused(
            "HIPRI on an ordinary context",
            0,
            Errno.EINVAL,
            iocb -> Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_HIPRI)),
        refused("no HIPRI on a polled one", IOPOLL, Errno.EINVAL, iocb -> Iocb.aioFlags(iocb, 0)),
        refused("HIPRI with RESFD", IOPOLL, Errno.EINVAL, this::hipriWithResfd),
        refused(
            "HIPRI on a file that is not O_DIRECT",
            IOPOLL,
            Errno.EOPNOTSUPP,
            iocb -> Iocb.aioFildes(iocb, buffered())),
        refused(
            "FSYNC on a polled context",
            IOPOLL,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FSYNC)),
        refused(
            "POLL on a polled context",
            IOPOLL,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_POLL)),
        refused(
            "FSYNC with a buffer",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FSYNC, i -> Iocb.aioBuf(i, 1))),
        refused(
            "FDSYNC with an offset",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FDSYNC, i -> Iocb.aioOffset(i, 1))),
        refused(
            "FSYNC with a count",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FSYNC, i -> Iocb.aioNbytes(i, 1))),
        refused(
            "FSYNC with RWF flags",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FSYNC, i -> Iocb.aioRwFlags(i, 2))),
        refused(
            "FSYNC of a file that has none",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_FSYNC, i -> Iocb.aioFildes(i, program.eventfd(0)))),
        refused(
            "POLL with a mask beyond 16 bits",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_POLL, i -> Iocb.aioBuf(i, 1 << 16))),
        refused(
            "POLL with an offset",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_POLL, i -> Iocb.aioOffset(i, 1))),
        refused(
            "POLL with a count",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_POLL, i -> Iocb.aioNbytes(i, 1))),
        refused(
            "POLL of a file without poll",
            0,
            Errno.EINVAL,
            iocb -> bare(iocb, AioAbi.IOCB_CMD_POLL)));
  }

  private static void resfd(long iocb, int fd) {
    Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
    Iocb.aioResfd(iocb, fd);
  }

  private void hipriWithResfd(long iocb) {
    Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD | AioAbi.IOCB_FLAG_HIPRI);
    Iocb.aioResfd(iocb, program.eventfd(0));
  }

  private int writeOnly() {
    return program.open(Fcntl.O_WRONLY | Fcntl.O_DIRECT);
  }

  private int buffered() {
    return program.open(Fcntl.O_RDONLY);
  }

  private void writeToReadOnly(long iocb) {
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
    Iocb.aioFildes(iocb, program.open(Fcntl.O_RDONLY | Fcntl.O_DIRECT));
  }

  private static void priority(long iocb, int ioprio) {
    Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_IOPRIO);
    Iocb.aioReqprio(iocb, (short) ioprio);
  }

  private static void vectors(long iocb, long count, long address) {
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PREADV);
    Iocb.aioBuf(iocb, address);
    Iocb.aioNbytes(iocb, count);
  }

  private void negativeVector(long iocb) {
    Iovec.iovBase(program.buffers, program.buffers);
    Iovec.iovLen(program.buffers, -1);
    vectors(iocb, 1, program.buffers);
  }

  private static void bare(long iocb, int opcode) {
    bare(iocb, opcode, i -> {});
  }

  private static void bare(long iocb, int opcode, Tweak tweak) {
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioBuf(iocb, 0);
    Iocb.aioNbytes(iocb, 0);
    Iocb.aioOffset(iocb, 0);
    tweak.tweak(iocb);
  }

  @Test
  void aRealTimePriorityNeedsTheRightToIt() {
    setup(4, 0);
    priority(program.read(0, 0), 1 << 13 | 3);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    program.process.dropPrivileges();
    assertThat(program.submit(0, 1)).isEqualTo(-Errno.EPERM);
    priority(program.read(1, 0), 2 << 13 | 3);
    assertThat(program.submit(1, 2)).as("best effort needs no privilege").isEqualTo(1);
  }

  @Test
  @Tag("slow")
  void destroyAgainstSubmit() throws InterruptedException {
    for (int round = 0; round < 200; round++) {
      setup(16, (round & 1) == 0 ? 0 : IOPOLL);
      boolean polled = (round & 1) == 1;
      for (int i = 0; i < 4; i++) {
        Iocb.aioFlags(program.read(i, 1 << 20), polled ? AioAbi.IOCB_FLAG_HIPRI : 0);
        RawMemory.putLong(program.pointers + i * 8L, program.iocbs + i * Iocb.SIZE);
      }
      Task other = program.process.newTask();
      AtomicLong last = new AtomicLong();
      long ctx = program.ctx();
      Thread submitter =
          new Thread(
              () -> {
                do { // until the context is gone
                  last.set(
                      RingProgram.in(
                          other, () -> program.aio.ioSubmit(other, ctx, 4, program.pointers)));
                } while (last.get() != -Errno.EINVAL);
              });
      submitter.start();
      while (last.get() == 0) {
        Thread.onSpinWait();
        assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      }
      assertThat(program.destroy()).isZero();
      submitter.join();
      assertThat(last).hasValue(-Errno.EINVAL);
    }
  }

  @Test
  void theCallItself() {
    setup(4, 0);
    assertThat(program.submitArray(-1, program.pointers)).isEqualTo(-Errno.EINVAL);
    assertThat(program.submitArray(0, 0x1000)).as("nothing to look at").isZero();
    assertThat(program.submitArray(1, 0x1000))
        .as("an array that is not there")
        .isEqualTo(-Errno.EFAULT);
    RawMemory.putLong(program.pointers, 0x1000);
    assertThat(program.submitArray(1, program.pointers))
        .as("an iocb that is not there")
        .isEqualTo(-Errno.EFAULT);
    assertThat(
            RingProgram.in(
                program.task,
                () -> program.aio.ioSubmit(program.task, 0x1000, 1, program.pointers)))
        .as("a context that is not there")
        .isEqualTo(-Errno.EINVAL);
    assertThat(RingProgram.in(program.task, () -> program.aio.ioSubmit(program.task, 0x1000, 0, 0)))
        .isEqualTo(-Errno.EINVAL);
  }

  @Test
  void anIocbInReadOnlyMemoryHasNowhereForItsKey() {
    setup(4, 0);
    long readOnly = program.process.mm().mmap(4096, Mman.PROT_READ);
    RawMemory.copy(program.read(0, 0), readOnly, Iocb.SIZE);
    RawMemory.putLong(program.pointers, readOnly);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(-Errno.EFAULT);
  }

  @Patch({9, 18, 20})
  @Test
  void theFirstFailureStopsTheBatch() {
    setup(4, 0);
    program.read(0, 0);
    program.read(1, 0);
    Iocb.aioFildes(program.read(2, 0), 99);
    program.read(3, 0);
    assertThat(program.submit(0, 4)).isEqualTo(2);
    assertThat(program.submit(2, 4)).isEqualTo(-Errno.EBADF);
  }

  @Patch(7)
  @Test
  void moreThanTheRingHasIsCutAndThenAgain() {
    setup(1, 0);
    int slots = AioRing.nr(program.ctx());
    assertThat(slots)
        .isGreaterThanOrEqualTo(2 * Math.max(1, 4 * Runtime.getRuntime().availableProcessors()));
    int fd = program.eventfd(0);
    for (int i = 0; i < slots - 1; i++) { // polls that wait hold their slots
      program.prepare(0, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLIN, 0, 0);
      assertThat(program.submit(0, 1)).as("request %d of %d", i, slots).isEqualTo(1);
    }
    assertThat(program.submit(0, 1)).as("no slot").isEqualTo(-Errno.EAGAIN);
    assertThat(program.cancel(program.iocbs)).isEqualTo(-Errno.EINPROGRESS);
    assertThat(program.submit(0, 1)).as("its event is not taken yet").isEqualTo(-Errno.EAGAIN);
    assertThat(program.getevents(1, 1, -1)).isEqualTo(1);
    assertThat(program.submit(0, 1)).isEqualTo(1);
  }

  @Test
  void aProgramThatTakesEventsFromTheRingItselfFreesSlots() {
    setup(1, 0);
    int slots = AioRing.nr(program.ctx());
    for (int round = 0; round < 3 * slots; round++) {
      program.read(0, 1 << 20); // at the end of the device: done at once
      assertThat(program.submit(0, 1)).isEqualTo(1);
      int head = AioRing.head(program.ctx());
      assertThat(AioRing.tail(program.ctx())).isNotEqualTo(head);
      assertThat(IoEvent.res(AioRing.event(program.ctx(), head))).isZero();
      AioRing.head(program.ctx(), (head + 1) % slots);
    }
    assertThat(program.getevents(0, 1, 0)).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 20})
  void aScribbledRingDoesNoHarm(int wild) {
    setup(1, 0);
    AioRing.head(program.ctx(), wild);
    AioRing.tail(program.ctx(), wild);
    AioRing.nr(program.ctx(), wild);
    for (int i = 0; i < 100; i++) {
      program.read(0, 1 << 20);
      long result = program.submit(0, 1);
      assertThat(result).isIn(1L, (long) -Errno.EAGAIN);
      AioRing.head(program.ctx(), wild + i);
    }
    assertThat(program.getevents(0, 10, 0)).isBetween(0L, 10L);
  }

  @Test
  void theSystemWideLimitIsOneSum() {
    List<Integer> sizes = List.of(AioAbi.AIO_MAX_NR - 10, 10);
    for (int size : sizes) {
      setup(size, 0);
    }
    assertThat(program.setup(1, 0)).isEqualTo(-Errno.EAGAIN);
  }
}
