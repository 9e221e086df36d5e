// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.RingProgram.Event;
import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.AnonInode;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A call leaves no trace if a file's method throws. {@code close()} of each program checks for
 * leaks.
 */
@Timeout(60)
class CallFailureTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int DISK = 1 << 20;

  /** When the file throws. */
  private enum When {
    /** It has done nothing. */
    BEFORE,
    /** It has completed the request. */
    COMPLETED,
    /** Keeps the request and completes it later, after the call has returned. */
    KEPT
  }

  /** A file whose methods throw an Error. */
  private static final class Thrower implements FileOperations {
    private final When when;
    private final Error error = new AssertionError("of the file");
    private final WaitQueue queue = new WaitQueue();
    private boolean thrown;
    private @Nullable Kiocb kept;

    Thrower(When when) {
      this.when = when;
    }

    int install(RingProgram program) {
      return program.install(
          new File(program.files, new Node(this), null, Fcntl.O_RDWR | Fcntl.O_DIRECT));
    }

    int install(LegacyProgram program) {
      return FilesStruct.of(program.process)
          .install(new File(program.files, new Node(this), null, Fcntl.O_RDWR | Fcntl.O_DIRECT));
    }

    private long rw(Kiocb iocb) {
      if (thrown) {
        return 17;
      }
      thrown = true;
      if (when == When.COMPLETED) {
        complete(iocb);
      } else if (when == When.KEPT) {
        kept = iocb;
      }
      throw error;
    }

    private static void complete(Kiocb iocb) {
      KiComplete handler = iocb.kiComplete;
      assertThat(handler).isNotNull();
      handler.complete(iocb, 18, 0);
    }

    /** A completion without a waiter. */
    void completeLate() {
      if (kept != null) {
        complete(kept);
      }
    }

    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public boolean hasWriteIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      return rw(iocb);
    }

    @Override
    public long writeIter(Task current, Kiocb iocb, IovIter from) {
      return rw(iocb);
    }

    @Override
    public boolean canNowait() {
      return true;
    }

    @Override
    public boolean canDirect() {
      return true;
    }

    @Override
    public boolean hasIopoll() {
      return true;
    }

    @Override
    public boolean hasPoll() {
      return true;
    }

    @Override
    public int poll(File file, @Nullable PollTable table) {
      if (table != null && when == When.KEPT) {
        table.pollWait(queue);
      }
      throw error;
    }
  }

  private static final class Node extends AnonInode {
    private final FileOperations ops;

    Node(FileOperations ops) {
      super(StatMode.S_IFREG | 0600);
      this.ops = ops;
    }

    @Override
    public FileOperations fop() {
      return ops;
    }
  }

  private static RingProgram program() {
    return new RingProgram(new HeldDisk(6).disk("held0", DISK), 9);
  }

  private static void ring(int flags, When when) {
    Thrower thrower = new Thrower(when);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    try (RingProgram program = program()) {
      assertThat(program.setup(flags)).isZero();
      int fd = thrower.install(program);
      program.prepareRead(DISK, 1, polled);
      Iocb.aioFildes(program.prepareRead(0, 2, polled), fd);
      program.prepareRead(DISK, 3, polled);
      program.prepareRead(DISK, 4, polled);
      assertThatThrownBy(() -> program.enter(4, 0, SUBMIT)).isSameAs(thrower.error);
      assertThat(AioIocbRing.head(program.sq)).as("the entry is the program's still").isEqualTo(1);

      assertThat(program.enter(4, 0, SUBMIT | GETEVENTS)).isEqualTo(3);
      List<Event> events = new ArrayList<>(program.reap());
      while (events.size() < (when == When.COMPLETED ? 5 : 4)) {
        assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
        program.enter(0, 1, GETEVENTS); // a worker may have one of them still
        events.addAll(program.reap());
      }
      assertThat(events)
          .filteredOn(event -> event.res() != 18)
          .containsExactlyInAnyOrder(
              new Event(1, 0, 0, 0),
              new Event(2, 1, 17, 0),
              new Event(3, 2, 0, 0),
              new Event(4, 3, 0, 0));
      thrower.completeLate();
      assertThat(program.enter(0, 1, GETEVENTS)).as("nothing is in flight").isZero();
      assertThat(program.reap()).isEmpty();
      assertThat(program.destroy()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnter(When when) {
    ring(RingProgram.RINGS, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnterPolled(When when) {
    ring(RingProgram.POLLED, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnterWithWorkers(When when) {
    ring(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoSubmit(When when) {
    Thrower thrower = new Thrower(when);
    try (LegacyProgram program = new LegacyProgram(new HeldDisk(6).disk("held0", DISK))) {
      assertThat(program.setup(4, 0)).isZero();
      int fd = thrower.install(program);
      int eventfd = program.eventfd(0);
      program.read(0, DISK);
      long iocb = program.prepare(1, AioAbi.IOCB_CMD_PWRITE, fd, program.buffers, 4096, 0);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, eventfd);
      program.read(2, DISK);
      assertThatThrownBy(() -> program.submit(0, 3)).isSameAs(thrower.error);
      int before = when == When.COMPLETED ? 2 : 1;
      assertThat(program.getevents(0, 16, -1)).isEqualTo(before);
      assertThat(program.submit(1, 3)).isEqualTo(2);
      assertThat(program.getevents(2, 16, -1)).isEqualTo(2);
      thrower.completeLate();
      assertThat(program.getevents(0, 16, -1)).isZero();
      for (int round = 0; round < 100; round++) { // all slots are there still
        assertThat(program.submit(2, 3)).isEqualTo(1);
        assertThat(program.getevents(1, 1, -1)).isEqualTo(1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BEFORE", "KEPT"})
  void ofAPoll(When when) {
    Thrower thrower = new Thrower(when);
    try (RingProgram program = program()) {
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      long iocb = program.prepareRead(0, 2, false);
      RawMemory.zero(iocb, Iocb.SIZE);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
      Iocb.aioFildes(iocb, thrower.install(program));
      Iocb.aioBuf(iocb, 1);
      assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).isSameAs(thrower.error);
      thrower.queue.wakeUp(1);
      assertThat(program.enter(0, 1, GETEVENTS)).isZero();
      assertThat(program.reap()).isEmpty();
      assertThat(program.destroy()).isZero();
    }
  }

  /** A disk that keeps something for the fixed buffers, and fails to undo it. */
  private static final class BadDriver implements BlkMqOps {
    private final Error error = new AssertionError("of the driver");

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      Request request = chain;
      while (request != null) {
        Request next = request.next();
        Bio bio = request.bio();
        DmaMapping mapping = bio.mapping();
        if (mapping != null && mapping.attachment(this) == null) {
          mapping.attach(
              new DmaMapping.Attachment(this) {
                @Override
                protected void detach() {
                  throw error;
                }
              });
        }
        request.complete(0);
        request = next;
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {RingProgram.RINGS, RingProgram.POLLED})
  void ofIoDestroyEndsTheContextAllTheSame(int flags) {
    BadDriver driver = new BadDriver();
    BlockDevice device = new BlockDevice("bad0", 7, DISK, false, new RequestQueue(driver, 512, 6));
    try (RingProgram program = new RingProgram(device, 9)) {
      assertThat(program.setup(flags | AioAbi.IOCTX_FLAG_FIXEDBUFS)).isZero();
      program.prepareRead(0, 1, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0);
      assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
      assertThat(program.reap()).hasSize(1);
      assertThat(program.process.mm().lockedPages()).isPositive();
      long id = program.ctx();
      assertThatThrownBy(program::destroy).isSameAs(driver.error);
      assertThat(program.process.mm().lockedPages()).as("the charge").isZero();
      assertThat(program.process.mm().pinnedPages()).as("pins").isZero();
      assertThat(program.aio.aioNr()).as("aio_nr").isZero();
      assertThat(program.process.mm().accessOk(id, 32, false)).as("the old ring").isFalse();
      assertThat(program.destroy()).isEqualTo(-Errno.EINVAL);
    }
  }

  @Test
  void theFirstFailureOfATeardownIsThrownAndTheLaterOnesAreAttached() {
    Error first = new AssertionError("first");
    RuntimeException second = new IllegalStateException("second");
    StringBuilder steps = new StringBuilder();
    Teardown teardown = new Teardown();
    assertThat(teardown.step(() -> steps.append(1))).isTrue();
    assertThat(teardown.step(() -> fail(steps, first))).isFalse();
    assertThat(teardown.step(() -> fail(steps, second))).isFalse();
    assertThat(teardown.step(() -> steps.append(2))).isTrue();
    assertThatThrownBy(teardown::end).isSameAs(first).hasSuppressedException(second);
    assertThat(steps).hasToString("1!!2");
  }

  private static void fail(StringBuilder steps, Throwable failure) {
    steps.append('!');
    if (failure instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) failure;
  }
}
