// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskPlug;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioSigset;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The system calls of aio, and the state that all contexts of a kernel share: the count of reserved
 * requests and the work queue.
 *
 * <p>There is one instance for each kernel. All calls run in process context, accept any value of
 * any argument, and return a result or a negative errno.
 */
@LinuxSource(file = "fs/aio.c")
public final class Aio {
  static final int CPUS = Runtime.getRuntime().availableProcessors();

  private static final int SQ_FLAGS =
      AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQWQ | AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int FLAGS_KNOWN =
      AioAbi.IOCTX_FLAG_USERIOCB
          | AioAbi.IOCTX_FLAG_IOPOLL
          | AioAbi.IOCTX_FLAG_FIXEDBUFS
          | AioAbi.IOCTX_FLAG_SCQRING
          | SQ_FLAGS;
  private static final int ENTER_FLAGS_KNOWN =
      AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS;
  private static final long MAX_EVENTS = 0x1000_0000L / IoEvent.SIZE;
  private static final int SIGSET_SIZE = 8;
  private static final long NANOS = 1_000_000_000L;

  /** Timeouts of this many seconds or more are infinite. */
  @LinuxSource(file = "include/linux/ktime.h", name = "KTIME_SEC_MAX")
  private static final long KTIME_SEC_MAX = Long.MAX_VALUE / NANOS;

  private final AtomicLong aioNr = new AtomicLong();
  private final WorkQueue workQueue;
  private final SqThreads sqThreads;
  private final Supplier<TaskPlug> plugs;

  /**
   * Creates the aio of a kernel.
   *
   * @param kernelProcess the process that owns the work queue's threads
   * @param plugs creates a plug for each submitter
   */
  public Aio(UserProcess kernelProcess, Supplier<TaskPlug> plugs) {
    this(kernelProcess, plugs, Thread::new);
  }

  /**
   * Creates the aio of a kernel with a given thread factory.
   *
   * @param kernelProcess the process that owns the work queue's threads
   * @param plugs creates a plug for each submitter
   * @param threads creates the threads of SQTHREAD, SQPOLL and SQWQ without starting them
   */
  Aio(UserProcess kernelProcess, Supplier<TaskPlug> plugs, ThreadFactory threads) {
    this.plugs = plugs;
    sqThreads = new SqThreads(threads);
    workQueue = new WorkQueue(kernelProcess, "aio-work", 2 * CPUS);
  }

  /**
   * Returns the number of requests that the contexts of this kernel reserve. It is 0 if no context
   * exists.
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_nr")
  public long aioNr() {
    return aioNr.get();
  }

  /**
   * Describes the contexts of a process, for a dump. From any context; takes no lock.
   *
   * @param mm the memory of the process
   * @return for each context a line with its flags and counts, and a line with the indices of its
   *     rings. With {@link io.pollux.core.Debug#ON} also a line for each of its requests. Empty if
   *     there is no context.
   */
  public static List<String> describe(AddressSpace mm) {
    return mm.ioctxTable() instanceof KioctxTable contexts ? contexts.describe() : List.of();
  }

  private static void entered(Task current) {
    if (Debug.ON) {
      current.checkInKernel();
    }
  }

  // Creating and destroying contexts.

  /**
   * Creates an ordinary context.
   *
   * @param current the calling task
   * @param nr u32: requests of the context
   * @param ctxp user address where the id is stored; its current value must be 0
   * @return 0, -EINVAL, -EFAULT, -EAGAIN, -ENOMEM
   */
  @LinuxSource(file = "fs/aio.c", name = "io_setup")
  public long ioSetup(Task current, int nr, long ctxp) {
    return ioSetup2(current, nr, 0, 0, 0, 0, ctxp);
  }

  /**
   * Creates a context. The flags select rings, polling, user-mapped iocbs, fixed buffers and
   * threads.
   *
   * @param current the calling task
   * @param nr u32: entries of the rings, requests of the context
   * @param flags IOCTX_FLAG_*
   * @param iocbs user address of the iocbs, with USERIOCB
   * @param sqRing user address of the SQ ring, with SCQRING
   * @param cqRing user address of the CQ ring, with SCQRING
   * @param ctxp user address where the id is stored; its current value must be 0
   * @return 0, -EINVAL, -EFAULT, -EAGAIN, -ENOMEM
   */
  @Patch({13, 26})
  @LinuxSource(file = "fs/aio.c", name = "io_setup2")
  public long ioSetup2(
      Task current, int nr, int flags, long iocbs, long sqRing, long cqRing, long ctxp) {
    entered(current);
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
    if (!flagsGoTogether(flags)) {
      return -Errno.EINVAL;
    }
    long maxReqs = Integer.toUnsignedLong(nr);
    if (Math.max(maxReqs, 4L * CPUS) * 2 > MAX_EVENTS) {
      return -Errno.EINVAL;
    }
    if (!reserve(maxReqs)) {
      return -Errno.EAGAIN;
    }
    int result = -Errno.ENOMEM;
    try {
      result = setup(current, new ContextSetup(current, nr, flags), iocbs, sqRing, cqRing, ctxp);
    } finally {
      if (result != 0) {
        aioNr.getAndAdd(-maxReqs);
      }
    }
    return result;
  }

  /**
   * Creates a context whose requests are already counted. After an error or an exception nothing of
   * it remains.
   */
  private int setup(
      Task current, ContextSetup setup, long iocbs, long sqRing, long cqRing, long ctxp) {
    AddressSpace mm = current.mm();
    Kioctx ctx = null;
    boolean stored = false;
    try {
      int errno = setup.pin(iocbs, sqRing, cqRing);
      if (errno != 0) {
        return errno;
      }
      if (!mm.accessOk(ctxp, Long.BYTES, true)) {
        return -Errno.EFAULT;
      }
      ctx = setup.make(workQueue, plugs);
      RingEntry rings = ctx.entry();
      errno = rings == null ? 0 : rings.start(current.process(), sqThreads);
      if (errno != 0) {
        return errno;
      }
      KioctxTable.of(mm, this).add(ctx);
      RawMemory.putLong(ctxp, ctx.userId()); // last: a thread that reads the id finds the context
      stored = true;
      return 0;
    } finally {
      if (!stored) {
        undo(mm, setup, ctx);
      }
    }
  }

  private static void undo(AddressSpace mm, ContextSetup setup, @Nullable Kioctx ctx) {
    if (ctx == null) {
      setup.unpin();
    } else if (ctx.kill()) { // the thread could not be created, or something was thrown
      if (mm.ioctxTable() instanceof KioctxTable contexts) {
        contexts.remove(ctx);
      }
      ContextEnd.free(ctx, 0);
    }
  }

  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why = "USERIOCB with SCQRING is EINVAL. The posting leaves it open.",
      test = "IoSetup2Test#refusesFlagsThatDoNotGoTogether")
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "SQWQ with IOPOLL is EINVAL, because a worker would have to poll for the request that it"
              + " waits for.",
      test = "SqThreadTest#flagsThatDoNotGoTogether")
  private static boolean flagsGoTogether(int flags) {
    boolean rings = (flags & AioAbi.IOCTX_FLAG_SCQRING) != 0;
    boolean userIocb = (flags & AioAbi.IOCTX_FLAG_USERIOCB) != 0;
    boolean fixed = (flags & AioAbi.IOCTX_FLAG_FIXEDBUFS) != 0;
    boolean workers = (flags & AioAbi.IOCTX_FLAG_SQWQ) != 0;
    if (rings ? userIocb : (flags & SQ_FLAGS) != 0) {
      return false;
    }
    if (fixed && !rings && !userIocb) {
      return false;
    }
    // a worker would poll for the request that it waits for
    return !workers || (flags & AioAbi.IOCTX_FLAG_IOPOLL) == 0;
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

  /**
   * Destroys a context: removes it from the table, waits for its requests, and releases its memory.
   *
   * @param current the calling task
   * @param id the context
   * @return 0 or -EINVAL
   */
  @LinuxSource(file = "fs/aio.c", name = "io_destroy")
  public long ioDestroy(Task current, long id) {
    entered(current);
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    try {
      return destroy(KioctxTable.of(current.mm(), this), ctx, 1) ? 0 : -Errno.EINVAL;
    } finally {
      ctx.put();
    }
  }

  boolean destroy(KioctxTable table, Kioctx ctx, int ownReferences) {
    if (!ctx.kill()) {
      return false;
    }
    destroyKilled(table, ctx, ownReferences);
    return true;
  }

  void destroyKilled(KioctxTable table, Kioctx ctx, int ownReferences) {
    try {
      table.remove(ctx);
      ContextEnd.free(ctx, ownReferences);
    } finally {
      aioNr.getAndAdd(-Integer.toUnsignedLong(ctx.maxReqs()));
    }
  }

  // Submitting.

  /**
   * Submits requests in order, up to the first that fails.
   *
   * @param current the calling task
   * @param id the context
   * @param nr number of requests; limited to the capacity of the context
   * @param iocbpp user address of an array of iocb pointers or, with USERIOCB, of indices
   * @return number of requests queued, or the errno of the first request if it failed
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why =
          "io_submit on a polled context takes at most nr_events requests. The posting takes at"
              + " most 127, the slots of its old ring.",
      test = "SubmitDifferencesTest#aPolledContextTakesAsManyRequestsAsItHasEvents")
  @Differs(
      patch = 26,
      kind = Differs.Kind.FIXES,
      why =
          "io_submit on a context with rings puts its reference and returns EINVAL. The posting"
              + " keeps the reference, and io_destroy waits for ever.",
      test = "RingDifferencesTest#ioSubmitOnAContextWithRingsLeavesNoReference")
  @Patch({9, 11, 14})
  @LinuxSource(file = "fs/aio.c", name = "io_submit")
  public long ioSubmit(Task current, long id, long nr, long iocbpp) {
    entered(current);
    if (nr < 0) {
      return -Errno.EINVAL;
    }
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    try {
      int most = (int) Math.min(nr, ctx.ordinary() ? ctx.ring().slots() : ctx.maxReqs());
      return ctx.entry() != null
          ? -Errno.EINVAL
          : most == 0 ? 0 : submit(current, ctx, most, iocbpp);
    } finally {
      ctx.put();
    }
  }

  private static long submit(Task current, Kioctx ctx, int nr, long iocbpp) {
    Submitter submitter = Submitter.start(current, ctx, nr);
    int submitted = 0;
    int result = 0;
    try {
      while (submitted < nr) {
        result = submitOne(current, ctx, submitter, iocbpp + submitted * (long) Long.BYTES);
        if (result != 0) {
          break;
        }
        submitted++;
      }
    } finally {
      submitter.end(current);
    }
    return submitted > 0 ? submitted : result;
  }

  @Patch({11, 14})
  @LinuxSource(file = "fs/aio.c", name = "io_submit_one")
  private static int submitOne(Task current, Kioctx ctx, Submitter submitter, long iocbp) {
    AddressSpace mm = current.mm();
    if (!mm.accessOk(iocbp, Long.BYTES, false)) {
      return -Errno.EFAULT;
    }
    long named = RawMemory.getLong(iocbp);
    if (ctx.has(AioAbi.IOCTX_FLAG_USERIOCB)) {
      if (Long.compareUnsigned(named, ctx.maxReqs()) >= 0) {
        return -Errno.EINVAL;
      }
      submitter.iocb().copyFrom(ctx.memory().iocbFromIndex((int) named));
      return submitter.submitOne(current, (int) named, named, 0);
    }
    if (!mm.accessOk(named, Iocb.SIZE, false)) {
      return -Errno.EFAULT;
    }
    submitter.iocb().copyFrom(named);
    long key = ctx.polled() ? 0 : Iocb.aioKeyAddress(named);
    return submitter.submitOne(current, Submitter.NO_INDEX, named, key);
  }

  /**
   * Cancels a request, if its operation can be cancelled.
   *
   * @param current the calling task
   * @param id the context
   * @param iocb user address of the submitted iocb
   * @param result not used: the event comes through the ring
   * @return -EINPROGRESS if the request was cancelled, -EINVAL, -EFAULT
   */
  @LinuxSource(file = "fs/aio.c", name = "io_cancel")
  public long ioCancel(Task current, long id, long iocb, long result) {
    entered(current);
    long key = Iocb.aioKeyAddress(iocb);
    if (!current.mm().accessOk(key, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    if (RawMemory.getInt(key) != AioAbi.KIOCB_KEY) {
      return -Errno.EINVAL;
    }
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    try {
      boolean can = ctx.ordinary() && !ctx.has(AioAbi.IOCTX_FLAG_USERIOCB);
      return can ? ctx.activeReqs().cancel(iocb) : -Errno.EINVAL;
    } finally {
      ctx.put();
    }
  }

  // Events.

  /**
   * Waits for events and copies them to the program.
   *
   * @param current the calling task
   * @param id the context
   * @param minNr events to wait for
   * @param nr events to take at most
   * @param events user address of an array of io_event
   * @param timeout user address of a timespec, or 0 to wait without a timeout
   * @return number of events, or -EINVAL, -EFAULT, -EINTR, -EBUSY
   */
  @LinuxSource(
      file = "fs/aio.c",
      name = {"io_getevents", "do_io_getevents"})
  public long ioGetevents(Task current, long id, long minNr, long nr, long events, long timeout) {
    entered(current);
    long nanos = EventReader.FOREVER;
    if (timeout != 0) {
      if (!current.mm().accessOk(timeout, Timespec.SIZE, false)) {
        return -Errno.EFAULT;
      }
      nanos = nanos(Timespec.tvSec(timeout), Timespec.tvNsec(timeout));
    }
    return getevents(current, id, minNr, nr, events, nanos);
  }

  /**
   * Calls {@link #ioGetevents} with a temporary signal mask.
   *
   * @param current the calling task
   * @param id the context
   * @param minNr events to wait for
   * @param nr events to take at most
   * @param events user address of an array of io_event
   * @param timeout user address of a timespec, or 0 to wait without a timeout
   * @param usig user address of a __aio_sigset, or 0
   * @return as {@link #ioGetevents}
   */
  @LinuxSource(file = "fs/aio.c", name = "io_pgetevents")
  public long ioPgetevents(
      Task current, long id, long minNr, long nr, long events, long timeout, long usig) {
    entered(current);
    AddressSpace mm = current.mm();
    if (timeout != 0 && !mm.accessOk(timeout, Timespec.SIZE, false)) {
      return -Errno.EFAULT;
    }
    if (usig == 0) {
      return ioGetevents(current, id, minNr, nr, events, timeout);
    }
    if (!mm.accessOk(usig, AioSigset.SIZE, false)) {
      return -Errno.EFAULT;
    }
    long mask = AioSigset.sigmask(usig);
    if (mask == 0) {
      return ioGetevents(current, id, minNr, nr, events, timeout);
    }
    if (AioSigset.sigsetsize(usig) != SIGSET_SIZE) {
      return -Errno.EINVAL;
    }
    if (!mm.accessOk(mask, SIGSET_SIZE, false)) {
      return -Errno.EFAULT;
    }
    long before = current.setBlockedSignals(RawMemory.getLong(mask));
    try {
      return ioGetevents(current, id, minNr, nr, events, timeout);
    } finally {
      current.setBlockedSignals(before);
    }
  }

  private static long getevents(
      Task current, long id, long minNr, long nr, long events, long nanos) {
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    try {
      if (ctx.entry() != null || minNr < 0 || minNr > nr) {
        return -Errno.EINVAL;
      }
      int max = (int) Math.min(nr, Integer.MAX_VALUE);
      EventReader reader = EventReader.start(current, ctx, (int) Math.min(minNr, max), max, events);
      try {
        return ctx.polled() ? poll(current, ctx, reader, nanos) : reader.read(current, nanos);
      } finally {
        reader.end();
      }
    } finally {
      ctx.put();
    }
  }

  private static long poll(Task current, Kioctx ctx, EventReader reader, long nanos) {
    if (!ctx.tryEnter()) {
      return -Errno.EBUSY;
    }
    try {
      return ctx.isDead() ? -Errno.EINVAL : reader.poll(current, nanos);
    } catch (Throwable e) {
      ctx.setFailed();
      throw e;
    } finally {
      ctx.leave();
    }
  }

  /**
   * Converts a timeout to nanoseconds: the sum of both fields. No call checks the fields, so {0,
   * 2,000,000,000} is two seconds and {1, -500,000,000} is half a second. A sum that overflows is
   * infinite. A negative sum expires at once; in Linux it overflows in the timer and never expires.
   */
  @LinuxSource(
      file = "include/linux/ktime.h",
      name = {"timespec64_to_ktime", "ktime_set"})
  static long nanos(long seconds, long nanoseconds) {
    if (seconds >= KTIME_SEC_MAX) {
      return EventReader.FOREVER;
    }
    if (seconds < -KTIME_SEC_MAX) {
      return 0; // tv_nsec cannot make this positive
    }
    long sum = seconds * NANOS + nanoseconds;
    if (seconds > 0 && nanoseconds > 0 && sum < 0) {
      return EventReader.FOREVER;
    }
    return seconds < 0 && nanoseconds < 0 ? 0 : Math.max(0, sum);
  }

  /**
   * Submits entries of the SQ ring and waits for events in the CQ ring.
   *
   * @param current the calling task
   * @param id the context
   * @param toSubmit u32: entries to take at most
   * @param minComplete u32: events to wait for
   * @param flags IORING_FLAG_*
   * @return entries accepted, or -EINVAL, -EBUSY, -EOVERFLOW, -EINTR, -EAGAIN while too many events
   *     are kept, or the first entry's errno
   */
  @Patch(26)
  @LinuxSource(file = "fs/aio.c", name = "io_ring_enter")
  public long ioRingEnter(Task current, long id, int toSubmit, int minComplete, int flags) {
    entered(current);
    Kioctx ctx = KioctxTable.lookup(current.mm(), id);
    if (ctx == null) {
      return -Errno.EINVAL;
    }
    try {
      return enter(current, ctx, ctx.entry(), toSubmit, minComplete, flags);
    } finally {
      ctx.put();
    }
  }

  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why = "Unknown flags of io_ring_enter are EINVAL. The posting ignores them.",
      test = "IoRingEnterTest#neitherFlagDoesNothing")
  private static long enter(
      Task current,
      Kioctx ctx,
      @Nullable RingEntry rings,
      int toSubmit,
      int minComplete,
      int flags) {
    if (rings == null) {
      return -Errno.EINVAL;
    }
    if (!ctx.tryEnter()) {
      return -Errno.EBUSY;
    }
    try {
      boolean invalid = ctx.isDead() || (flags & ~ENTER_FLAGS_KNOWN) != 0;
      return invalid ? -Errno.EINVAL : rings.enter(current, toSubmit, minComplete, flags);
    } catch (Throwable e) {
      ctx.setFailed();
      throw e;
    } finally {
      ctx.leave();
    }
  }
}
