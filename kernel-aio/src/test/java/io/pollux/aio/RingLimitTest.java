// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.Patience;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Pipe;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a program can make a context keep: events that it does not take, requests, and works for the
 * workers.
 */
@Patch(26)
@Timeout(60)
class RingLimitTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int RINGS = RingProgram.RINGS;
  private static final int DISK = 1 << 20;
  private static final int NR = 9;
  // what the CQ ring holds, and as many kept events as it has places
  private static final int MOST = NR - 1 + NR;
  private static final int BAD_FD = 99;

  private final FakeFile disk = FakeFile.held(DISK).tags(6);
  private RingProgram program = new RingProgram(disk, NR);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int flags) {
    assertThat(program.setup(flags)).isZero();
  }

  /** Reads behind the end of the device complete at once, with 0 bytes. */
  private void prepare(int count, boolean polled) {
    for (int i = 0; i < count; i++) {
      program.prepareRead(DISK, i, polled);
    }
  }

  /** Submits until nothing more is accepted and takes no event. Returns how many were accepted. */
  private int fill(int most) {
    int accepted = 0;
    while (accepted < most) {
      long result = program.enter(program.nr - 1, 0, SUBMIT);
      if (result == -Errno.EOVERFLOW) {
        continue;
      }
      if (result < 0) {
        assertThat(result).isEqualTo(-Errno.EAGAIN);
        return accepted;
      }
      accepted += (int) result;
      prepare((int) result, false);
    }
    return accepted;
  }

  /** Takes events, and makes the call that brings more, until there were so many. */
  private List<AioEvent> drain(int count) {
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < count) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      events.addAll(program.reap());
      program.enter(0, 0, GETEVENTS);
    }
    return events;
  }

  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | SQWQ})
  void submissionsAreEagainWhileAsManyEventsAreKeptAsTheRingHasPlaces(int flags)
      throws InterruptedException {
    setup(flags);
    prepare(NR - 1, false);
    int accepted = fill(10_000);
    if ((flags & SQWQ) == 0) { // else some of them are with the workers when the limit is reached
      assertThat(accepted).isEqualTo(MOST);
    }
    assertThat(accepted).isBetween(MOST, MOST + AioAbi.AIO_MAX_NR);
    drain(accepted);
    assertThat(program.enter(NR - 1, 0, SUBMIT))
        .as("the entries are the program's still")
        .isEqualTo(NR - 1);
    assertThat(drain(NR - 1)).extracting(AioEvent::res).containsOnly(0L);
  }

  @Test
  void aBatchStopsAtTheEntryThatFindsNoRoom() {
    setup(RINGS);
    for (int batch : new int[] {NR - 1, NR - 1}) {
      prepare(batch, false);
      assertThat(program.enter(batch, 0, SUBMIT)).isEqualTo(batch);
    }
    prepare(4, false);
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(-Errno.EOVERFLOW);
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(1);
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(-Errno.EOVERFLOW);
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(-Errno.EAGAIN);
    assertThat(program.reap(2)).hasSize(2);
    assertThat(program.enter(3, 0, SUBMIT))
        .as("room for two: the call moves kept events first")
        .isEqualTo(2);
  }

  @Test
  void twoMillionReadsThatAreNeverReaped() {
    program.close();
    program = new RingProgram(FakeFile.held(DISK).tags(6), 1024);
    setup(RINGS);
    prepare(1023, false);
    assertThat(fill(2_000_000)).isEqualTo(1023 + 1024);
  }

  /** What is in flight when the limit is reached completes, and its events are kept too. */
  @Test
  void requestsInFlightAreKeptBesides() {
    setup(RINGS);
    for (int i = 0; i < 6; i++) {
      program.prepareRead(0, 100 + i, false);
    }
    assertThat(program.enter(6, 0, SUBMIT)).isEqualTo(6);
    prepare(NR - 1, false);
    assertThat(fill(1000)).isEqualTo(MOST);
    disk.release(6, 0);
    assertThat(drain(MOST + 6).stream().filter(event -> event.data() >= 100)).hasSize(6);
  }

  /**
   * Waits until the submission thread sleeps, or naps until there is room. It yields the processor
   * without a blocker in its first second without work.
   */
  private static void awaitThreadSleeps() throws InterruptedException {
    Thread thread =
        Thread.getAllStackTraces().keySet().stream()
            .filter(each -> each.getName().equals("aio-sq"))
            .findAny()
            .orElseThrow();
    for (int seen = 0; seen < 20; ) {
      Thread.sleep(1); // the timeout bounds the loop
      seen = LockSupport.getBlocker(thread) instanceof SqThread ? seen + 1 : seen;
    }
  }

  private int head() {
    return AioIocbRing.head(program.sq);
  }

  /**
   * Fills the SQ ring of a thread again and again, until the thread takes no more. Returns how many
   * it took.
   */
  private int fillThread(boolean bad, boolean polled, boolean calls) throws InterruptedException {
    int taken = 0;
    int unchanged = 0;
    int before = 0;
    int waiting = 0;
    // a starved thread takes none for longer
    while (unchanged < (taken < MOST ? Patience.SECONDS * 1000 : 200)) {
      while (waiting < NR - 1) {
        program.prepareRead(bad ? BAD_FD : program.fd, DISK, 1, polled);
        waiting++;
      }
      if (calls) {
        program.enter(NR - 1, 0, SUBMIT);
      }
      Thread.sleep(1);
      int now = head();
      int more = (now - before + NR) % NR;
      before = now;
      taken += more;
      waiting -= more;
      unchanged = more == 0 ? unchanged + 1 : 0;
      assertThat(taken).as("there is no end to it").isLessThan(5 * AioAbi.AIO_MAX_NR);
    }
    return taken;
  }

  @ParameterizedTest
  @CsvSource({
    "16, true, false",
    "16, false, false",
    "64, true, false",
    "64, false, false",
    "64, false, true",
    "16, false, true"
  })
  void aThreadStopsAtTheLimitAndGoesOnWhenThereIsRoom(int flag, boolean bad, boolean workers)
      throws InterruptedException {
    setup(RINGS | flag | (workers ? SQWQ : 0));
    boolean calls = flag == SQTHREAD;
    int taken = fillThread(bad, false, calls);
    assertThat(taken).isGreaterThanOrEqualTo(MOST);
    if (!workers) {
      assertThat(taken).isEqualTo(MOST);
    }
    awaitThreadSleeps();

    List<AioEvent> events = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (events.size() < taken + NR - 1 && System.nanoTime() < end) {
      events.addAll(program.reap());
      if (calls) {
        program.enter(0, 0, GETEVENTS); // submits nothing, and makes room
      }
    }
    assertThat(events)
        .hasSize(taken + NR - 1)
        .allMatch(event -> event.res() == (bad ? -Errno.EBADF : 0));
  }

  /**
   * EAGAIN of a full context is repeated, that of a file is an event, also if the thread met the
   * other before.
   */
  @ParameterizedTest
  @ValueSource(ints = {SQTHREAD, SQPOLL})
  void aFileThatIsAgainIsAnEventAfterTheContextWasFull(int flag) throws InterruptedException {
    setup(RINGS | flag);
    int taken = fillThread(false, false, flag == SQTHREAD);
    FakeFile unwatched = FakeFile.immediate(0).withPoll().onPreparePoll(() -> -Errno.EAGAIN);
    int fd = program.open(unwatched);
    List<AioEvent> events = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    boolean prepared = false;
    while (events.size() < taken + NR && System.nanoTime() < end) {
      if (!prepared && events.size() == taken + NR - 1) { // the thread has taken all entries
        prepared = true;
        program.preparePoll(fd, 99, 1);
      }
      program.enter(1, 0, SUBMIT | GETEVENTS);
      events.addAll(program.reap());
    }
    assertThat(events.getLast())
        .extracting(AioEvent::data, AioEvent::res)
        .containsExactly(99L, (long) -Errno.EAGAIN);
  }

  /** On a polled context events that find no room stay in the list, as requests do. */
  @ParameterizedTest
  @ValueSource(ints = {SQTHREAD, SQPOLL})
  @Tag("slow")
  void aPolledThreadThatHasNoRoomLeavesTheProcessor(int flag) throws InterruptedException {
    setup(RingProgram.POLLED | flag);
    boolean calls = flag == SQTHREAD;
    for (int i = 0; i < NR - 1; i++) {
      program.prepareRead(DISK, i, true);
    }
    program.enter(NR - 1, NR - 1, SUBMIT | GETEVENTS);
    while (head() != NR - 1) {
      Thread.sleep(1);
    }
    for (int i = 0; i < 8; i++) { // the CQ ring is full; six of these take all tags
      program.prepareRead(i == 0 ? DISK : 0, 100 + i, true);
    }
    program.enter(8, 0, SUBMIT);
    while (disk.heldCount() != 6) {
      Thread.sleep(1);
    }
    disk.release(6, 0);
    awaitThreadSleeps();

    List<AioEvent> events = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (events.size() < NR - 1 + 8 && System.nanoTime() < end) {
      events.addAll(program.reap());
      disk.releaseAll();
      if (calls) {
        program.enter(0, 0, GETEVENTS);
      }
    }
    assertThat(events).hasSize(NR - 1 + 8).noneMatch(event -> event.res() < 0);
  }

  @Test
  void worksForTheWorkersAreCounted() throws ErrnoException {
    program.close();
    program = new RingProgram(FakeFile.held(DISK).tags(6), 1024);
    setup(RINGS | SQWQ);
    Pipe.Ends ends = Pipe.create(program.files, 0);
    int read = program.install(ends.read());
    int write = program.install(ends.write());
    long accepted = 0;
    long result = 0;
    while (result >= 0 && accepted <= 2 * AioAbi.AIO_MAX_NR) {
      accepted += result;
      for (int i = 0; i < (accepted == 0 ? 1023 : result); i++) {
        program.prepareRead(read, 0, 0, false);
      }
      result = program.enter(1023, 0, SUBMIT);
    }
    assertThat(result).isEqualTo(-Errno.EAGAIN);
    assertThat(accepted).isBetween(8 * 1024L, 16 * 1024L);
    assertThat(FilesStruct.of(program.process).close(program.task, write)).isZero();
    assertThat(drain((int) accepted))
        .extracting(AioEvent::res)
        .as("the end of the pipe, and no limit")
        .containsOnly(0L);
  }

  /**
   * Sixteen for each entry. Requests are counted in groups of eight, so that the last ones may be
   * refused early.
   */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | SQWQ, RingProgram.POLLED})
  void aSmallContextHoldsFewRequests(int flags) {
    setup(flags);
    boolean polled = flags == RingProgram.POLLED;
    int fd = program.open(FakeFile.immediate(DISK).withPoll());
    int accepted = 0;
    long result = 0;
    while (result >= 0 && accepted <= AioAbi.AIO_MAX_NR) {
      accepted += (int) result;
      for (int i = 0; i < (accepted == 0 ? NR - 1 : result); i++) {
        long iocb = program.changeableRead(0, 0, polled);
        Iocb.aioFildes(iocb, fd);
        if (!polled) {
          Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
          Iocb.aioBuf(iocb, 1);
          Iocb.aioNbytes(iocb, 0);
        }
      }
      result = program.enter(NR - 1, 0, SUBMIT);
    }
    assertThat(result).isEqualTo(-Errno.EAGAIN);
    assertThat(accepted).isBetween(15 * NR - 8, 16 * NR);
  }
}
