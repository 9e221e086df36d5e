// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** One context: the counterpart of struct kioctx. See the package for who may touch what when. */
@LinuxSource(file = "fs/aio.c", name = "kioctx")
final class Kioctx implements IopollList.Sink {
  private final ContextMemory memory;
  private final boolean polled;
  private final SqRing sq;
  private final CqRing cq;
  private final IopollList iopoll = new IopollList(this);
  private final AioSubmitState state = new AioSubmitState(this);
  private final Submitter submitter;
  private final int maxReqs;

  private final AtomicBoolean dead = new AtomicBoolean();
  private final AtomicInteger users = new AtomicInteger(); // calls that use it (C: percpu_ref users)
  private final AtomicLong requests = new AtomicLong(); // allocated (C: percpu_ref reqs)
  private final AtomicBoolean entered = new AtomicBoolean(); // the enter lock (C: getevents_lock)
  private final WaitQueue wait = new WaitQueue();

  private int cqTail; // where the next event goes; polled: before commit. Owner of the CQ ring

  // Events that found no room, on a context that is not polled; under completionLock.
  private final Object completionLock = new Object();
  private @Nullable AioKiocb overflowHead;
  private @Nullable AioKiocb overflowTail;
  private volatile boolean overflowUntold;

  /** Makes a context of what is pinned for it. */
  Kioctx(ContextMemory memory, SqRing sq, CqRing cq, int flags, int maxReqs) {
    this.memory = memory;
    this.sq = sq;
    this.cq = cq;
    this.maxReqs = maxReqs;
    this.polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    this.submitter = new Submitter(this, polled, memory.buffers(), state, memory.kernelPage());
  }

  ContextMemory memory() {
    return memory;
  }

  int maxReqs() {
    return maxReqs;
  }

  IopollList iopoll() {
    return iopoll;
  }

  boolean isDead() {
    return dead.get();
  }

  // Users: calls that are inside or on their way.

  /** Takes a user reference, unless the context is dead. */
  boolean get() {
    users.getAndIncrement();
    if (dead.get()) { // after the increment: pairs with kill, which sets dead before it looks at users
      put();
      return false;
    }
    return true;
  }

  @LinuxSource(file = "fs/aio.c", name = "percpu_ref_put")
  void put() {
    users.getAndDecrement();
    if (dead.get()) {
      wait.wakeUp();
    }
  }

  // Requests.

  long requests() {
    return requests.get();
  }

  void iocbGetMany(int n) {
    requests.getAndAdd(n);
  }

  /** Forgets requests that are done with. */
  @Patch(20)
  @LinuxSource(file = "fs/aio.c", name = "iocb_put_many")
  void iocbPutMany(int n) {
    if (n == 0) {
      return;
    }
    long left = requests.addAndGet(-n);
    assert left >= 0 : "more requests ended than began";
    if (left == 0) {
      wait.wakeUp();
    }
  }

  // io_ring_enter.

  /**
   * Submits and waits. From process context, with a user reference held.
   *
   * @return requests accepted, or a negative errno
   */
  @Patch(26)
  @LinuxSource(file = "fs/aio.c", name = {"io_ring_enter", "__io_ring_enter"})
  long ringEnter(Task current, int toSubmit, int minComplete, int flags) {
    if (!entered.compareAndSet(false, true)) {
      return -Errno.EBUSY;
    }
    try {
      if (dead.get()) {
        return -Errno.EINVAL;
      }
      if (overflowUntold && flushOverflow()) {
        return -Errno.EOVERFLOW;
      }
      int submitted = 0;
      if ((flags & AioAbi.IORING_FLAG_SUBMIT) != 0 && toSubmit != 0) {
        submitted = aioRingSubmit(current, toSubmit);
        if (submitted < 0) {
          return submitted;
        }
      }
      if ((flags & AioAbi.IORING_FLAG_GETEVENTS) != 0) {
        boolean nothingTaken = submitted == 0 && toSubmit != 0 && (flags & AioAbi.IORING_FLAG_SUBMIT) != 0;
        int result = getEvents(current, nothingTaken ? 0 : minComplete);
        if (result < 0 && submitted == 0) {
          return result;
        }
      }
      return submitted;
    } finally {
      entered.set(false);
    }
  }

  @Patch(26)
  @LinuxSource(file = "fs/aio.c", name = "aio_ring_submit")
  private int aioRingSubmit(Task current, int toSubmit) {
    int most = (int) Math.min(Integer.toUnsignedLong(toSubmit), maxReqs);
    state.start(current, most);
    int submitted = 0;
    int result = 0;
    while (submitted < most) { // bounded by the size of the ring, however fast the program refills it
      int index = sq.peek();
      if (index < 0) {
        break;
      }
      result = submitter.submitOne(current, sq.iocb(index), index);
      if (result != 0) {
        break;
      }
      submitted++;
      sq.commit();
    }
    state.end(current);
    return submitted > 0 ? submitted : result;
  }

  private int getEvents(Task current, int minComplete) {
    if (polled) {
      cqTail = cq.tail();
      int min = (int) Math.min(Integer.toUnsignedLong(minComplete), Integer.MAX_VALUE);
      return iopoll.check(current, this, min, Integer.MAX_VALUE);
    }
    return aioCqringWait(current, minComplete);
  }

  @Patch(26)
  @LinuxSource(file = "fs/aio.c", name = "aio_cqring_wait")
  private int aioCqringWait(Task current, int minComplete) {
    flushOverflow();
    if (minComplete == 0 || !cq.isEmpty() || requests.get() == 0) {
      return 0;
    }
    int result =
        wait.waitEvent(current, () -> !cq.isEmpty() || requests.get() == 0 || dead.get(), WaitQueue.FOREVER);
    return result == 0 && dead.get() && cq.isEmpty() ? -Errno.EINVAL : result;
  }

  // Events of polled requests: the owner of the enter lock calls these.

  @Override
  public boolean event(AioKiocb req) {
    int behind = cq.put(cqTail, req.userData, req.userObj, req.res, req.res2);
    if (behind < 0) {
      return false;
    }
    cqTail = behind;
    return true;
  }

  @Override
  public void commit() {
    cq.commit(cqTail);
  }

  // Events of other requests: any context.

  /** Takes a result and makes an event of it. From any context; the request is no more after it. */
  @LinuxSource(file = "fs/aio.c", name = "aio_complete")
  @Patch(25)
  void complete(AioKiocb req, long res, long res2) {
    req.res = res;
    req.res2 = res2;
    boolean told;
    synchronized (completionLock) {
      told = overflowHead == null && aioCqringComplete(req);
      if (!told) { // later events queue behind earlier ones
        req.next = null;
        if (overflowTail == null) {
          overflowHead = req;
        } else {
          overflowTail.next = req;
        }
        overflowTail = req;
        overflowUntold = true;
      }
    }
    if (told) {
      req.free();
    }
    iocbPutMany(1);
    wait.wakeUp();
  }

  private boolean aioCqringComplete(AioKiocb req) {
    int behind = cq.put(cq.tail(), req.userData, req.userObj, req.res, req.res2);
    if (behind < 0) {
      return false;
    }
    cq.commit(behind);
    return true;
  }

  /** Moves events that were kept to the ring, as far as there is room. Answers whether it is to be told. */
  private boolean flushOverflow() {
    synchronized (completionLock) {
      AioKiocb req = overflowHead;
      while (req != null && aioCqringComplete(req)) {
        AioKiocb following = req.next;
        req.free();
        req = following;
      }
      overflowHead = req;
      if (req == null) {
        overflowTail = null;
      }
      boolean untold = overflowUntold;
      overflowUntold = false;
      return untold;
    }
  }

  // The end.

  /**
   * Marks the context dead and wakes who waits in it.
   *
   * @return false if somebody else was first
   */
  @LinuxSource(file = "fs/aio.c", name = "kill_ioctx")
  boolean kill() {
    if (!dead.compareAndSet(false, true)) {
      return false;
    }
    wait.wakeUp();
    return true;
  }

  /** Waits for users and requests of a dead context and lets go of everything. From process context. */
  @LinuxSource(file = "fs/aio.c", name = "free_ioctx")
  void free(int ownReferences) {
    wait.waitUninterruptibly(() -> users.get() == ownReferences);
    if (polled) {
      iopoll.drain();
    }
    wait.waitUninterruptibly(() -> requests.get() == 0);
    synchronized (completionLock) {
      for (AioKiocb req = overflowHead; req != null; ) {
        AioKiocb following = req.next;
        req.free();
        req = following;
      }
      overflowHead = null;
      overflowTail = null;
    }
    sq.unmap();
    cq.unmap();
    memory.unmap();
  }
}
