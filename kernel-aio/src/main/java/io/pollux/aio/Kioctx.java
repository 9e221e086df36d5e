// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.TaskPlug;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One context: struct kioctx. It counts users and requests in flight, and accepts completions.
 * {@link RingEntry} and {@link Aio} submit requests; the rings deliver events; {@link ContextEnd}
 * frees the context. The package describes locks and ownership.
 */
@LinuxSource(file = "fs/aio.c", name = "kioctx")
final class Kioctx {
  private static final VarHandle DEAD = handle("dead", boolean.class);
  private static final VarHandle USERS = handle("users", int.class);
  private static final VarHandle REQUESTS = handle("requests", long.class);
  private static final VarHandle ENTERED = handle("entered", boolean.class);

  /**
   * Requests in flight and kept events for each of a context's nr_events. aio_max_nr limits the sum
   * of nr_events, so this bounds the requests of all polled and ring contexts together.
   */
  private static final int REQUESTS_PER_EVENT = 16;

  private final long userId; // C: user_id
  private final ContextMemory memory;
  private final @Nullable FixedBuffers buffers; // C: user_bufs
  private final WorkQueue workQueue;
  private final Supplier<TaskPlug> plugs;
  private final int flags;
  private final int maxReqs;
  private final int mostRequests;
  private final CompletionRing ring;
  private final @Nullable ScqRing rings;
  private final @Nullable RingEntry entry; // non-null with rings
  private final boolean oneInside;
  private final IopollList iopoll;

  private final Object completionLock = new Object();

  // These are fields of the context, so that a context which is not in the cache takes fewer cache
  // misses. C uses separate cache lines and counters for each processor, which pay off on machines
  // with many processors.
  private volatile boolean dead;
  private volatile int users; // calls that use the context (C: percpu_ref users)
  private volatile long requests; // requests counted (C: percpu_ref reqs)
  private volatile boolean entered; // the enter lock (C: getevents_lock)
  // something threw in a call, a completion or a thread of this context
  private volatile boolean failed;
  // teardown has left the polled requests to the call that is still inside
  private volatile boolean drainsLast;

  private final WaitQueue wait = new WaitQueue();
  private final ActiveReqs activeReqs = new ActiveReqs();
  private final AbandonedList abandoned = new AbandonedList();
  private final long lostBefore = Oops.lostRequests();
  private final ContextDump dump;

  private static VarHandle handle(String name, Class<?> type) {
    try {
      return MethodHandles.lookup().findVarHandle(Kioctx.class, name, type);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Creates a context from pinned memory. The rings are non-null with SCQRING. */
  Kioctx(
      ContextMemory memory,
      WorkQueue workQueue,
      Supplier<TaskPlug> plugs,
      int flags,
      int maxReqs,
      @Nullable SqRing sq,
      @Nullable CqRing cq) {
    this.userId = memory.ring();
    this.memory = memory;
    this.buffers = memory.buffers();
    this.workQueue = workQueue;
    this.plugs = plugs;
    this.flags = flags;
    this.maxReqs = maxReqs;
    this.mostRequests = (int) Math.min(AioAbi.AIO_MAX_NR, (long) REQUESTS_PER_EVENT * maxReqs);
    this.ring = memory.completionRing();
    this.rings = sq == null || cq == null ? null : new ScqRing(sq, cq, completionLock);
    this.entry = rings == null ? null : new RingEntry(this, rings);
    oneInside =
        rings != null && polled() && !has(AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQPOLL);
    iopoll = new IopollList(this);
    dump = new ContextDump(this, sq, cq);
  }

  /** Returns the context's id: the address of its old completion ring. */
  long userId() {
    return userId;
  }

  ContextMemory memory() {
    return memory;
  }

  /** The fixed buffers, or null without FIXEDBUFS. */
  @Nullable FixedBuffers buffers() {
    return buffers;
  }

  /** Creates a plug for a submitter. */
  TaskPlug newPlug() {
    return plugs.get();
  }

  WorkQueue workQueue() {
    return workQueue;
  }

  int maxReqs() {
    return maxReqs;
  }

  int flags() {
    return flags;
  }

  /** Requests in flight and kept events at which a polled or ring context refuses submissions. */
  @Differs(
      patch = 7,
      kind = Differs.Kind.OURS,
      why =
          "A polled or ring context has at most 16 × nr_events requests and kept events, and at"
              + " most 65,536: EAGAIN. The posting has no limit.",
      test = "RingLimitTest#aSmallContextHoldsFewRequests")
  int mostRequests() {
    return mostRequests;
  }

  IopollList iopoll() {
    return iopoll;
  }

  CompletionRing ring() {
    return ring;
  }

  /** The calls on the SQ and CQ rings, or null without rings. */
  @Nullable RingEntry entry() {
    return entry;
  }

  /** The SQ and CQ rings, or null without SCQRING. */
  @Nullable ScqRing rings() {
    return rings;
  }

  WaitQueue waitQueue() {
    return wait;
  }

  /** Returns the lock under which events are posted, to be taken at once. */
  Object completionLock() {
    completionOrder();
    return completionLock;
  }

  private void completionOrder() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_COMPLETION, completionLock);
    }
  }

  /** Records the lock of the poller, if the thread holds it. */
  void pollOrder(ReentrantLock pollers) {
    if (Debug.ON && pollers.isHeldByCurrentThread()) {
      LockOrder.enter(LockClass.AIO_POLL, pollers);
    }
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /**
   * Whether requests are executed outside the submitting call, by a submission thread or by
   * workers.
   */
  boolean hasThreads() {
    return has(AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQPOLL | AioAbi.IOCTX_FLAG_SQWQ);
  }

  boolean polled() {
    return has(AioAbi.IOCTX_FLAG_IOPOLL);
  }

  /** Whether events go to the old completion ring, so that each request needs a slot of it. */
  @LinuxSource(file = "fs/aio.c", name = "aio_ctx_old_ring")
  boolean ordinary() {
    return !polled() && rings == null;
  }

  /**
   * Whether only the thread inside io_ring_enter submits and polls. The enter lock is then the only
   * lock needed.
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "On a polled ring context without a thread, the enter flag guards the list of requests"
              + " and their count. The posting takes locks there.",
      test = "RingDifferencesTest#aPolledContextWithoutAThreadHasOneThreadInside")
  boolean oneInside() {
    return oneInside;
  }

  boolean isDead() {
    return dead;
  }

  ContextDump dump() {
    return dump;
  }

  /**
   * Records that something threw in this context: teardown may abandon requests that make no
   * progress. From any context.
   */
  void setFailed() {
    failed = true;
  }

  /** Whether something threw in this context. */
  boolean hasFailed() {
    return failed;
  }

  /** Whether a request in flight may be lost: no code can complete it. */
  boolean mayHaveLost() {
    return Oops.lostRequests() != lostBefore;
  }

  /** {@return the requests that can be cancelled} */
  ActiveReqs activeReqs() {
    return activeReqs;
  }

  /** {@return the requests that a device may have although their file threw} */
  AbandonedList abandoned() {
    return abandoned;
  }

  // Users: calls that are inside the context or about to enter it.

  /** Takes a user reference, unless the context is dead. */
  boolean get() {
    USERS.getAndAdd(this, 1);
    if (dead) { // after the increment: pairs with kill, which sets dead before it reads users
      put();
      return false;
    }
    return true;
  }

  void put() {
    USERS.getAndAdd(this, -1);
    if (dead) {
      putDead();
    }
  }

  private void putDead() {
    wait.wakeUp();
    if (drainsLast) {
      Oops.contain("the end of an aio context", this::drainLast);
    }
  }

  /** Takes the enter lock. Returns false if another thread holds it (EBUSY). */
  boolean tryEnter() {
    boolean mine = !entered && ENTERED.compareAndSet(this, false, true);
    if (Debug.ON && mine) {
      LockOrder.tried(LockClass.AIO_ENTER, this);
    }
    return mine;
  }

  void leave() {
    if (Debug.ON) {
      LockOrder.release(LockClass.AIO_ENTER, this);
    }
    ENTERED.setRelease(this, false); // pairs with the next one's compareAndSet
  }

  /** Calls that use the context. */
  int users() {
    return users;
  }

  // Requests.

  long requests() {
    return requests;
  }

  @Patch(20)
  void iocbGetMany(int n) {
    if (oneInside) {
      REQUESTS.setRelease(this, (long) REQUESTS.get(this) + n);
    } else {
      REQUESTS.getAndAdd(this, (long) n);
    }
  }

  /** Subtracts completed requests. The context may be freed after this. */
  @Patch(20)
  @LinuxSource(file = "fs/aio.c", name = "iocb_put_many")
  void iocbPutMany(int n) {
    if (n == 0) {
      return;
    }
    if (oneInside) { // without a waiter: teardown polls for these requests itself
      REQUESTS.setRelease(this, (long) REQUESTS.get(this) - n);
      return;
    }
    long left = (long) REQUESTS.getAndAdd(this, (long) -n) - n;
    assert left >= 0 : "more requests ended than began";
    if (left == 0 && wait.active()) { // full order before it: no waiter is missed
      wait.wakeUp();
    }
  }

  @Differs(
      patch = 7,
      kind = Differs.Kind.SIMPLER,
      why =
          "The free slots of the old ring are one count under completionLock. The posting keeps a"
              + " part of them on each processor, in units of req_batch.",
      test = "SubmitDifferencesTest#theSlotsOfAContextAreOneCountForAllThreads")
  @Patch(7)
  @LinuxSource(file = "fs/aio.c", name = "get_reqs_available")
  boolean getReqsAvailable() {
    completionOrder();
    synchronized (completionLock) {
      return ring.getReqsAvailable();
    }
  }

  @Patch(7)
  @LinuxSource(file = "fs/aio.c", name = "put_reqs_available")
  void putReqsAvailable() {
    completionOrder();
    synchronized (completionLock) {
      ring.putReqsAvailable();
    }
  }

  /**
   * Whether submissions are refused until the program reaps. Not for polled contexts, which keep no
   * events.
   */
  boolean isFull() {
    RingEntry calls = entry;
    return calls == null ? requests >= mostRequests : calls.isFull();
  }

  /** Whether the submission thread still has entries or requests to submit. */
  boolean submissionsPending() {
    RingEntry calls = entry;
    return calls != null && calls.submissionsPending();
  }

  // Completions of requests that are not polled: any context.

  /**
   * Completes a request: puts its file, then posts its event, as {@link #complete(AioKiocb, int,
   * long, long)} does. From any context.
   */
  @Patch(25)
  @LinuxSource(file = "fs/aio.c", name = "aio_complete")
  void complete(AioKiocb req, long res, long res2) {
    complete(req, req.generation(), res, res2);
  }

  /**
   * Completes one use of a request, unless it has ended. From any context. The submitter, whose
   * file threw, or another completion may end it at the same time; completionLock decides.
   * Whichever ends the use releases what the request holds. The request is freed, or kept with its
   * event.
   *
   * @param generation the use of the object
   */
  void complete(AioKiocb req, int generation, long res, long res2) {
    File file = null;
    File eventfd = null;
    SqWork work = null;
    boolean last = false;
    boolean told = false;
    boolean ends;
    if (Trace.on() && req.generation() == generation) {
      AioTrace.complete(this, req, res, res2);
    }
    completionOrder();
    synchronized (completionLock) {
      ends = req.endUse(generation);
      if (ends) {
        req.res = res;
        req.res2 = res2;
        eventfd = req.eventfd;
        req.eventfd = null;
        work = req.work;
        req.work = null;
        file = req.kiFilp;
        req.kiFilp = null;
        last = file != null && file.drop();
        if (!last) {
          told = post(req);
        }
      }
    }
    if (!ends) {
      completedLate(req, generation, res, res2);
      return;
    }
    if (last && file != null) {
      told = releaseAndPost(file, req);
    }
    if (work != null) {
      work.free();
    }
    if (eventfd != null) {
      signal(eventfd);
    }
    if (told) {
      req.free();
    }
    iocbPutMany(1);
    wait.wakeUp();
    if (entry != null) {
      entry.wakeStalled();
    }
  }

  /** Releases the file without the lock, because that calls the file. Then posts the event. */
  private boolean releaseAndPost(File file, AioKiocb req) {
    file.release();
    completionOrder();
    synchronized (completionLock) {
      return post(req);
    }
  }

  /** Marks a request complete that its submitter has undone, and puts its file. */
  private void completedLate(AioKiocb req, int generation, long res, long res2) {
    if (req.isAbandoned() && req.generation() == generation) {
      req.markPolled(res, res2); // before the sweep: pairs with AbandonedList.add
      abandoned.sweep();
    }
  }

  /** Posts an event. Under completionLock. Returns whether the request can be freed. */
  private boolean post(AioKiocb req) {
    try {
      if (rings != null) {
        return rings.complete(req);
      }
      ring.complete(req);
      return true;
    } catch (Throwable e) {
      Oops.report("the event of a request", e, "the event may be lost");
      return false; // the rings may have it
    }
  }

  /**
   * Undoes a request whose file threw, unless its completion or a worker has it. From process
   * context, by the submitter; not on a polled context. A later completion only marks the request.
   *
   * @param generation of the request, before its file was called
   * @param slot whether the request has a slot of the old ring, which is put
   * @return whether the submitter now owns what the request holds
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "A file that throws fails its request with EIO, and one of submitter and completion ends"
              + " the request. In C a file cannot throw.",
      test = "ThrowAndCompleteTest#anEntryHasOneEventWhicheverComesFirst")
  boolean abandon(AioKiocb req, int generation, boolean slot) {
    completionOrder();
    synchronized (completionLock) {
      if (!req.abandon(generation)) {
        return false;
      }
      if (slot) {
        ring.putReqsAvailable();
      }
      return true;
    }
  }

  /**
   * Ends an attempt that would block, so that a worker can retry it. From any context.
   *
   * @return the work that retries it; null if the submitter, whose file threw, has undone it, which
   *     is then over
   */
  @Nullable SqWork endAttempt(AioKiocb req) {
    completionOrder();
    synchronized (completionLock) {
      SqWork work = req.work;
      if (work != null && req.endUse(req.generation())) {
        req.work = null;
        return work;
      }
    }
    completedLate(req, req.generation(), -Errno.EAGAIN, 0);
    return null;
  }

  /**
   * Signals a request's eventfd and puts it. The event is there already, and the request ends even
   * if the eventfd throws.
   */
  private static void signal(File eventfd) {
    try {
      EventfdCtx signalled = EventfdCtx.of(eventfd);
      assert signalled != null;
      signalled.signal(1);
    } catch (Throwable e) {
      Oops.report("the eventfd of a request", e, "the request completes without a signal");
    }
    eventfd.fput();
  }

  // Teardown.

  /**
   * Marks the context dead and wakes its waiters.
   *
   * @return false if the context was dead already
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.OURS,
      why =
          "io_destroy ends the wait of a thread inside io_ring_enter: EINVAL. The posting waits for"
              + " getevents_lock until that thread leaves.",
      test = "IoRingEnterTest#destroyEndsAWaiterAndWaitsForWhatIsInFlight")
  @LinuxSource(file = "fs/aio.c", name = "kill_ioctx")
  boolean kill() {
    if (!DEAD.compareAndSet(this, false, true)) {
      return false;
    }
    if (entry != null) {
      entry.kill();
    }
    wait.wakeUp();
    return true;
  }

  /**
   * Polls for the requests of a dead context. The lists have one poller, so a call that is still
   * inside polls for them when it leaves. From process context.
   *
   * @throws IllegalStateException as {@link IopollList#drain}
   */
  void drainAfterLastCall() {
    drainsLast = true; // before tryEnter: pairs with put, which follows leave
    drainLast();
  }

  private void drainLast() {
    if (drainsLast && tryEnter()) {
      try {
        drainsLast = false;
        iopoll.drain();
      } finally {
        leave();
      }
    }
  }
}
