// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The system calls of aio, and what all contexts of a kernel share: the count of requests that they may
 * have. One for each kernel. Calls answer a result or a negative errno and are made in process context.
 */
@LinuxSource(file = "fs/aio.c")
public final class Aio {
  private static final int FLAGS_KNOWN =
      AioAbi.IOCTX_FLAG_USERIOCB | AioAbi.IOCTX_FLAG_IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS | AioAbi.IOCTX_FLAG_SCQRING;
  private static final int ENTER_FLAGS_KNOWN = AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS;
  private static final long MAX_EVENTS = 0x1000_0000L / IoEvent.SIZE;
  private static final int CPUS = Runtime.getRuntime().availableProcessors();

  private final AtomicLong aioNr = new AtomicLong();

  /** Makes the aio of a kernel. */
  public Aio() {}

  /**
   * Requests that the contexts of this kernel may have, for the books: 0 when no context is left.
   *
   * @return aio_nr
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_nr")
  public long aioNr() {
    return aioNr.get();
  }

  /**
   * Makes a context with rings, polling, fixed buffers.
   *
   * @param current the calling task
   * @param nr u32: entries of the rings, requests of the context
   * @param flags IOCTX_FLAG_*
   * @param sqRing user address of the SQ ring, with SCQRING
   * @param cqRing user address of the CQ ring, with SCQRING
   * @param ctxp user address where the id goes; what is there must be 0
   * @return 0, -EINVAL, -EFAULT, -EAGAIN, -ENOMEM
   */
  @Patch({13, 26})
  @LinuxSource(file = "fs/aio.c", name = {"io_setup2", "io_setup_flags", "ioctx_alloc"})
  public long ioSetup2(Task current, int nr, int flags, long sqRing, long cqRing, long ctxp) {
    if ((flags & ~FLAGS_KNOWN) != 0) {
      return -Errno.EINVAL;
    }
    AddressSpace mm = current.mm();
    if (!mm.accessOk(ctxp, Long.BYTES, false)) {
      return -Errno.EFAULT;
    }
    if (RawMemory.getLong(ctxp) != 0 || nr == 0) {
      return -Errno.EINVAL;
    }
    boolean rings = (flags & AioAbi.IOCTX_FLAG_SCQRING) != 0;
    boolean userIocb = (flags & AioAbi.IOCTX_FLAG_USERIOCB) != 0;
    boolean fixed = (flags & AioAbi.IOCTX_FLAG_FIXEDBUFS) != 0;
    if ((rings && userIocb) || (fixed && !rings && !userIocb)) {
      return -Errno.EINVAL;
    }
    if (!rings) {
      return -Errno.EINVAL; // io_submit, which such a context is for, is not in this kernel yet
    }
    long maxReqs = Integer.toUnsignedLong(nr);
    if (Math.max(maxReqs, 4L * CPUS) * 2 > MAX_EVENTS) {
      return -Errno.EINVAL;
    }
    if (!reserve(maxReqs)) {
      return -Errno.EAGAIN;
    }
    long result = setup(current, nr, flags, sqRing, cqRing, ctxp);
    if (result != 0) {
      aioNr.getAndAdd(-maxReqs);
    }
    return result;
  }

  private boolean reserve(long maxReqs) {
    long before;
    do {
      before = aioNr.get();
      if (before + maxReqs > AioAbi.AIO_MAX_NR) {
        return false;
      }
    } while (!aioNr.compareAndSet(before, before + maxReqs));
    return true;
  }

  private long setup(Task current, int nr, int flags, long sqAddress, long cqAddress, long ctxp) {
    if (!MappedRange.aligned(sqAddress) || !MappedRange.aligned(cqAddress)) {
      return -Errno.EINVAL;
    }
    AddressSpace mm = current.mm();
    ContextMemory memory = ContextMemory.map(mm, 0);
    MappedRange sqRange = MappedRange.map(mm, sqAddress, AioIocbRing.bytes(nr));
    MappedRange cqRange = MappedRange.map(mm, cqAddress, AioIoEventRing.bytes(nr));
    int errno = memory == null || sqRange == null || cqRange == null ? -Errno.ENOMEM : 0;
    if (errno == 0 && memory != null && sqRange != null && (flags & AioAbi.IOCTX_FLAG_FIXEDBUFS) != 0) {
      FixedBuffers.Result mapped = FixedBuffers.map(current, AioIocbRing.iocb(sqRange.address(), 0), nr);
      errno = mapped.errno();
      memory.setBuffers(mapped.buffers());
    }
    if (errno == 0 && !mm.accessOk(ctxp, Long.BYTES, true)) {
      errno = -Errno.EFAULT;
    }
    if (errno != 0 || memory == null || sqRange == null || cqRange == null) {
      unmap(memory, sqRange, cqRange);
      return errno;
    }
    SqRing sq = new SqRing(sqRange, nr);
    CqRing cq = new CqRing(cqRange, nr);
    Kioctx ctx = new Kioctx(memory, sq, cq, flags, nr);
    KioctxTable.of(mm, this).add(ctx);
    RawMemory.putLong(ctxp, memory.ring());
    return 0;
  }

  private static void unmap(@Nullable ContextMemory memory, @Nullable MappedRange sq, @Nullable MappedRange cq) {
    if (memory != null) {
      memory.unmap();
    }
    if (sq != null) {
      sq.unmap();
    }
    if (cq != null) {
      cq.unmap();
    }
  }

  /**
   * Ends a context: takes it from the program, waits for its requests, lets go of its memory.
   *
   * @param current the calling task
   * @param id the context; any value at all
   * @return 0 or -EINVAL
   */
  @LinuxSource(file = "fs/aio.c", name = "io_destroy")
  public long ioDestroy(Task current, long id) {
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    boolean first = destroy(KioctxTable.of(current.mm(), this), ctx, 1);
    ctx.put();
    return first ? 0 : -Errno.EINVAL;
  }

  boolean destroy(KioctxTable table, Kioctx ctx, int ownReferences) {
    if (!ctx.kill()) {
      return false;
    }
    table.remove(ctx);
    ctx.free(ownReferences);
    aioNr.getAndAdd(-ctx.maxReqs());
    return true;
  }

  /**
   * Submits entries of the SQ ring and waits for events in the CQ ring.
   *
   * @param current the calling task
   * @param id the context; any value at all
   * @param toSubmit u32: entries to take at most
   * @param minComplete u32: events to wait for
   * @param flags IORING_FLAG_*
   * @return entries accepted, or -EINVAL, -EBUSY, -EOVERFLOW, -EINTR, or what the first entry failed with
   */
  @Patch(26)
  @LinuxSource(file = "fs/aio.c", name = "io_ring_enter")
  public long ioRingEnter(Task current, long id, int toSubmit, int minComplete, int flags) {
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    long result = (flags & ~ENTER_FLAGS_KNOWN) != 0 ? -Errno.EINVAL : ctx.ringEnter(current, toSubmit, minComplete, flags);
    ctx.put();
    return result;
  }
}
