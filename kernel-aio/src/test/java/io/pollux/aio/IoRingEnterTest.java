// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** io_ring_enter on a device whose completions the test releases one by one. */
@Patch({15, 16, 18, 20, 26})
@Timeout(60)
class IoRingEnterTest {
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int ENTER = RingProgram.ENTER;
  private static final int TAGS = 6;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(TAGS);
  private final RingProgram program = new RingProgram(disk, 9);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int flags) {
    assertThat(program.setup(flags)).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS,
        RingProgram.RINGS | FIXED,
        RingProgram.POLLED,
        RingProgram.POLLED | FIXED
      })
  void readsWhatIsOnTheDisk(int flags) {
    setup(flags);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    for (int i = 0; i < 4; i++) {
      program.prepareRead(i * 8192L, 100 + i, polled);
    }
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(4);
    assertThat(disk.heldCount()).isEqualTo(4);
    assertThat(AioIocbRing.head(program.sq)).isEqualTo(4);
    disk.release(4, 0);
    assertThat(program.enter(0, 4, GETEVENTS)).isZero();
    assertThat(program.reap())
        .containsExactly(
            new AioEvent(100, 0, 4096, 0),
            new AioEvent(101, 1, 4096, 0),
            new AioEvent(102, 2, 4096, 0),
            new AioEvent(103, 3, 4096, 0));
    for (int i = 0; i < 4; i++) {
      assertThat(RawMemory.getLong(program.buffers + i * 4096L)).isEqualTo(i * 16L);
      assertThat(RawMemory.getLong(program.buffers + i * 4096L + 4088)).isEqualTo(i * 16L + 7);
    }
  }

  @Test
  void polledEventsComeOnlyByPolling() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    disk.release(1, 0);
    assertThat(program.reap()).isEmpty();
    assertThat(program.enter(0, 0, GETEVENTS)).as("min 0 still looks once").isZero();
    assertThat(program.reap()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void whatWasCompleteWhenSubmittedIsFoundWithoutPolling(int which) {
    setup(RingProgram.POLLED);
    for (int i = 0; i < 3; i++) {
      // at the end of the device: done at once, with 0 bytes
      program.prepareRead(i == which ? 1 << 20 : 0, i, true);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    disk.release(2, 0);
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).containsExactly(new AioEvent(which, which, 0, 0));
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void minZeroPollsTheDeviceAlsoWhenAnEventIsThere(int which) {
    setup(RingProgram.POLLED);
    for (int i = 0; i < 3; i++) {
      // at the end of the device: done at once, with 0 bytes
      program.prepareRead(i == which ? 1 << 20 : 0, i, true);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    disk.release(2, 0);
    assertThat(program.enter(0, 0, GETEVENTS)).isZero();
    assertThat(program.reap()).extracting(AioEvent::data).containsExactlyInAnyOrder(0L, 1L, 2L);
  }

  @Test
  void minZeroDoesNotSpin() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, ENTER)).isEqualTo(1);
    assertThat(program.reap()).isEmpty();
  }

  @Test
  void moreEventsThanAreInFlightAreNotWaitedFor() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    disk.release(1, 0);
    assertThat(program.enter(0, 100, GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(1);
    assertThat(program.enter(0, -1, GETEVENTS)).as("nothing is in flight").isZero();
  }

  @Test
  void completionsOutOfOrderComeAsTheyAre() {
    setup(RingProgram.RINGS);
    program.prepareRead(0, 1, false);
    program.prepareRead(1 << 20, 2, false); // at the end of the device: done at once, with 0 bytes
    assertThat(program.enter(2, 1, ENTER)).isEqualTo(2);
    assertThat(program.reap()).containsExactly(new AioEvent(2, 1, 0, 0));
    disk.release(1, -Errno.EIO);
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, -Errno.EIO, 0));
  }

  @Test
  void neitherFlagDoesNothing() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 1, 0)).isZero();
    assertThat(AioIocbRing.head(program.sq)).isZero();
    assertThat(program.enter(1, 0, 1 << 5)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void anEmptyRingSubmitsNothing() {
    setup(RingProgram.POLLED);
    assertThat(program.enter(5, 3, ENTER)).isZero();
  }

  /** What is wrong with one entry, and the errno of the submission. */
  private void refused(int flags, Tweak tweak, int errno) {
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    RawMemory.putLong(program.ctxp, 0);
    program.prepareRead(0, 1, polled); // FIXEDBUFS looks at it at setup
    program.retract();
    setup(flags);
    long iocb = program.changeableRead(0, 1, polled);
    tweak.tweak(iocb);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(-errno);
    assertThat(AioIocbRing.head(program.sq)).as("the entry is the program's still").isZero();
    program.retract();
    assertThat(disk.heldCount()).isZero();
    assertThat(program.destroy()).isZero();
  }

  private interface Tweak {
    void tweak(long iocb);
  }

  @Test
  void everyBadEntryIsRefusedWithItsErrno() {
    int rings = RingProgram.RINGS;
    int polled = RingProgram.POLLED;
    refused(rings, iocb -> Iocb.aioReserved2(iocb, 1), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioNbytes(iocb, -1), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioFildes(iocb, 77), Errno.EBADF);
    refused(rings, iocb -> Iocb.aioFildes(iocb, -1), Errno.EBADF);
    refused(rings, iocb -> Iocb.aioLioOpcode(iocb, (short) 6), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioLioOpcode(iocb, (short) -1), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioRwFlags(iocb, 1 << 20), Errno.EOPNOTSUPP);
    refused(rings, iocb -> Iocb.aioOffset(iocb, -4096), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioOffset(iocb, Long.MAX_VALUE - 100), Errno.EINVAL);
    refused(rings, iocb -> Iocb.aioBuf(iocb, -4096), Errno.EFAULT);
    refused(rings, iocb -> Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_HIPRI), Errno.EINVAL);
    refused(polled, iocb -> Iocb.aioFlags(iocb, 0), Errno.EINVAL);
    refused(polled, iocb -> Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_FSYNC), Errno.EINVAL);
    refused(rings, iocb -> resfd(iocb, 77), Errno.EBADF);
    refused(rings, iocb -> resfd(iocb, program.fd), Errno.EINVAL);
    refused(rings, iocb -> priority(iocb, 4 << 13), Errno.EINVAL);
    refused(rings, iocb -> priority(iocb, 2 << 13 | 8), Errno.EINVAL);
    refused(rings, iocb -> vectors(iocb, 1025, program.buffers), Errno.EINVAL);
    refused(rings, iocb -> vectors(iocb, 1, 0x1000), Errno.EFAULT);
    refused(polled | FIXED, iocb -> vectors(iocb, 1, program.buffers), Errno.EINVAL);
    refused(polled | FIXED, iocb -> Iocb.aioBuf(iocb, program.buffers + 4096), Errno.EFAULT);
    refused(polled | FIXED, iocb -> Iocb.aioBuf(iocb, program.buffers + 512), Errno.EFAULT);
    refused(polled | FIXED, iocb -> Iocb.aioNbytes(iocb, 8192), Errno.EFAULT);
    refused(polled | FIXED, iocb -> Iocb.aioBuf(iocb, Long.MIN_VALUE), Errno.EFAULT);
  }

  private static void resfd(long iocb, int fd) {
    Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
    Iocb.aioResfd(iocb, fd);
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

  @Test
  void whatTheFileSaysOfARequestIsItsEvent() {
    setup(RingProgram.RINGS);
    long readOnly = program.map(4096, Mman.PROT_READ);
    Iocb.aioBuf(program.changeableRead(0, 1, false), readOnly);
    Iocb.aioBuf(program.changeableRead(0, 2, false), program.buffers + 1);
    Iocb.aioOffset(program.changeableRead(0, 3, false), 100);
    Iocb.aioBuf(program.changeableRead(0, 4, false), 0x1000);
    assertThat(program.enter(4, 4, ENTER)).isEqualTo(4);
    assertThat(program.reap().stream().map(AioEvent::res))
        .containsExactly(
            (long) -Errno.EFAULT, (long) -Errno.EINVAL, (long) -Errno.EINVAL, (long) -Errno.EFAULT);
  }

  @Test
  void theFirstFailureStopsTheBatch() {
    setup(RingProgram.RINGS);
    program.prepareRead(0, 1, false);
    program.prepareRead(0, 2, false);
    program.prepareRead(77, 0, 3, false);
    program.prepareRead(0, 4, false);
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(2);
    assertThat(AioIocbRing.head(program.sq)).isEqualTo(2);
    assertThat(program.enter(4, 5, ENTER))
        .as("nothing accepted: min counts as 0")
        .isEqualTo(-Errno.EBADF);
  }

  @Test
  void vectoredReads() {
    setup(RingProgram.RINGS);
    long iov = program.map(4096, Mman.PROT_READ | Mman.PROT_WRITE);
    Iovec.iovBase(iov, program.buffers + 4096);
    Iovec.iovLen(iov, 512);
    Iovec.iovBase(iov + 16, program.buffers);
    Iovec.iovLen(iov + 16, 1024);
    vectors(program.changeableRead(0, 1, false), 2, iov);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    disk.release(1, 0);
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, 1536, 0));
    assertThat(RawMemory.getLong(program.buffers + 4096)).isZero();
    assertThat(RawMemory.getLong(program.buffers)).isEqualTo(1);
    assertThat(RawMemory.getLong(program.buffers + 512)).isEqualTo(2);
  }

  @Patch({2, 4})
  @Test
  void aDeviceWithoutARequestLeftAnswersAgainAndTheProgramReapsFirst() {
    setup(RingProgram.POLLED);
    for (int i = 0; i < 8; i++) {
      program.prepareRead(0, i, true);
    }
    assertThat(program.enter(8, 0, SUBMIT)).as("as many as there are tags").isEqualTo(TAGS);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(-Errno.EAGAIN);
    disk.release(3, 0);
    assertThat(program.enter(0, 3, GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(3);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
  }

  @Test
  void aPolledEventThatFindsTheRingFullStaysAndComesLater() {
    setup(RingProgram.POLLED);
    for (int round = 0; round < 3; round++) { // 15 requests; the CQ ring holds 8
      for (int i = 0; i < 5; i++) {
        program.prepareRead(0, round * 5 + i, true);
      }
      assertThat(program.enter(5, 0, SUBMIT)).isEqualTo(5);
      disk.release(5, 0);
      assertThat(program.enter(0, 5, GETEVENTS)).isZero();
    }
    List<AioEvent> events = new ArrayList<>(program.reap());
    assertThat(events).hasSize(8);
    assertThat(program.enter(0, 7, GETEVENTS)).isZero();
    events.addAll(program.reap());
    assertThat(events.stream().map(AioEvent::data))
        .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L, 13L, 14L);
  }

  @Test
  void anEventFromElsewhereThatFindsTheRingFullIsKeptAndTold() {
    setup(RingProgram.RINGS);
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < 5; i++) {
        program.prepareRead(0, round * 5 + i, false);
      }
      assertThat(program.enter(5, 0, SUBMIT)).isEqualTo(5);
      disk.release(5, 0);
    }
    assertThat(program.enter(0, 0, GETEVENTS)).as("once").isEqualTo(-Errno.EOVERFLOW);
    assertThat(program.enter(0, 0, GETEVENTS)).isZero();
    List<AioEvent> events = new ArrayList<>(program.reap(3));
    assertThat(program.enter(0, 0, GETEVENTS)).isZero();
    events.addAll(program.reap());
    assertThat(events.stream().map(AioEvent::data))
        .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
  }

  @ParameterizedTest
  @ValueSource(ints = {9, 10, -1, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void aWildTailMeansAnEmptyRingAndAWildHeadAFullOne(int wild) {
    setup(RingProgram.RINGS);
    program.prepareRead(0, 1, false);
    AioIocbRing.tail(program.sq, wild);
    assertThat(program.enter(1, 0, SUBMIT)).isZero();
    AioIocbRing.tail(program.sq, 1);
    AioIocbRing.head(program.sq, wild); // the kernel has its own
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    AioIoEventRing.head(program.cq, wild);
    AioIoEventRing.tail(program.cq, wild);
    disk.release(1, 0);
    assertThat(program.enter(0, 0, GETEVENTS)).isEqualTo(-Errno.EOVERFLOW);
    AioIoEventRing.head(program.cq, 0);
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void aSecondThreadInsideIsBusyAndAWaiterCanBeInterrupted() throws InterruptedException {
    setup(RingProgram.RINGS);
    program.prepareRead(0, 1, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter = new Thread(() -> result.set(program.enter(other, 0, 1, GETEVENTS)));
    waiter.start();
    while (waiter.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    assertThat(program.enter(0, 0, GETEVENTS)).isEqualTo(-Errno.EBUSY);
    other.sendSignal(10);
    waiter.join();
    assertThat(result).hasValue(-Errno.EINTR);
  }

  @Test
  void destroyEndsAWaiterAndWaitsForWhatIsInFlight() throws InterruptedException {
    setup(RingProgram.RINGS);
    program.prepareRead(0, 1, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter = new Thread(() -> result.set(program.enter(other, 0, 1, GETEVENTS)));
    waiter.start();
    while (waiter.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    Task third = program.process.newTask();
    AtomicLong destroyed = new AtomicLong(1);
    Thread destroyer =
        new Thread(
            () ->
                destroyed.set(
                    RingProgram.in(third, () -> program.aio.ioDestroy(third, program.ctx()))));
    destroyer.start();
    waiter.join();
    assertThat(result).hasValue(-Errno.EINVAL);
    assertThat(destroyed).as("the device still has a request").hasValue(1);
    disk.release(1, 0);
    destroyer.join();
    assertThat(destroyed).hasValue(0);
  }

  @Test
  void exitWithPolledWorkInFlightPollsItToTheEnd() {
    setup(RingProgram.POLLED | FIXED);
    for (int i = 0; i < 5; i++) {
      program.prepareRead(0, i, true);
    }
    assertThat(program.enter(5, 0, SUBMIT)).isEqualTo(5);
    disk.release(5, 0);
    // close() of the fixture exits and looks whether anything is left
  }

  @Test
  void fileAndBuffersMayGoWhileARequestIsInFlight() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(FilesStruct.of(program.process).close(program.fd)).isZero();
    assertThat(program.process.mm().munmap(program.buffers, 9 * 4096)).isZero();
    disk.release(1, 0);
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));
  }
}
