// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.aio.fixture.AioProgram;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.Debug;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.AioAbi;
import java.util.Objects;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each path of aio that takes a lock reports it, so that the checker sees a wrong order. */
@Timeout(60)
class AioLockOrderTest {
  private final Object leaf = new Object();
  private final RingProgram program = new RingProgram(FakeFile.immediate(1 << 20), 8);
  private final PollIocb poll = new PollIocb(AioKiocb.SLAB.alloc(program.task));

  @BeforeEach
  void lockIsChecked() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private Kioctx ctx(int flags) {
    assertThat(program.setup(flags)).isZero();
    Kioctx ctx = Objects.requireNonNull(KioctxTable.lookup(program.process.mm(), program.ctx()));
    ctx.put();
    return ctx;
  }

  /** Makes a call while the thread holds a lock that comes after all locks of aio. */
  private void isReported(LockClass lock, ThrowingCallable call) {
    LockOrder.acquire(LockClass.WAIT_QUEUE, leaf);
    try {
      assertThatThrownBy(call)
          .isInstanceOf(AssertionError.class)
          .hasMessageContainingAll("waits for", lock.name(), "while it holds");
    } finally {
      LockOrder.release(LockClass.WAIT_QUEUE, leaf);
    }
  }

  @Test
  void theCompletionLockOfAContext() {
    Kioctx ctx = ctx(RingProgram.RINGS);
    AioKiocb req = AioKiocb.SLAB.alloc(program.task);
    isReported(LockClass.AIO_COMPLETION, ctx::completionLock);
    isReported(LockClass.AIO_COMPLETION, ctx::getReqsAvailable);
    isReported(LockClass.AIO_COMPLETION, ctx::putReqsAvailable);
    isReported(LockClass.AIO_COMPLETION, () -> ctx.complete(req, 0, 0));
    isReported(LockClass.AIO_COMPLETION, () -> ctx.abandon(req, req.generation(), false));
    isReported(LockClass.AIO_COMPLETION, () -> ctx.endAttempt(req));
  }

  @Test
  void theCompletionLockOfTheRings() {
    Kioctx ctx = ctx(RingProgram.RINGS);
    ScqRing rings =
        new ScqRing(
            new SqRing(range(program.sq), 8),
            new CqRing(range(program.cq), 8),
            ctx.completionLock());
    isReported(LockClass.AIO_COMPLETION, rings::flushOverflow);
    isReported(LockClass.AIO_COMPLETION, rings::moveKept);
    isReported(LockClass.AIO_COMPLETION, rings::unmap);
    rings.unmap();
  }

  private MappedRange range(long address) {
    return Objects.requireNonNull(MappedRange.map(program.process.mm(), address, AioProgram.BLOCK));
  }

  @Test
  void theLockOfCancellableRequests() {
    ActiveReqs active = new ActiveReqs();
    isReported(LockClass.AIO_CANCEL, () -> active.add(poll));
    isReported(LockClass.AIO_CANCEL, () -> active.remove(poll));
    isReported(LockClass.AIO_CANCEL, () -> active.cancel(0));
    isReported(LockClass.AIO_CANCEL, active::cancelAll);
  }

  @Test
  void theLockOfTheTableOfContexts() {
    Kioctx ctx = ctx(RingProgram.RINGS);
    KioctxTable table = new KioctxTable(program.aio);
    isReported(LockClass.AIO_TABLE, () -> table.add(ctx));
    isReported(LockClass.AIO_TABLE, () -> table.remove(ctx));
  }

  @Test
  void theLockOfSubmittedRequests() {
    Kioctx ctx = ctx(RingProgram.POLLED | AioAbi.IOCTX_FLAG_SQTHREAD);
    IopollList list = new IopollList(ctx);
    AioKiocb req = AioKiocb.SLAB.alloc(program.task);
    isReported(LockClass.AIO_SUBMITTED, () -> list.submitted(req, req, false));
    list.submitted(req, req, false);
    isReported(LockClass.AIO_SUBMITTED, list::files);
  }
}
