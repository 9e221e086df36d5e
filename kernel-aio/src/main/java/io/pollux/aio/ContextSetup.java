// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskPlug;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The setup of one context, step by step. If a step fails, the memory pinned by earlier steps is
 * unpinned.
 */
@Patch({13, 14, 24, 26})
@LinuxSource(
    file = "fs/aio.c",
    name = {"ioctx_alloc", "io_setup_flags"})
final class ContextSetup {
  private final Task current;
  private final int nr;
  private final int flags;
  private @Nullable ContextMemory memory;
  private @Nullable MappedRange sqRange;
  private @Nullable MappedRange cqRange;

  ContextSetup(Task current, int nr, int flags) {
    this.current = current;
    this.nr = nr;
    this.flags = flags;
  }

  private boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /**
   * Pins all memory that the flags require. Returns 0, or a negative errno; the caller then unpins.
   */
  int pin(long iocbs, long sqAddress, long cqAddress) {
    AddressSpace mm = current.mm();
    boolean rings = has(AioAbi.IOCTX_FLAG_SCQRING);
    boolean ordinary = !rings && !has(AioAbi.IOCTX_FLAG_IOPOLL);
    memory = ContextMemory.map(mm, ordinary ? Math.max(nr, 4 * Aio.CPUS) * 2 : 0);
    if (memory == null) {
      return -Errno.ENOMEM;
    }
    long firstIocb = 0;
    if (has(AioAbi.IOCTX_FLAG_USERIOCB)) {
      if (!MappedRange.aligned(iocbs)) {
        return -Errno.EINVAL;
      }
      MappedRange range = MappedRange.map(mm, iocbs, nr * Iocb.SIZE);
      if (range == null) {
        return -Errno.ENOMEM;
      }
      memory.setIocbs(range);
      firstIocb = iocbs;
    }
    if (rings) {
      if (!MappedRange.aligned(sqAddress) || !MappedRange.aligned(cqAddress)) {
        return -Errno.EINVAL;
      }
      sqRange = MappedRange.map(mm, sqAddress, AioIocbRing.bytes(nr));
      cqRange = MappedRange.map(mm, cqAddress, AioIoEventRing.bytes(nr));
      if (sqRange == null || cqRange == null) {
        return -Errno.ENOMEM;
      }
      if (has(AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQPOLL)
          && Integer.compareUnsigned(SqRing.sqThreadCpu(sqAddress), Aio.CPUS) >= 0) {
        return -Errno.EINVAL;
      }
      firstIocb = AioIocbRing.iocb(sqAddress, 0);
    }
    if (has(AioAbi.IOCTX_FLAG_FIXEDBUFS)) {
      FixedBuffers.Result mapped = FixedBuffers.map(current, firstIocb, nr);
      memory.setBuffers(mapped.buffers());
      return mapped.errno();
    }
    return 0;
  }

  /** Unpins all memory of a context whose setup failed. */
  void unpin() {
    Teardown teardown = new Teardown();
    if (memory != null) {
      teardown.step(memory::unmap);
    }
    if (sqRange != null) {
      teardown.step(sqRange::unmap);
    }
    if (cqRange != null) {
      teardown.step(cqRange::unmap);
    }
    teardown.end();
  }

  /** Creates the context from the pinned memory. Does not fail. */
  Kioctx make(WorkQueue workQueue, Supplier<TaskPlug> plugs) {
    ContextMemory pinned = memory;
    assert pinned != null : "made before pinned";
    SqRing sq = sqRange == null ? null : new SqRing(sqRange, nr);
    CqRing cq = cqRange == null ? null : new CqRing(cqRange, nr);
    return new Kioctx(pinned, workQueue, plugs, flags, nr, sq, cq);
  }
}
