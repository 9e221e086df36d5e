// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A file is held for a request that another thread may execute, and only then. */
@Timeout(60)
class HoldFileTest {
  private static final Duration PATIENCE = RingProgram.PATIENCE;

  private final RingProgram program = new RingProgram(FakeFile.immediate(1 << 20), 5);
  private final AtomicInteger holds = new AtomicInteger();
  private final AtomicInteger reads = new AtomicInteger();
  private int errno;

  private final FileOperations counting =
      new FileOperations() {
        @Override
        public boolean hasReadIter() {
          return true;
        }

        @Override
        public long readIter(Task current, Kiocb iocb, IovIter to) {
          reads.getAndIncrement();
          return 512;
        }

        @Override
        public boolean canNowait() {
          return true;
        }

        @Override
        public int hold() {
          holds.getAndIncrement();
          return errno;
        }
      };

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private List<AioEvent> read(int flags) {
    assertThat(program.setup(flags)).isZero();
    program.prepareRead(program.open(counting), 0, 1, false);
    program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT);
    return program.awaitEvents(1, PATIENCE);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {AioAbi.IOCTX_FLAG_SQTHREAD, AioAbi.IOCTX_FLAG_SQPOLL, AioAbi.IOCTX_FLAG_SQWQ})
  void aContextWithThreadsHoldsTheFile(int flag) {
    assertThat(read(RingProgram.RINGS | flag)).containsExactly(new AioEvent(1, 0, 512, 0));
    assertThat(holds).hasValue(1);
  }

  @Test
  void aContextWithoutThreadsDoesNot() {
    assertThat(read(RingProgram.RINGS)).containsExactly(new AioEvent(1, 0, 512, 0));
    assertThat(holds).hasValue(0);
  }

  @Test
  void aFileThatCannotBeHeldIsNotReadAndItsErrnoIsTheResult() {
    errno = -Errno.EMFILE;
    assertThat(read(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD))
        .containsExactly(new AioEvent(1, 0, -Errno.EMFILE, 0));
    assertThat(reads).hasValue(0);
  }
}
