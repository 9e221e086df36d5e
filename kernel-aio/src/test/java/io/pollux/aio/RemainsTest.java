// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A context that abandons requests keeps its memory exactly as long as a device or a file can
 * complete one of them.
 */
@Tag("slow")
@Timeout(60)
class RemainsTest {
  private static final int RINGS = RingProgram.RINGS;
  private static final int POLLED = RingProgram.POLLED;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;

  private final RingProgram program = new RingProgram(FakeFile.held(1 << 20), 9);

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> {});
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
    Oops.setSink(null);
  }

  /** A file that takes the memory of a request. It may keep the request, as a driver would. */
  private static class Takes implements FileOperations {
    private final List<Kiocb> device; // requests that a device has; not part of the file
    private final boolean throwing;

    Takes(List<Kiocb> device, boolean throwing) {
      this.device = device;
      this.throwing = throwing;
    }

    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      to.advance(to.count());
      device.add(iocb);
      if (throwing) {
        throw new AssertionError("broken");
      }
      return -Kiocb.EIOCBQUEUED;
    }

    @Override
    public boolean hasIopoll() {
      return true;
    }

    @Override
    public int iopoll(Kiocb iocb, boolean spin) {
      return 0;
    }
  }

  private void submit(Takes file, int flags) {
    assertThat(program.setup(flags)).isZero();
    int fd = program.install(FakeInode.open(program.files, file, Fcntl.O_RDWR | Fcntl.O_DIRECT));
    program.prepareRead(fd, 0, 1, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0);
  }

  private void collect() throws InterruptedException {
    while (program.process.mm().pinnedPages() != 0) { // the timeout bounds the loop
      System.gc();
      Thread.sleep(5);
    }
  }

  /** The file took the memory but no device has the request, so teardown releases everything. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED, POLLED, POLLED | FIXED})
  void aRequestThatNoDeviceHasKeepsNoMemory(int flags) {
    List<Kiocb> none = new ArrayList<>();
    submit(new Takes(none, true), flags);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    none.clear();
    assertThat(program.destroy()).isZero();
    assertThat(program.process.mm().pinnedPages()).isZero();
  }

  /** A device that never completes its request may write as long as it refers to the request. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED, POLLED, POLLED | FIXED})
  void memoryStaysPinnedAsLongAsADeviceHasTheRequest(int flags) throws InterruptedException {
    List<Kiocb> device = new ArrayList<>();
    submit(new Takes(device, true), flags);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    assertThatThrownBy(program::destroy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("an aio context ends before 1 requests whose files threw; " + Remains.KEPT);
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(5); // time for a wrong run of the cleaner
    }
    assertThat(program.process.mm().pinnedPages()).as("the device may write").isPositive();
    assertThat(device).hasSize(1);
    device.clear();
    collect();
  }

  /** A callback drops a request without completing it, and nothing refers to the request. */
  @ParameterizedTest
  @ValueSource(ints = {POLLED, POLLED | FIXED})
  void theFileAndTheMemoryOfALostPolledRequestAreReleased(int flags) throws InterruptedException {
    List<Kiocb> lost = new ArrayList<>();
    submit(new Takes(lost, false), flags);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    lost.clear();
    Oops.loseRequest();
    assertThatThrownBy(program::destroy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("an aio context ends before 1 requests; " + Remains.KEPT);
    collect();
    program.process.exit();
    while (program.files.nrFiles() != 0) { // the cleaner puts it last; the timeout bounds the loop
      Thread.sleep(1);
    }
  }

  /** A device completes an attempt in place with EAGAIN after the throw, and still refers to it. */
  @Test
  void anAttemptThatEndsWithEagainAfterTheThrowIsOver() {
    List<Kiocb> device = new ArrayList<>();
    submit(
        new Takes(device, true) {
          @Override
          public boolean canNowait() {
            return true;
          }
        },
        RINGS | AioAbi.IOCTX_FLAG_SQWQ);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    FakeFile.complete(device.getFirst(), -Errno.EAGAIN);
    assertThat(program.destroy()).isZero();
    assertThat(device).as("is not collected").hasSize(1);
  }

  /**
   * A call is stuck in a poll when the teardown of its context gives up. Only the call polls for
   * the requests, even for the one that is incomplete when it leaves.
   */
  @Test
  void aStuckCallIsTheOnlyPoller() throws Exception {
    List<Kiocb> device = new CopyOnWriteArrayList<>();
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicInteger others = new AtomicInteger();
    Task stuck = program.process.newTask();
    Takes file =
        new Takes(device, false) {
          @Override
          public int iopoll(Kiocb iocb, boolean spin) {
            if (!stuck.isCurrentThread()) {
              others.getAndIncrement();
              return 0;
            }
            if (device.size() == 2) {
              inside.countDown();
              try {
                goOn.await();
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
            }
            device.remove(iocb);
            return FakeFile.complete(iocb, 4096);
          }
        };
    submit(file, POLLED);
    int fd = Iocb.aioFildes(AioIocbRing.iocb(program.sq, 0));
    program.prepareRead(fd, 4096, 2, true);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    FutureTask<Long> call =
        new FutureTask<>(() -> program.enter(stuck, 0, 1, AioAbi.IORING_FLAG_GETEVENTS));
    Thread caller = new Thread(call);
    caller.setDaemon(true);
    caller.start();
    inside.await();
    Oops.loseRequest();
    assertThatThrownBy(program::destroy).isInstanceOf(IllegalStateException.class);
    int polls = others.get();
    goOn.countDown();
    call.get();
    caller.join();
    assertThat(polls).as("polls by the teardown").isZero();
    assertThat(device).isEmpty();
    collect();
    program.process.exit();
    assertThat(program.files.nrFiles()).isZero();
  }

  /** A call is stuck inside the context when its end gives up, and reaps the request later. */
  @Test
  void aCallThatReturnsAfterTheEndPutsEachFileOnce() throws Exception {
    List<Kiocb> device = new ArrayList<>();
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Task stuck = program.process.newTask();
    submit(
        new Takes(device, false) {
          @Override
          public int iopoll(Kiocb iocb, boolean spin) {
            if (stuck.isCurrentThread()) {
              inside.countDown();
              try {
                goOn.await();
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
              return FakeFile.complete(iocb, 4096);
            }
            return 0;
          }
        },
        POLLED);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    FutureTask<Long> call =
        new FutureTask<>(() -> program.enter(stuck, 0, 1, AioAbi.IORING_FLAG_GETEVENTS));
    Thread caller = new Thread(call);
    caller.setDaemon(true);
    caller.start();
    inside.await();
    Oops.loseRequest();
    assertThatThrownBy(program::destroy).isInstanceOf(IllegalStateException.class);
    goOn.countDown();
    call.get();
    caller.join();
    device.clear();
    collect();
    for (int i = 0; i < 20; i++) {
      System.gc();
      Thread.sleep(5); // in which the cleaner puts the files
    }
    assertThat(program.files.nrFiles()).as("two descriptors").isEqualTo(2);
  }
}
