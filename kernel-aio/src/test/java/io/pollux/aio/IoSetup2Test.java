// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * io_setup2 and io_destroy: what they refuse, in the order of the spec, and that a refusal leaves
 * no trace.
 */
@Patch({13, 24, 26})
class IoSetup2Test {
  private final FakeFile ram = FakeFile.immediate(1 << 20);
  private final RingProgram program = new RingProgram(ram, 7);

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private long setup2(int nr, int flags, long sq, long cq, long ctxp) {
    return RingProgram.in(
        program.task, () -> program.aio.ioSetup2(program.task, nr, flags, 0, sq, cq, ctxp));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {RingProgram.RINGS, RingProgram.POLLED, RingProgram.RINGS | 4, RingProgram.POLLED | 4})
  void everyCombinationOfRingsWorksAndEnds(int flags) {
    RawMemory.putInt(program.sq, 99);
    assertThat(program.setup(flags)).isZero();
    assertThat(AioIocbRing.nrEvents(program.sq)).isEqualTo(7);
    assertThat(AioIocbRing.head(program.sq)).isZero();
    assertThat(AioIoEventRing.nrEvents(program.cq)).isEqualTo(7);
    assertThat(AioRing.magic(program.ctx())).isEqualTo(AioAbi.AIO_RING_MAGIC);
    assertThat(AioRing.nr(program.ctx())).as("no slots for events that go elsewhere").isZero();
    assertThat(program.process.mm().pinnedPages()).isPositive();
    assertThat(program.aio.aioNr()).isEqualTo(7);
    assertThat(program.destroy()).isZero();
    assertThat(program.process.mm().pinnedPages()).isZero();
    assertThat(program.destroy()).as("a second destroy").isEqualTo(-Errno.EINVAL);
  }

  @Test
  void refusesUnknownFlagsBeforeItLooksAtThePointer() {
    assertThat(setup2(7, 1 << 12, program.sq, program.cq, 8)).isEqualTo(-Errno.EINVAL);
    assertThat(setup2(7, RingProgram.RINGS, program.sq, program.cq, 8)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void refusesAUsedIdAndNoEvents() {
    RawMemory.putLong(program.ctxp, 1);
    assertThat(program.setup(RingProgram.RINGS)).isEqualTo(-Errno.EINVAL);
    RawMemory.putLong(program.ctxp, 0);
    assertThat(setup2(0, RingProgram.RINGS, program.sq, program.cq, program.ctxp))
        .isEqualTo(-Errno.EINVAL);
  }

  @ParameterizedTest
  @ValueSource(ints = {0x0400_0001, 0x7fff_ffff, -1, 0x8000_0000})
  void refusesMoreThanCanBe(int nr) {
    assertThat(setup2(nr, RingProgram.RINGS, program.sq, program.cq, program.ctxp))
        .isEqualTo(-Errno.EINVAL);
  }

  @Test
  void refusesMoreThanTheSystemHas() {
    assertThat(
            setup2(AioAbi.AIO_MAX_NR + 1, RingProgram.RINGS, program.sq, program.cq, program.ctxp))
        .isEqualTo(-Errno.EAGAIN);
    long sq =
        program.map(AioIocbRing.bytes(AioAbi.AIO_MAX_NR - 3), Mman.PROT_READ | Mman.PROT_WRITE);
    long cq =
        program.map(AioIoEventRing.bytes(AioAbi.AIO_MAX_NR - 3), Mman.PROT_READ | Mman.PROT_WRITE);
    assertThat(setup2(AioAbi.AIO_MAX_NR - 3, RingProgram.RINGS, sq, cq, program.ctxp + 8)).isZero();
    assertThat(program.setup(RingProgram.RINGS))
        .as("7 more than are left")
        .isEqualTo(-Errno.EAGAIN);
  }

  @Test
  void refusesFlagsThatDoNotGoTogether() {
    for (int flags :
        new int[] {RingProgram.RINGS | AioAbi.IOCTX_FLAG_USERIOCB, AioAbi.IOCTX_FLAG_FIXEDBUFS}) {
      assertThat(setup2(7, flags, program.sq, program.cq, program.ctxp)).isEqualTo(-Errno.EINVAL);
    }
  }

  @Test
  void refusesRingsThatAreNotAlignedOrNotMappedForWriting() {
    long readOnly = program.map(1 << 16, Mman.PROT_READ);
    assertThat(setup2(7, RingProgram.RINGS, program.sq + 8, program.cq, program.ctxp))
        .isEqualTo(-Errno.EINVAL);
    assertThat(setup2(7, RingProgram.RINGS, program.sq, program.cq + 64, program.ctxp))
        .isEqualTo(-Errno.EINVAL);
    for (long bad : new long[] {0, 0x1000, -4096, Long.MIN_VALUE, 0x7fff_ffff_f000L, readOnly}) {
      assertThat(setup2(7, RingProgram.RINGS, bad, program.cq, program.ctxp))
          .isEqualTo(-Errno.ENOMEM);
      assertThat(setup2(7, RingProgram.RINGS, program.sq, bad, program.ctxp))
          .isEqualTo(-Errno.ENOMEM);
    }
    assertThat(program.process.mm().pinnedPages()).as("an error leaves no trace").isZero();
    assertThat(program.aio.aioNr()).isZero();
  }

  @Test
  void refusesAnIdThatCanNotBeStored() {
    long readOnly = program.map(4096, Mman.PROT_READ);
    assertThat(setup2(7, RingProgram.RINGS, program.sq, program.cq, readOnly))
        .isEqualTo(-Errno.EFAULT);
    assertThat(program.process.mm().pinnedPages()).isZero();
  }

  @Test
  void refusesFixedBuffersThatAreNone() {
    long readOnly = program.map(4096, Mman.PROT_READ);
    long last = AioIocbRing.iocb(program.sq, 6);
    for (long bad : new long[] {0, 8, readOnly, -1, Long.MAX_VALUE - 100}) {
      Iocb.aioBuf(last, bad);
      assertThat(program.setup(RingProgram.POLLED | 4)).isEqualTo(-Errno.EFAULT);
    }
    Iocb.aioBuf(last, program.buffers);
    for (long bad : new long[] {AioAbi.AIO_FIXED_BUF_MAX + 1, -1, Long.MIN_VALUE}) {
      Iocb.aioNbytes(last, bad);
      assertThat(program.setup(RingProgram.POLLED | 4)).isEqualTo(-Errno.EFAULT);
    }
    assertThat(program.process.mm().pinnedPages()).isZero();
    assertThat(program.process.mm().lockedPages()).isZero();
  }

  @Test
  void fixedBuffersStayUnderTheLimitOfLockedMemory() {
    program.process.setMemlockLimit(6 * 4096);
    assertThat(program.setup(RingProgram.POLLED | 4)).isEqualTo(-Errno.ENOMEM);
    program.process.setMemlockLimit(7 * 4096);
    assertThat(program.setup(RingProgram.POLLED | 4)).isZero();
    assertThat(program.process.mm().lockedPages()).isEqualTo(7);
  }

  /** The id is stored when the context is in the table, so that a thread can use what it reads. */
  @Timeout(60)
  @Test
  void aThreadThatReadsTheIdFindsTheContext() throws InterruptedException {
    for (int round = 0; round < 300; round++) {
      Task other = program.process.newTask();
      RawMemory.putLong(program.ctxp, 0);
      AtomicLong destroyed = new AtomicLong(1);
      Thread thread =
          new Thread(
              () -> {
                // the id's low half; an id is a page's address
                while (RawMemory.getIntAcquire(program.ctxp) == 0) {
                  Thread.onSpinWait();
                }
                destroyed.set(
                    RingProgram.in(other, () -> program.aio.ioDestroy(other, program.ctx())));
              });
      thread.setDaemon(true);
      thread.start();
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      thread.join();
      assertThat(destroyed).hasValue(0);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, Long.MIN_VALUE, 0x7fff_ffff_f000L})
  void anUnknownContextIsInvalid(long id) {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    assertThat(RingProgram.in(program.task, () -> program.aio.ioDestroy(program.task, id)))
        .isEqualTo(-Errno.EINVAL);
    assertThat(
            RingProgram.in(program.task, () -> program.aio.ioRingEnter(program.task, id, 0, 0, 0)))
        .isEqualTo(-Errno.EINVAL);
  }

  @Test
  void theIdIsCheckedNotBelieved() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    long forged = program.map(4096, Mman.PROT_READ | Mman.PROT_WRITE); // claims to be context 0
    assertThat(RingProgram.in(program.task, () -> program.aio.ioDestroy(program.task, forged)))
        .isEqualTo(-Errno.EINVAL);
    for (int id : new int[] {1, -1, Integer.MIN_VALUE, 1000}) {
      AioRing.id(program.ctx(), id);
      assertThat(program.destroy()).isEqualTo(-Errno.EINVAL);
    }
    AioRing.id(program.ctx(), 0);
    assertThat(program.destroy()).isZero();
  }

  @Test
  void aProgramMayUnmapWhatTheContextHasPinned() {
    assertThat(program.setup(RingProgram.POLLED | 4)).isZero();
    long id = program.ctx();
    assertThat(program.process.mm().munmap(program.sq, AioIocbRing.bytes(7))).isZero();
    assertThat(program.process.mm().munmap(id, 4096)).isZero();
    assertThat(program.process.mm().munmap(program.buffers, 7 * 4096)).isZero();
    assertThat(program.destroy()).as("its id is not mapped any more").isEqualTo(-Errno.EINVAL);
  }
}
