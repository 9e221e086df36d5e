// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.vfs.AnonInode;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file or an eventfd throws before or after a completion. The request has its event, and teardown
 * waits only for the device.
 */
@Timeout(60)
class ThrowAroundCompletionTest {
  private static final int RINGS = RingProgram.RINGS;
  private static final int POLLED = RingProgram.POLLED;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final String BROKEN = "java.lang.AssertionError: broken; ";

  private final FakeFile disk = FakeFile.held(1 << 20).tags(8);
  private final RingProgram program = new RingProgram(disk, 9);
  private final List<String> said = new CopyOnWriteArrayList<>();
  private boolean leaks;

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    Oops.setSink(null);
    if (!leaks) {
      program.close();
    }
  }

  /** Waits for the requests of the caller or a worker, and completes them. */
  private void complete(int count) throws InterruptedException {
    while (disk.heldCount() < count) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    disk.release(count, 0);
  }

  private void assertDestroyed() throws InterruptedException {
    Object result = program.destroyWithin(RingProgram.PATIENCE);
    leaks |= !Long.valueOf(0).equals(result);
    assertThat(result).isEqualTo(0L);
  }

  private long prepare(int fd, int data, boolean polled, int opcode) {
    long iocb = program.changeableRead(data * 4096L, data, polled);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    return iocb;
  }

  @Test
  void anEventfdThatThrowsTakesNoEventAway() throws InterruptedException {
    final class Broken extends AnonInode implements EventfdCtx {
      Broken() {
        super(0600);
      }

      @Override
      public FileOperations fop() {
        return new FileOperations() {};
      }

      @Override
      public long signal(long n) {
        throw new AssertionError("broken");
      }
    }

    assertThat(program.setup(RINGS)).isZero();
    int eventfd = program.install(new File(program.files, new Broken(), null, Fcntl.O_RDWR));
    for (int i = 0; i < 2; i++) {
      long iocb = prepare(program.fd, i, false, AioAbi.IOCB_CMD_PREAD);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, eventfd);
    }
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    complete(2);
    assertThat(program.awaitEvents(2, RingProgram.PATIENCE))
        .containsExactly(new AioEvent(0, 0, 4096, 0), new AioEvent(1, 1, 4096, 0));
    assertThat(said)
        .hasSize(2)
        .containsOnly(
            "kernel oops in the eventfd of a request: "
                + BROKEN
                + "the request completes without a signal");
    assertDestroyed();
  }

  /**
   * The memory stays pinned, and a polled request is polled for, as long as the device has the
   * request.
   */
  @ParameterizedTest
  @ValueSource(ints = {RINGS | FIXED, POLLED, POLLED | FIXED})
  void aContextEndsAfterTheDeviceHasCompletedWhatItsFileThrewFor(int flags)
      throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    FakeFile file = FakeFile.held(1 << 20);
    file.onRequest(
        (current, iocb, to) -> {
          file.proceed(current, iocb, to);
          throw new AssertionError("broken");
        });
    int fd = program.open(file);
    prepare(fd, 0, polled, AioAbi.IOCB_CMD_PREAD);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    assertThat(program.enter(0, 1, GETEVENTS)).as("no event is expected").isZero();
    assertThat(file.heldCount()).isEqualTo(1);
    AtomicLong pinned = new AtomicLong();
    Thread device =
        new Thread(
            () -> {
              try {
                Thread.sleep(300); // time for a teardown that does not wait
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
              pinned.set(program.process.mm().pinnedPages());
              file.releaseAll();
            });
    device.start();
    assertDestroyed();
    assertThat(file.inFlight()).as("teardown waits for the device").isZero();
    device.join();
    assertThat(pinned.get()).as("pages while the device may write there").isPositive();
    assertThat(program.reap()).isEmpty();
    assertThat(said).isEmpty();
  }

  /** The device never had the request. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS | FIXED, POLLED, POLLED | FIXED})
  void aContextEndsAtOnceIfTheFileThrewFirst(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    FakeFile file =
        FakeFile.immediate(1 << 20)
            .onRequest(
                (current, iocb, to) -> {
                  throw new AssertionError("broken");
                });
    int fd = program.open(file);
    prepare(fd, 0, polled, AioAbi.IOCB_CMD_PREAD);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    assertDestroyed(); // it would fail after a wait for a request that never completes
  }
}
