// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.fixture.Patience;
import io.pollux.core.mm.AddressSpace;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sizes and lifetime of the memory that a context pins. */
@Timeout(60)
class ContextMemoryTest {
  private static final int PAGE = 4096;

  private final FakeFile file = FakeFile.immediate(1 << 20);

  /** As Linux: twice the requests and two more, and what else fits into the last page. */
  @ParameterizedTest
  @CsvSource({"1, 127, 1", "63, 255, 2", "64, 255, 2", "1000, 2047, 16", "4000, 8063, 63"})
  void theOldRingFillsItsPages(int nr, int slots, int pages) {
    assumeTrue(Aio.CPUS < 16, "more processors need more slots");
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(nr, 0)).isZero();
      assertThat(AioRing.nr(program.ctx())).isEqualTo(slots);
      assertThat(program.process.mm().pinnedPages()).isEqualTo(pages);
    }
  }

  @Test
  void aSubmissionThreadIsForACpuThatExists() {
    try (RingProgram program = new RingProgram(file, 4)) {
      AioIocbRing.sqThreadCpu(program.sq, Aio.CPUS);
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD))
          .isEqualTo(-Errno.EINVAL);
      AioIocbRing.sqThreadCpu(program.sq, -1);
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD))
          .isEqualTo(-Errno.EINVAL);
      AioIocbRing.sqThreadCpu(program.sq, Aio.CPUS - 1);
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQTHREAD)).isZero();
    }
  }

  /** The range begins in one mapping and ends inside another. */
  @Test
  void noPageBehindARangeIsPinned() {
    try (UserAio program = new UserAio(file)) {
      AddressSpace mm = program.process.mm();
      long first = program.map(PAGE);
      long second = program.map(3 * PAGE);
      assumeTrue(second == first + PAGE, "the mappings are not adjacent");
      MappedRange range = MappedRange.map(mm, first, 2 * PAGE);
      assertThat(range).isNotNull();
      assertThat(mm.pinnedPages()).isEqualTo(2);
      range.unmap();
      assertThat(mm.pinnedPages()).isZero();
    }
  }

  @Test
  void destroyWaitsForACallThatIsInside() throws Exception {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      Kioctx ctx = KioctxTable.lookup(program.process.mm(), program.ctx()); // as a call does
      assertThat(ctx).isNotNull();
      CompletableFuture<Long> destroyed =
          OtherTask.call(program.process, other -> program.aio.ioDestroy(other, program.ctx()));
      while (!ctx.waitQueue().active() && !destroyed.isDone()) { // the timeout bounds the loop
        Thread.onSpinWait();
      }
      assertThat(destroyed).isNotDone();
      assertThat(program.process.mm().pinnedPages()).isEqualTo(1);
      ctx.put();
      assertThat(destroyed.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
      assertThat(program.process.mm().pinnedPages()).isZero();
    }
  }
}
