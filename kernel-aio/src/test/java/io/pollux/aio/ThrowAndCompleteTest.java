// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.fixture.Patience;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file that throws after it queued its request, which another thread completes at the same time.
 * One of the two ends the request. {@code close()} of the program checks that nothing was released
 * twice or not at all.
 */
@Timeout(60)
class ThrowAndCompleteTest {
  private static final int RINGS = RingProgram.RINGS;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int ROUNDS = 3_000;

  private final RingProgram program = new RingProgram(FakeFile.held(1 << 20), 9);
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
    Oops.setSink(null);
  }

  /** A file whose read throws after the test has seen the request. */
  private abstract static class Throws implements FileOperations {
    abstract void queued(Kiocb iocb, KiComplete handler);

    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      KiComplete handler = iocb.kiComplete;
      assertThat(handler).isNotNull();
      queued(iocb, handler);
      throw new AssertionError("broken");
    }
  }

  private int open(FileOperations ops) {
    return program.install(FakeInode.open(program.files, ops, Fcntl.O_RDWR | Fcntl.O_DIRECT));
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(Patience.SECONDS, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * The completion puts the last reference on the file, whose release lasts until after the throw.
   */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED})
  void aCompletionThatHasBegunEndsTheRequest(int flags) {
    assertThat(program.setup(flags)).isZero();
    CountDownLatch releases = new CountDownLatch(1);
    CountDownLatch thrown = new CountDownLatch(1);
    AtomicReference<@Nullable CompletableFuture<Void>> completion = new AtomicReference<>();
    int[] fd = new int[1];
    fd[0] =
        open(
            new Throws() {
              @Override
              void queued(Kiocb iocb, KiComplete handler) {
                FilesStruct.of(program.process).close(fd[0]);
                completion.set(CompletableFuture.runAsync(() -> handler.complete(iocb, 4096, 0)));
                await(releases);
              }

              @Override
              public void release(File file) {
                releases.countDown();
                await(thrown);
              }
            });
    program.prepareRead(fd[0], 0, 1, false);
    assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
    assertThat(program.reap()).isEmpty();
    thrown.countDown();
    assertThat(completion.get()).isNotNull().succeedsWithin(Patience.LIMIT);
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));
    assertThat(program.destroy()).isZero();
    assertThat(said).isEmpty();
  }

  /** The other thread has read the handler before the file throws, and calls it after that. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED, RINGS | SQTHREAD, RINGS | SQWQ})
  void aCompletionThatComesAfterTheThrowHasNoEvent(int flags) {
    assertThat(program.setup(flags)).isZero();
    for (long result : new long[] {4096, -Errno.EAGAIN}) {
      AtomicReference<@Nullable Runnable> completion = new AtomicReference<>();
      int fd =
          open(
              new Throws() {
                @Override
                void queued(Kiocb iocb, KiComplete handler) {
                  completion.set(() -> handler.complete(iocb, result, 0));
                }

                @Override
                public boolean canNowait() {
                  return true;
                }
              });
      program.prepareRead(fd, 0, 1, false);
      if ((flags & SQTHREAD) != 0) {
        assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
        assertThat(program.reap()).extracting(AioEvent::res).containsExactly((long) -Errno.EIO);
      } else {
        assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).hasMessage("broken");
        program.retract();
      }
      assertThat(completion.get()).isNotNull();
      completion.get().run();
      FilesStruct.of(program.process).close(fd);
      assertThat(program.enter(0, 1, GETEVENTS)).as("nothing is in flight").isZero();
      assertThat(program.reap()).isEmpty();
    }
    assertThat(program.destroy()).isZero();
  }

  /** Each entry has one event, whether the throw or the completion comes first. */
  @Test
  @Tag("slow")
  void anEntryHasOneEventWhicheverComesFirst() {
    assertThat(program.setup(RINGS | SQTHREAD)).isZero();
    AtomicReference<@Nullable Runnable> next = new AtomicReference<>();
    AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();
    AtomicBoolean ended = new AtomicBoolean();
    Thread device =
        new Thread(
            () -> {
              for (int i = 0; i < ROUNDS; i++) {
                Runnable completion = next.getAndSet(null);
                while (completion == null && !ended.get()) {
                  Thread.onSpinWait();
                  completion = next.getAndSet(null);
                }
                if (completion == null) {
                  return; // the test has failed
                }
                try {
                  completion.run();
                } catch (Throwable e) {
                  broken.set(e);
                }
              }
            });
    device.setDaemon(true);
    device.start();
    int fd =
        open(
            new Throws() {
              private int spins;

              @Override
              void queued(Kiocb iocb, KiComplete handler) {
                next.set(() -> handler.complete(iocb, 4096, 0));
                spins = (spins + 7) % 400; // from before the completion to after it
                for (int i = 0; i < spins; i++) {
                  Thread.onSpinWait();
                }
              }
            });
    try {
      for (int i = 0; i < ROUNDS; i++) {
        program.prepareRead(fd, 0, i, false);
        assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
        List<AioEvent> events = program.awaitEvents(1, Patience.LIMIT);
        assertThat(events).extracting(AioEvent::data).containsExactly((long) i);
        assertThat(events.getFirst().res()).isIn(4096L, (long) -Errno.EIO);
      }
    } finally {
      ended.set(true);
    }
    assertThat(program.destroy()).isZero();
    assertThat(broken).hasNullValue();
  }
}
