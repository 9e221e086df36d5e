// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.Oops;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file's method that throws where no caller could catch it: in the submission thread, a worker, a
 * wake-up.
 */
@Patch(26)
@Timeout(60)
class OopsTest {
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;

  private final RamDisk ram = new RamDisk(1 << 20);
  private final RingProgram program = new RingProgram(ram.disk("ram0", 1, false), 9);
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
    ram.close();
    Oops.setSink(null);
  }

  /** Throws whatever is asked of it, except when it is opened and closed. */
  private static class Throws implements FileOperations {
    final WaitQueue queue = new WaitQueue();
    volatile boolean ready;

    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      throw new AssertionError("broken");
    }

    @Override
    public boolean hasIopoll() {
      return true;
    }

    @Override
    public boolean hasFsync() {
      return true;
    }

    @Override
    public int fsync(Task current, File file, boolean datasync) {
      throw new AssertionError("broken");
    }

    @Override
    public boolean hasPoll() {
      return true;
    }

    @Override
    public int poll(File file, @Nullable PollTable table) {
      if (ready) {
        throw new AssertionError("broken");
      }
      if (table != null) {
        table.pollWait(queue);
      }
      return 0;
    }
  }

  private int open(FileOperations ops) {
    return FilesStruct.of(program.process).install(TestInode.open(program.files, ops));
  }

  private List<RingProgram.Event> events(int count) {
    List<RingProgram.Event> events = new ArrayList<>();
    while (events.size() < count) {
      assertThat(program.enter(0, 1, GETEVENTS)).isZero();
      events.addAll(program.reap());
    }
    return events;
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.POLLED | SQPOLL,
        RingProgram.RINGS | SQWQ,
        RingProgram.RINGS | SQTHREAD | SQWQ
      })
  void anEntryWhoseFileThrowsIsAnEventAndTheOthersAreDone(int flags) {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    int fd = open(new Throws());
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 5; i++) {
        long iocb = program.prepareRead(i * 4096L, i, polled);
        if (i % 2 == 1) {
          Iocb.aioFildes(iocb, fd);
        }
      }
      assertThat(program.enter(5, 0, SUBMIT)).isEqualTo(5);
      for (RingProgram.Event event : events(5)) {
        assertThat(event.res())
            .as("entry " + event.data())
            .isEqualTo(event.data() % 2 == 1 ? -Errno.EIO : 4096);
      }
    }
    boolean repeated = (flags & SQWQ) != 0; // a read that the worker was to repeat
    String where = repeated ? "a work of aio-sqwq" : "aio-sq";
    String consequence =
        repeated ? "the thread goes on with the next work" : "the request fails with EIO";
    long since = System.nanoTime();
    while (said.size() < 6 && System.nanoTime() - since < TimeUnit.SECONDS.toNanos(10)) {
      Thread.onSpinWait(); // a worker reports after it has completed the event
    }
    assertThat(said)
        .hasSize(6)
        .containsOnly(
            "kernel oops in " + where + ": java.lang.AssertionError: broken; " + consequence);
    assertThat(program.destroy()).isZero();
  }

  /** The failure does not concern one entry: the thread exits, and no caller blocks on it. */
  @Test
  void aSubmissionThreadThatFailsIsEio() throws InterruptedException {
    assertThat(program.setup(RingProgram.POLLED | SQPOLL)).isZero();
    int fd =
        open(
            new Throws() {
              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                // in the place of the batch's plug, whose end throws then
                current.setPlug(() -> {});
                return -Kiocb.EIOCBQUEUED;
              }

              @Override
              public int iopoll(Kiocb iocb, boolean spin) {
                return TestInode.complete(iocb);
              }
            });
    Iocb.aioFildes(program.prepareRead(0, 7, true), fd);
    while (said.isEmpty()) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    assertThat(said)
        .containsExactly(
            "kernel oops in aio-sq: java.lang.AssertionError: somebody else's plug; "
                + "its context takes no more entries, and io_ring_enter fails with EIO");
    program.prepareRead(0, 8, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(-Errno.EIO);
    assertThat(program.enter(0, 9, GETEVENTS)).as("what was taken comes out").isZero();
    assertThat(program.reap()).containsExactly(new RingProgram.Event(7, 0, 4096, 0));
    assertThat(program.enter(0, 9, GETEVENTS)).as("and no more is waited for").isZero();
    assertThat(program.destroy()).isZero();
  }

  /** The thread polls again, and takes entries as before. */
  @Test
  void anIopollThatThrowsInTheSubmissionThreadIsTriedAgain() {
    assertThat(program.setup(RingProgram.POLLED | SQPOLL)).isZero();
    int fd =
        open(
            new Throws() {
              private int looks;

              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                return -Kiocb.EIOCBQUEUED;
              }

              @Override
              public int iopoll(Kiocb iocb, boolean spin) {
                if (++looks < 5) {
                  throw new AssertionError("broken");
                }
                return TestInode.complete(iocb);
              }
            });
    List<RingProgram.Event> events = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Iocb.aioFildes(program.prepareRead(0, i, true), fd);
      while (events.size() <= i) {
        events.addAll(program.reap()); // no call: the timeout bounds the loop
        Thread.onSpinWait();
      }
    }
    assertThat(events)
        .containsExactly(
            new RingProgram.Event(0, 0, 4096, 0), new RingProgram.Event(1, 1, 4096, 0));
    assertThat(said)
        .containsExactly(
            "kernel oops in the iopoll of a file: java.lang.AssertionError: broken; it is tried"
                + " again");
    assertThat(program.destroy()).isZero();
  }

  /** A second event would be one that the program never submitted. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.RINGS | SQWQ,
        RingProgram.RINGS | SQTHREAD | SQWQ
      })
  void aRequestThatWasCompletedBeforeItsFileThrewHasOneEvent(int flags)
      throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    int fd =
        open(
            new Throws() {
              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                TestInode.complete(iocb);
                throw new AssertionError("broken");
              }
            });
    for (int i = 0; i < 4; i++) {
      long iocb = program.prepareRead(0, i, polled);
      if (i % 2 == 0) {
        Iocb.aioFildes(iocb, fd);
      }
    }
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(4);
    List<RingProgram.Event> events = new ArrayList<>(events(4));
    Thread.sleep(50); // in which a second event could come
    program.enter(0, 0, GETEVENTS);
    events.addAll(program.reap());
    assertThat(events)
        .extracting(RingProgram.Event::data)
        .containsExactlyInAnyOrder(0L, 1L, 2L, 3L);
    assertThat(events).allMatch(event -> event.res() == 4096);
    assertThat(program.destroy()).isZero();
  }

  /**
   * Between the completion and the throw the submitter uses the same object for another request.
   */
  @Test
  void aRequestThatWasReusedBeforeItsFileThrewKeepsItsEvent() throws InterruptedException {
    assertThat(program.setup(RingProgram.RINGS | SQWQ)).isZero();
    CountDownLatch completed = new CountDownLatch(1);
    CountDownLatch reused = new CountDownLatch(1);
    List<Kiocb> iocbs = new CopyOnWriteArrayList<>();
    int first =
        open(
            new Throws() {
              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                iocbs.add(iocb);
                TestInode.complete(iocb);
                completed.countDown();
                try {
                  reused.await(10, TimeUnit.SECONDS); // not longer, so that a failure does not hang
                } catch (InterruptedException e) {
                  throw new AssertionError(e);
                }
                throw new AssertionError("broken");
              }
            });
    int second =
        open(
            new Throws() {
              @Override
              public boolean canNowait() {
                return true;
              }

              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                iocbs.add(iocb); // in place, by the submitter
                return -Kiocb.EIOCBQUEUED;
              }
            });
    Iocb.aioFildes(program.prepareRead(0, 1, false), first);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    completed.await();
    Iocb.aioFildes(program.prepareRead(0, 2, false), second);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(iocbs).hasSize(2);
    assertThat(iocbs.get(0)).as("what the test is about").isSameAs(iocbs.get(1));
    reused.countDown();
    while (said.isEmpty()) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    TestInode.complete(iocbs.get(1));
    assertThat(events(2))
        .containsExactly(
            new RingProgram.Event(1, 0, 4096, 0), new RingProgram.Event(2, 1, 4096, 0));
    assertThat(program.destroy()).isZero();
    assertThat(program.reap()).isEmpty();
  }

  /** Not a read, so that there is no attempt before the worker's. */
  @Test
  void aWriteThatThrowsInAWorkerIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS | SQWQ)).isZero();
    int fd =
        open(
            new Throws() {
              @Override
              public boolean hasWriteIter() {
                return true;
              }

              @Override
              public long writeIter(Task current, Kiocb iocb, IovIter from) {
                throw new AssertionError("broken");
              }
            });
    for (int i = 0; i < 3; i++) {
      long iocb = program.prepareRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    assertThat(events(3)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(3)
        .containsOnly(
            "kernel oops in aio-sqwq: java.lang.AssertionError: broken; the request fails with"
                + " EIO");
  }

  @Test
  void anFsyncThatThrowsIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    int fd = open(new Throws());
    for (int i = 0; i < 3; i++) {
      long iocb = program.prepareRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_FSYNC);
      Iocb.aioBuf(iocb, 0);
      Iocb.aioNbytes(iocb, 0);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    assertThat(events(3)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(3)
        .containsOnly(
            "kernel oops in aio-work: java.lang.AssertionError: broken; the fsync fails with EIO");
  }

  /** Not the waker's matter: it wakes the others. */
  @Test
  void aPollThatThrowsWhenItIsWokenIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    Throws file = new Throws();
    int fd = open(file);
    for (int i = 0; i < 2; i++) {
      long iocb = program.prepareRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
      Iocb.aioBuf(iocb, 1);
      Iocb.aioNbytes(iocb, 0);
    }
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    file.ready = true;
    file.queue.wakeUp(1);
    assertThat(events(2)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(2)
        .containsOnly(
            "kernel oops in the poll of a file: java.lang.AssertionError: broken; the request fails"
                + " with EIO");
  }

  @Test
  void aReleaseThatThrowsClosesTheFile() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    int fd =
        open(
            new Throws() {
              @Override
              public long readIter(Task current, Kiocb iocb, IovIter to) {
                return 0;
              }

              @Override
              public void release(File file) {
                throw new AssertionError("broken");
              }
            });
    Iocb.aioFildes(program.prepareRead(0, 7, false), fd);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(events(1)).allMatch(event -> event.res() == 0);
    program.process.exit();
    assertThat(program.files.nrFiles()).isZero();
    assertThat(said)
        .containsExactly(
            "kernel oops in the release of a file: java.lang.AssertionError: broken; "
                + "the file is closed, and what it held may be lost");
  }
}
