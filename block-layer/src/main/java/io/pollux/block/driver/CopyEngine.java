// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.uapi.Differs;
import io.pollux.uapi.RawMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Copies a disk's data on another processor, as a real disk does by DMA. Its thread serves one
 * polled hardware queue, the first with requests for it.
 *
 * <p>The copies are in a ring, with three counts that only increase:
 *
 * <pre>
 *   ended ≤ moved ≤ given ≤ ended + ROOM
 * </pre>
 *
 * <p>The submitter increments given, under a lock. The thread increments moved. The poller
 * increments ended, one thread at a time. A slot of the ring belongs to the submitter until it is
 * given, then to the thread until it is moved, then to the poller. The thread sees only addresses,
 * never a request: the two processors exchange nothing more.
 *
 * <p>Requests without room wait in order and precede later ones. The poller serves the waiting
 * requests itself whenever it finds nothing moved, since it would only spin. It is also the one
 * that serves a request of several pieces at the front, or a request that came alone.
 */
@Differs(
    kind = Differs.Kind.OURS,
    why =
        "A thread of a RAM disk moves a batch before it is polled for, as a device does by DMA. A"
            + " RAM disk of the posting's kernel copies in the submission.",
    test = "CopyEngineTest#aBatchIsMovedWithoutAPollAndCompletesWithOne")
final class CopyEngine implements AutoCloseable {
  /**
   * Maximum number of requests given: enough to keep the thread busy while a program reads events
   * and fills entries.
   */
  static final int ROOM = 24;

  /** Maximum number of requests that a poller serves itself before it checks the ring again. */
  private static final int BY_HAND = 32;

  private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);

  // Positions of the counts, each in a cache line with no other writer.
  private static final int LINE = 8;
  private static final int GIVEN = LINE;
  private static final int MOVED = 2 * LINE;
  private static final int ENDED = 3 * LINE;

  private static final int SLOTS = 32; // a power of two, at least ROOM
  private static final int SLOT_LOG = 2;
  private static final int FROM = 0; // indices of a slot's longs
  private static final int TO = 1;
  private static final int BYTES = 2;

  private final long address;
  private final long[] counts = new long[4 * LINE];
  private final long[] slots = new long[SLOTS << SLOT_LOG];
  private final @Nullable Request[] requests = new Request[SLOTS];
  private final AtomicBoolean ending = new AtomicBoolean();
  private final DiskThread thread;

  // Written under this object's lock; read without it to check for work.
  private volatile @Nullable HwCtx served;
  private volatile @Nullable Request first; // the first waiting request
  private @Nullable Request last;

  /** Makes an engine for the disk whose first byte is at an address. */
  CopyEngine(long address) {
    this.address = address;
    thread = new DiskThread("ram-copy", this::move, this::failed);
  }

  /** Whether the thread has stopped copying for good. From any context. */
  boolean isIdle() {
    return !thread.isAlive() || (long) COUNTS.getAcquire(counts, MOVED) == given();
  }

  private void failed(Throwable thrown) {
    HwCtx hctx = served;
    assert hctx != null : "no queue is served";
    hctx.queue().shutDown("ram-copy", thrown);
  }

  /**
   * Takes requests of a polled queue, if it is the one served.
   *
   * @return whether it has taken them
   */
  synchronized boolean queue(HwCtx hctx, Request chain) {
    if (served == null) {
      served = hctx;
    }
    if (served != hctx) {
      return false;
    }
    // a copy is faster than telling another processor
    boolean alone = chain.next() == null && first == null && given() == ended();
    append(chain);
    if (!alone) {
      give();
    }
    return true;
  }

  private void append(Request chain) {
    if (last == null) {
      first = chain;
    } else {
      last.setNext(chain);
    }
    Request end = chain;
    for (Request request = chain.next(); request != null; request = request.next()) {
      end = request;
    }
    last = end;
  }

  /** Gives waiting requests to the thread, as far as there is room. Under the lock. */
  private void give() {
    long before = given();
    long at = before;
    // pairs with takeMoved: slots before ended are free
    long most = (long) COUNTS.getAcquire(counts, ENDED) + ROOM;
    Request request = first;
    while (request != null && at < most && isOnePiece(request)) {
      fill((int) at & (SLOTS - 1), request);
      at++;
      request = request.next();
    }
    if (at != before) {
      first = request;
      last = request == null ? null : last;
      COUNTS.setRelease(counts, GIVEN, at); // pairs with move
      thread.wake();
    }
  }

  private static boolean isOnePiece(Request request) {
    Bio bio = request.bio();
    return (bio.op() == BlkTypes.REQ_OP_READ || bio.op() == BlkTypes.REQ_OP_WRITE)
        && bio.next() == null
        && bio.vecs() == 1;
  }

  private void fill(int slot, Request request) {
    Bio bio = request.bio();
    long onDisk = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    boolean write = bio.op() == BlkTypes.REQ_OP_WRITE;
    int at = slot << SLOT_LOG;
    slots[at + FROM] = write ? bio.vecAddress(0) : onDisk;
    slots[at + TO] = write ? onDisk : bio.vecAddress(0);
    slots[at + BYTES] = bio.vecLength(0);
    requests[slot] = request;
  }

  private long given() {
    return (long) COUNTS.getOpaque(counts, GIVEN);
  }

  private long ended() {
    return (long) COUNTS.getOpaque(counts, ENDED);
  }

  /**
   * The thread's work: copies what was given and counts it. Returns as {@link
   * DiskThread.Source#expire} does.
   */
  private long move() {
    long at = (long) COUNTS.getOpaque(counts, MOVED);
    long given = (long) COUNTS.getAcquire(counts, GIVEN); // pairs with give
    if (at == given) {
      return -1;
    }
    while (at < given) {
      int slot = ((int) at & (SLOTS - 1)) << SLOT_LOG;
      RawMemory.copy(slots[slot + FROM], slots[slot + TO], slots[slot + BYTES]);
      at++;
      if ((at & 1) == 0 || at == given) { // each new value is a cache miss for the poller
        COUNTS.setRelease(counts, MOVED, at); // pairs with takeMoved
      }
    }
    return 0;
  }

  /**
   * Completes the requests that were moved. From any number of threads at a time. Returns their
   * number.
   */
  int complete(HwCtx hctx) {
    if (served != hctx
        || (long) COUNTS.getOpaque(counts, MOVED) == ended()
        || !ending.compareAndSet(false, true)) {
      return 0;
    }
    Request chain;
    try {
      chain = takeMoved();
    } finally {
      ending.setRelease(false);
    }
    return chain == null ? 0 : hctx.completeAll(chain); // null if another thread was first
  }

  /** Takes the moved requests that have not completed, as a chain. */
  private @Nullable Request takeMoved() {
    long ended = ended();
    long moved = (long) COUNTS.getAcquire(counts, MOVED); // pairs with move
    Request following = null;
    for (long at = moved - 1; at >= ended; at--) {
      Request request = requests[(int) at & (SLOTS - 1)];
      assert request != null : "moved and not given";
      request.setStatus(0);
      request.setNext(following);
      following = request;
    }
    COUNTS.setRelease(counts, ENDED, moved); // pairs with give
    return following;
  }

  /** Takes some of the waiting requests for a poller: a chain, or null. */
  @Nullable Request takeWaiting(HwCtx hctx) {
    return served == hctx && first != null ? takeFirst() : null;
  }

  private synchronized @Nullable Request takeFirst() {
    Request chain = first;
    Request end = chain;
    for (int n = 1; n < BY_HAND && end != null && end.next() != null; n++) {
      end = end.next();
    }
    if (end != null) {
      first = end.next();
      last = first == null ? null : last;
      end.setNext(null);
    }
    return chain;
  }

  /** Stops the thread. No request is in flight. */
  @Override
  public void close() {
    thread.close();
  }
}
