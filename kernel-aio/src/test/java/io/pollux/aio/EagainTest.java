// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The meanings of EAGAIN: no tag, would block, and what a driver returns. */
@Patch(26)
@Timeout(60)
class EagainTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int SQWQ = RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ;
  private static final int SQWQ_THREAD = SQWQ | AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int TAGS = 6;
  private static final int DISK = 8 << 20;

  private final FakeFile disk = FakeFile.held(DISK).tags(TAGS);
  private final RingProgram program = new RingProgram(disk, 17);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int flags) {
    assertThat(program.setup(flags)).isZero();
  }

  private void awaitHeld(int count) throws InterruptedException {
    while (disk.heldCount() != count) {
      Thread.sleep(1);
    }
  }

  private List<AioEvent> events(int count) {
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < count) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      program.enter(0, 1, GETEVENTS);
      events.addAll(program.reap());
    }
    return events;
  }

  @ParameterizedTest
  @ValueSource(ints = {SQWQ, SQWQ_THREAD})
  void aReadThatFoundNoTagIsRepeatedByAWorker(int flags) throws InterruptedException {
    setup(flags);
    for (int i = 0; i < TAGS + 2; i++) {
      program.prepareRead(i * 4096L, i, false);
    }
    assertThat(program.enter(TAGS + 2, 0, SUBMIT)).isEqualTo(TAGS + 2);
    awaitHeld(TAGS);
    assertThat(program.reap()).isEmpty();
    disk.release(TAGS, 0);
    awaitHeld(2);
    disk.release(2, 0);
    assertThat(events(TAGS + 2)).extracting(AioEvent::res).containsOnly(4096L);
    for (int i = 0; i < TAGS + 2; i++) {
      assertThat(RawMemory.getLong(program.buffers + i * 4096L)).isEqualTo(i * 8L);
    }
  }

  /** The first bio gets a tag and the second none: the attempt fails after the first completes. */
  @Test
  void aReadThatFoundNoTagHalfWayIsRepeatedByAWorker() throws InterruptedException {
    setup(SQWQ);
    int bytes = 4 << 20;
    long buffer = program.map(bytes, Mman.PROT_READ | Mman.PROT_WRITE);
    for (int i = 0; i < TAGS - 1; i++) {
      program.prepareRead(0, i, false);
    }
    long iocb = program.changeableRead(0, 9, false);
    Iocb.aioBuf(iocb, buffer);
    Iocb.aioNbytes(iocb, bytes);
    assertThat(program.enter(TAGS, 0, SUBMIT)).isEqualTo(TAGS);
    awaitHeld(TAGS);
    disk.release(TAGS, 0);
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < TAGS) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      disk.releaseAll();
      program.enter(0, 0, GETEVENTS);
      events.addAll(program.reap());
      Thread.sleep(1);
    }
    assertThat(events)
        .contains(new AioEvent(9, TAGS - 1, bytes, 0))
        .noneMatch(event -> event.res() == -Errno.EAGAIN);
    assertThat(RawMemory.getLong(buffer + bytes - 8)).isEqualTo(bytes / 512 - 1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void fileAndDescriptorMayGoBeforeTheReadIsRepeated(boolean direct) throws InterruptedException {
    setup(SQWQ);
    int fd = program.open(direct ? Fcntl.O_RDONLY | Fcntl.O_DIRECT : Fcntl.O_RDONLY);
    if (direct) {
      for (int i = 0; i < TAGS; i++) {
        program.prepareRead(0, i, false);
      }
      assertThat(program.enter(TAGS, 0, SUBMIT)).isEqualTo(TAGS);
    }
    program.prepareRead(fd, 8192, 9, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(FilesStruct.of(program.process).close(program.task, fd)).isZero();
    awaitHeld(direct ? TAGS : 1);
    disk.releaseAll();
    if (direct) {
      awaitHeld(1);
      disk.release(1, 0);
    }
    assertThat(events(direct ? TAGS + 1 : 1)).extracting(AioEvent::res).containsOnly(4096L);
  }

  /**
   * The first page is cached and the last is not: a read without blocking returns a short count.
   */
  @Test
  void aReadThatIsShortOnlyBecauseItMustNotBlockIsRepeatedByAWorker() throws InterruptedException {
    cacheThePages();
    setup(SQWQ);
    int bytes = 4 << 20;
    long buffer = program.map(bytes, Mman.PROT_READ | Mman.PROT_WRITE);
    long iocb = program.changeableRead(0, 1, false);
    Iocb.aioFildes(iocb, program.open(Fcntl.O_RDONLY));
    Iocb.aioBuf(iocb, buffer);
    Iocb.aioNbytes(iocb, bytes);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    List<AioEvent> events = new ArrayList<>();
    while (events.isEmpty()) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      disk.releaseAll();
      program.enter(0, 0, GETEVENTS);
      events.addAll(program.reap());
      Thread.sleep(1);
    }
    assertThat(events).containsExactly(new AioEvent(1, 0, bytes, 0));
    assertThat(RawMemory.getLong(buffer + bytes - 8)).isEqualTo(bytes / 512 - 1);
  }

  /** At the end of the device a blocking retry would return no more. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aReadAtTheEndIsShort(boolean direct) {
    setup(SQWQ);
    long iocb = program.changeableRead(DISK, 1, false);
    if (!direct) {
      Iocb.aioFildes(iocb, program.open(Fcntl.O_RDONLY));
    }
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(events(1)).containsExactly(new AioEvent(1, 0, 0, 0));
  }

  @Test
  void aProgramThatAsksNotToWaitIsTold() {
    setup(SQWQ);
    for (int i = 0; i < TAGS + 1; i++) {
      Iocb.aioRwFlags(program.changeableRead(0, i, false), i == TAGS ? AioAbi.RWF_NOWAIT : 0);
    }
    assertThat(program.enter(TAGS + 1, 0, SUBMIT)).isEqualTo(TAGS + 1);
    assertThat(events(1)).containsExactly(new AioEvent(TAGS, TAGS, -Errno.EAGAIN, 0));
    assertThat(disk.heldCount()).isEqualTo(TAGS);
  }

  @Test
  void whatADriverReturnsToAWorkerIsTheResult() throws InterruptedException {
    setup(SQWQ);
    program.prepareRead(0, 1, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    disk.release(1, -Errno.EAGAIN); // to the attempt
    awaitHeld(1);
    disk.release(1, -Errno.EAGAIN);
    assertThat(events(1)).containsExactly(new AioEvent(1, 0, -Errno.EAGAIN, 0));
  }

  private long readPage(Task caller, int fd) {
    File file = FilesStruct.of(caller).fget(fd);
    assertThat(file).isNotNull();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = 0;
    assertThat(caller.iovecIter().importSingleRange(caller.mm(), true, program.buffers, 4096))
        .isZero();
    long result = file.op().readIter(caller, iocb, caller.iovecIter());
    iocb.kiFilp = null;
    file.fput(caller);
    return result;
  }

  private void cacheThePages() throws InterruptedException {
    int fd = program.open(Fcntl.O_RDONLY);
    Task other = program.process.newTask();
    Thread reader = new Thread(() -> RingProgram.in(other, () -> readPage(other, fd)));
    reader.start();
    awaitHeld(1);
    disk.release(1, 0);
    reader.join();
  }

  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCTX_FLAG_SQTHREAD, AioAbi.IOCTX_FLAG_SQPOLL})
  void anEntryThatIsEagainForGoodBecomesAnEvent(int flag) throws InterruptedException {
    cacheThePages();
    setup(RingProgram.POLLED | flag);
    program.prepareRead(1 << 20, 1, true);
    program.prepareRead(program.fd, 0, 2, true, iocb -> Iocb.aioRwFlags(iocb, AioAbi.RWF_NOWAIT));
    program.prepareRead(1 << 20, 3, true);
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    awaitHeld(2);
    disk.release(2, 0);
    assertThat(events(3))
        .containsExactlyInAnyOrder(
            new AioEvent(1, 0, 4096, 0),
            new AioEvent(2, 1, -Errno.EAGAIN, 0),
            new AioEvent(3, 2, 4096, 0));
    assertThat(AioIocbRing.head(program.sq)).isEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCTX_FLAG_SQTHREAD, AioAbi.IOCTX_FLAG_SQPOLL})
  void anEntryThatFoundNoTagWaitsForOne(int flag) throws InterruptedException {
    setup(RingProgram.POLLED | flag);
    for (int i = 0; i < TAGS + 2; i++) {
      int rwFlags = i % 2 == 0 ? AioAbi.RWF_NOWAIT : 0;
      program.prepareRead(program.fd, 0, i, true, iocb -> Iocb.aioRwFlags(iocb, rwFlags));
    }
    assertThat(program.enter(TAGS + 2, 0, SUBMIT)).isEqualTo(TAGS + 2);
    awaitHeld(TAGS);
    disk.release(TAGS, 0);
    awaitHeld(2);
    disk.release(2, 0);
    assertThat(events(TAGS + 2)).extracting(AioEvent::res).containsOnly(4096L);
  }

  /** The caller has an errno for it, and no need of an event. */
  @Test
  void theCallerOfAPolledContextIsTold() throws InterruptedException {
    cacheThePages();
    setup(RingProgram.POLLED);
    Iocb.aioRwFlags(program.changeableRead(0, 1, true), AioAbi.RWF_NOWAIT);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(-Errno.EAGAIN);
    assertThat(AioIocbRing.head(program.sq)).isZero();
  }
}
