// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The users of a context's {@link ScqRing}: io_ring_enter, the submission thread and the workers.
 *
 * <p>With SQTHREAD only the submission thread takes entries; otherwise the thread inside
 * io_ring_enter does. On a polled context the holder of {@code pollLock} polls and posts events.
 * Without a submission thread the {@code enter} flag is enough.
 */
@Patch(26)
@LinuxSource(file = "fs/aio.c")
final class RingEntry {
  /**
   * Maximum number of entries taken before the head is published. The program writes to the head's
   * cache line too.
   */
  private static final int COMMIT_EVERY = AioAbi.AIO_IOPOLL_BATCH;

  /**
   * How long the submission thread waits before a retry if other contexts hold all tags of the
   * device.
   */
  private static final long NO_TAG_NAP_NANOS = 20_000;

  private final Kioctx ctx;
  private final ScqRing rings;
  private final SqRing sq;
  private final CqRing cq;
  private final BooleanSupplier eventsOrEnd; // the wait condition of a caller, allocated once
  // the caller and the submission thread
  private final ReentrantLock pollLock = new ReentrantLock();
  private @Nullable SqThread thread;
  private @Nullable WorkQueue workers;
  private @Nullable SqThreads counted; // counts the threads of this context
  private int count;
  private volatile boolean stalled; // the submission thread found no room

  RingEntry(Kioctx ctx, ScqRing rings) {
    this.ctx = ctx;
    this.rings = rings;
    sq = rings.sq();
    cq = rings.cq();
    eventsOrEnd = () -> somethingToSee() || ctx.isDead() || threadFailed();
  }

  /**
   * Starts the thread or creates the workers that the flags ask for. Called once, before the
   * program knows the context's id.
   *
   * @return 0, or -EAGAIN at the limit or if the host cannot create a thread
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_sq_thread_start")
  int start(UserProcess process, SqThreads threads) {
    boolean submits = ctx.has(AioAbi.IOCTX_FLAG_SQTHREAD) || ctx.has(AioAbi.IOCTX_FLAG_SQPOLL);
    int most =
        ctx.has(AioAbi.IOCTX_FLAG_SQWQ)
            ? Math.max(1, Math.min(ctx.maxReqs() - 1, 2 * Aio.CPUS))
            : 0;
    int wanted = most + (submits ? 1 : 0);
    if (!threads.reserve(wanted)) {
      return -Errno.EAGAIN;
    }
    counted = threads;
    count = wanted;
    try {
      if (most > 0) {
        workers = new WorkQueue(process, most, loop -> threads.newThread("aio-sqwq", loop));
      }
      if (submits) {
        SqThread started = new SqThread(ctx, this, sq, process, threads);
        started.start();
        thread = started;
      }
      return 0;
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      return -Errno.EAGAIN;
    }
  }

  private WorkQueue sqWorkers() {
    WorkQueue queue = workers;
    assert queue != null : "a context without workers";
    return queue;
  }

  /** Whether the submission thread will take entries, or requests that it took are in flight. */
  boolean submissionsPending() {
    SqThread submitter = thread;
    return submitter != null
        && !submitter.hasFailed()
        // in this order: the thread counts a request before it takes the entry off the ring
        && ((!sq.isEmpty() && !submitter.sleeps()) || ctx.requests() != 0)
        && !iopollFull();
  }

  private boolean iopollFull() {
    return ctx.polled() && ctx.iopoll().isFull();
  }

  /**
   * Whether submissions are refused until the program reaps. The kernel keeps as many events as the
   * CQ ring has entries, plus those of requests in flight when it reaches that number. (The posted
   * series drops events instead.)
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "io_ring_enter submits nothing while as many events are kept as the CQ ring has entries:"
              + " EAGAIN. The posting keeps no events.",
      test = "RingLimitTest#submissionsAreEagainWhileAsManyEventsAreKeptAsTheRingHasPlaces")
  boolean isFull() {
    int events = rings.kept();
    return events >= ctx.maxReqs() || ctx.requests() + events >= ctx.mostRequests();
  }

  // io_ring_enter.

  /**
   * Submits and waits. From process context, with a user reference and the enter lock.
   *
   * @return requests accepted, or a negative errno
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "SUBMIT and GETEVENTS with to_submit 0 still wait for events. The posting returns 0 at"
              + " once.",
      test = "RingDifferencesTest#withoutEntriesToSubmitGetEventsStillWaits")
  @LinuxSource(file = "fs/aio.c", name = "__io_ring_enter")
  long enter(Task current, int toSubmit, int minComplete, int flags) {
    if (rings.mustFlush() && flushOverflow()) {
      return -Errno.EOVERFLOW;
    }
    boolean submit = (flags & AioAbi.IORING_FLAG_SUBMIT) != 0 && toSubmit != 0;
    long submitted = 0;
    if (submit) {
      submitted = submit(current, toSubmit);
      if (submitted < 0) {
        return submitted;
      }
    }
    if ((flags & AioAbi.IORING_FLAG_GETEVENTS) != 0) {
      int result = getEvents(current, submit && submitted == 0 ? 0 : minComplete);
      if (result < 0 && submitted == 0) {
        return result;
      }
    }
    return submitted;
  }

  private long submit(Task current, int toSubmit) {
    SqThread submitter = thread;
    if (submitter != null) {
      submitter.wake();
      return submitter.hasFailed() ? -Errno.EIO : Integer.toUnsignedLong(toSubmit);
    }
    int most = (int) Math.min(Integer.toUnsignedLong(toSubmit), ctx.maxReqs());
    return aioRingSubmit(current, most, false);
  }

  /**
   * Takes entries from the SQ ring, in order.
   *
   * @param most maximum number of entries: at most the size of the ring, however fast the program
   *     refills it
   * @param byThread whether a failed entry becomes an event, because no caller sees its errno
   * @return entries taken, or the first entry's errno; in the submission thread only -EAGAIN, for a
   *     retry
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "The tail of the SQ ring is read once for each call. The posting reads it for each"
              + " entry.",
      test = "RingDifferencesTest#entriesThatAreAddedMeanwhileAreForTheNextCall")
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "The head of the SQ ring moves after every 8 entries and at the end. The posting moves it"
              + " after each entry.",
      test = "RingDifferencesTest#theHeadMovesOnceForEightEntries")
  @LinuxSource(file = "fs/aio.c", name = "aio_ring_submit")
  private int aioRingSubmit(Task current, int most, boolean byThread) {
    Submitter submitter = Submitter.start(current, ctx, most);
    int submitted = 0;
    int result = 0;
    int head = sq.head();
    int tail = sq.tail(); // later entries are for the next call
    try {
      while (submitted < most && head != tail) {
        if (byThread && submitted % COMMIT_EVERY == 0) {
          sq.lookAhead(head, tail, COMMIT_EVERY);
        }
        submitter.iocb().copyFrom(sq.iocb(head));
        result = submitEntry(current, submitter, head, byThread);
        if (result != 0 && byThread) {
          result = failFromThread(current, submitter, head, result);
        }
        if (result != 0) {
          break;
        }
        head = sq.next(head);
        if (++submitted % COMMIT_EVERY == 0) {
          sq.commit(head);
        }
      }
    } finally {
      sq.commit(head);
      submitter.end(current);
    }
    return submitted > 0 ? submitted : result;
  }

  /**
   * Submits the entry that the submitter has copied. In the submission thread an exception of the
   * file fails the entry.
   */
  private int submitEntry(Task current, Submitter submitter, int index, boolean byThread) {
    try {
      return workers == null
          ? submitter.submitOne(current, index, index, 0)
          : submitToWorkers(current, submitter, index);
    } catch (Throwable e) {
      if (!byThread) {
        throw e;
      }
      return submitter.oops(current, e);
    }
  }

  /**
   * Posts an event for an entry that the thread could not submit.
   *
   * @return 0, or -EAGAIN if the entry may be accepted later, or there is no room for its event
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why = "An entry that the submission thread cannot submit becomes an event with its errno.",
      test = "SqThreadTest#anEntryThatFailsBecomesAnEvent")
  private int failFromThread(Task current, Submitter submitter, int index, int errno) {
    boolean later = errno == -Errno.EAGAIN && submitter.retry();
    if (later || (ctx.polled() ? ctx.requests() >= ctx.mostRequests() : isFull())) {
      return -Errno.EAGAIN;
    }
    submitter.fail(current, index, errno);
    return 0;
  }

  /** Attempts a read in place if it cannot block. Queues any other entry for a worker. */
  @LinuxSource(file = "fs/aio.c", name = "aio_sq_try_inline")
  private int submitToWorkers(Task current, Submitter submitter, int index) {
    if (isFull()) {
      return submitter.refuse();
    }
    SqWork work = SqWork.of(current, ctx, sqWorkers(), submitter.iocb(), index);
    int opcode = submitter.iocb().aioLioOpcode;
    if (opcode != AioAbi.IOCB_CMD_PREAD && opcode != AioAbi.IOCB_CMD_PREADV) {
      work.queue();
      return 0;
    }
    int result = submitter.submitInline(current, index, work);
    if (result != 0) {
      work.free();
    }
    return result;
  }

  private int getEvents(Task current, int minComplete) {
    if (!ctx.polled()) {
      return aioCqringWait(current, minComplete);
    }
    int min = (int) Math.min(Integer.toUnsignedLong(minComplete), Integer.MAX_VALUE);
    if (ctx.oneInside()) {
      return poll(current, min);
    }
    int result;
    pollLock.lock();
    try {
      result = poll(current, min);
    } finally {
      pollLock.unlock();
    }
    wakeStalled();
    return result;
  }

  private int poll(@Nullable Task current, int min) {
    ctx.pollOrder(pollLock);
    rings.startEvents();
    return ctx.iopoll().check(current, rings, min, Integer.MAX_VALUE, WaitQueue.FOREVER);
  }

  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why = "GETEVENTS returns if nothing is in flight. The posting sleeps until a signal.",
      test = "RingDifferencesTest#nothingInFlightIsNotWaitedFor")
  @LinuxSource(file = "fs/aio.c", name = "aio_cqring_wait")
  private int aioCqringWait(Task current, int minComplete) {
    flushOverflow();
    if (minComplete == 0 || somethingToSee()) {
      return 0;
    }
    int result = ctx.waitQueue().waitEvent(current, eventsOrEnd, WaitQueue.FOREVER);
    if (result != 0 || !cq.isEmpty()) {
      return result;
    }
    return ctx.isDead() ? -Errno.EINVAL : threadFailed() ? -Errno.EIO : 0;
  }

  /** Moves kept events to the ring. Returns whether the overflow was not yet reported. */
  private boolean flushOverflow() {
    boolean untold = rings.flushOverflow();
    wakeStalled();
    return untold;
  }

  private boolean somethingToSee() {
    return !cq.isEmpty() || (ctx.requests() == 0 && !submissionsPending());
  }

  // The submission thread.

  /**
   * Submits the entries of the SQ ring. By the submission thread. Returns whether it made progress.
   */
  boolean submitFromThread(Task current) {
    if (sq.isEmpty()) {
      return false;
    }
    int result = aioRingSubmit(current, ctx.maxReqs(), true);
    if (!ctx.polled()) {
      ctx.waitQueue().wakeUp(); // the requests may have completed before the head advanced
    }
    if (result == -Errno.EAGAIN) {
      return makeRoom();
    }
    stalled = false;
    return result > 0;
  }

  /**
   * Polls for completions, to make room for entries. By the submission thread. Returns whether to
   * retry at once.
   */
  private boolean makeRoom() {
    if (ctx.polled()) {
      pollFromThread();
      if (!iopollFull()) {
        if (ctx.requests() == 0) {
          LockSupport.parkNanos(NO_TAG_NAP_NANOS);
        }
        return true;
      }
    }
    stalled = true; // before the check for room: pairs with wakeStalled
    return !roomIsMissing();
  }

  /** Whether the stalled submission thread still has no room. */
  private boolean roomIsMissing() {
    return ctx.polled() ? iopollFull() : isFull();
  }

  /**
   * Whether the submission thread may sleep until the program makes a call or reaps. By the thread.
   */
  boolean nothingToTake() {
    return sq.isEmpty() || (stalled && roomIsMissing());
  }

  /** Wakes the submission thread if it has stalled and there is room. From any context. */
  void wakeStalled() {
    SqThread submitter = thread;
    if (stalled && submitter != null && !roomIsMissing()) {
      submitter.wake();
    }
  }

  /**
   * Polls once for completions, unless another thread polls. By the submission thread. Returns
   * whether there was an event.
   */
  boolean pollFromThread() {
    if (!pollLock.tryLock()) {
      return false;
    }
    try {
      return poll(null, 0) > 0;
    } finally {
      pollLock.unlock();
    }
  }

  /**
   * Moves kept events to the ring, for a program that makes no calls. By the submission thread.
   * Returns whether an event was moved.
   */
  boolean flushFromThread() {
    return rings.kept() != 0 && rings.moveKept();
  }

  /** Whether the submission thread has completions to poll for. */
  boolean busy() {
    return ctx.requests() != 0 && !iopollFull();
  }

  /** Whether events are kept, so that the submission thread must check for room. */
  boolean holdsEvents() {
    return rings.kept() != 0 || (ctx.requests() != 0 && iopollFull());
  }

  // Teardown.

  /** Whether the submission thread has exited after a kernel failure. No entries are taken then. */
  private boolean threadFailed() {
    SqThread submitter = thread;
    return submitter != null && submitter.hasFailed();
  }

  /**
   * Interrupts all current and future waits of a dead context's thread and workers. From any
   * thread.
   */
  void kill() {
    SqThread running = thread;
    if (running != null) {
      running.kill();
    }
    WorkQueue queue = workers;
    if (queue != null) {
      queue.kill();
    }
  }

  /**
   * Stops the thread of a dead context, and runs the work that no worker has started. From process
   * context.
   */
  void stop() {
    SqThread running = thread;
    if (running != null) {
      running.join();
    }
    WorkQueue queue = workers;
    if (queue != null) {
      queue.drain();
    }
    SqThreads threads = counted;
    if (threads != null) {
      counted = null;
      threads.release(count);
    }
  }
}
