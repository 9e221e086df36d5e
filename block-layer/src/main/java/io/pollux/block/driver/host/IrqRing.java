// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.Request;
import io.pollux.block.RequestList;
import io.pollux.block.RequestQueue;
import io.pollux.core.Oops;
import io.pollux.core.host.HostCall;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A ring for an interrupt-driven hardware queue. Its own thread submits the requests that tasks
 * queue, and completes them. The thread sleeps in the host while it has no work. So I/O never
 * interrupts a task's own thread, which may also exit before its I/O completes.
 *
 * <p>An eventfd wakes a sleeping thread: the ring has a read of it in flight.
 */
final class IrqRing implements AutoCloseable {
  private static final VarHandle SLEEPING;

  static {
    try {
      SLEEPING = MethodHandles.lookup().findVarHandle(IrqRing.class, "sleeping", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Consecutive calls after which entries that the host does not take fail. */
  private static final int MAX_FAILURES = 1_000;

  private static final long WAKE = -1; // user data of the eventfd's read
  private static final int FILES = 2;
  private static final int EVENTFD = 1; // index of the registered file

  /** A closed mapping whose entries are to be cleared, with a latch for the waiting task. */
  private record Detaching(BufferTable.Registration registration, CountDownLatch done) {}

  private final RequestList incoming = new RequestList();
  private final ConcurrentLinkedQueue<Detaching> detaching = new ConcurrentLinkedQueue<>();
  private final CountDownLatch started = new CountDownLatch(1);
  private final Arena arena = Arena.ofShared();
  private final MemorySegment wakeState = HostCall.newState(arena); // its errno is not used
  private final long one = arena.allocate(Long.BYTES, Long.BYTES).address();
  private final long counter = arena.allocate(Long.BYTES, Long.BYTES).address();
  private final int depth;
  private final int fd;
  private final int eventFd;
  private final Function<BufferTable, Transfers> maker;
  private final Thread thread;
  private volatile boolean closing;
  private volatile boolean ended; // detached mappings are no longer cleared
  private @Nullable Throwable refusal; // set before started, as the next two
  private @Nullable BufferTable buffers;
  private @Nullable Transfers transfers;
  private volatile @Nullable RequestQueue served; // the queue whose requests the thread has
  private volatile boolean gone; // the thread has stopped serving

  // The thread's own:
  private boolean armed; // a read of the eventfd is in flight
  private int failures; // consecutive calls that completed nothing

  @SuppressWarnings("unused") // through SLEEPING
  private volatile boolean sleeping;

  private IrqRing(
      int fd,
      int depth,
      int eventFd,
      ThreadFactory threads,
      Function<BufferTable, Transfers> maker) {
    this.fd = fd;
    this.maker = maker;
    this.depth = depth;
    this.eventFd = eventFd;
    RawMemory.putLong(one, 1);
    thread = threads.newThread(this::run);
    thread.setName("pollux-disk");
    thread.setDaemon(true);
  }

  /**
   * Makes a ring and its thread.
   *
   * @param fd the file
   * @param depth tags of the queue
   * @throws IOException if the host refuses the ring, its memory or its thread
   */
  static IrqRing open(int fd, int depth) throws IOException {
    return open(fd, depth, Thread::new, table -> new Transfers(depth, -1, table));
  }

  /** As above; the caller supplies the thread and the request slots. */
  static IrqRing open(
      int fd, int depth, ThreadFactory threads, Function<BufferTable, Transfers> maker)
      throws IOException {
    int eventFd = Libc.eventfd();
    if (eventFd < 0) {
      throw new IOException("eventfd: no descriptors");
    }
    IrqRing made = new IrqRing(fd, depth, eventFd, threads, maker);
    try {
      made.thread.start();
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      made.close();
      throw new IOException("no thread for a ring", e);
    }
    awaitUninterruptibly(made.started::await);
    Throwable refused = made.refusal;
    if (refused != null) {
      made.close();
      throw refused instanceof IOException reason
          ? reason
          : new IOException("no ring: " + refused, refused);
    }
    return made;
  }

  /** Queues a chain of requests for the thread. From any context. */
  void queue(Request chain) {
    if (served == null) {
      served = chain.hctx().queue();
    }
    incoming.add(chain);
    if (gone) { // checked after the add: pairs with the thread's last check
      failIncoming();
    }
    wake();
  }

  private void failIncoming() {
    Request chain = incoming.takeAll();
    if (chain != null) {
      for (Request request = chain; request != null; request = request.next()) {
        request.setStatus(-Errno.EIO);
      }
      chain.hctx().completeAll(chain);
    }
  }

  /**
   * Whether the host and the thread have released all requests. Called after the queue was shut
   * down.
   */
  boolean isIdle() {
    Transfers mine = transfers;
    return gone || mine == null || !mine.busy();
  }

  /** Handles a failure of the ring. By the thread. */
  private void failed(Throwable thrown) {
    RequestQueue queue = served;
    if (queue == null) {
      Oops.report("pollux-disk", thrown, "the disk goes on");
    } else {
      queue.shutDown("pollux-disk", thrown);
    }
  }

  private void wake() {
    VarHandle.fullFence(); // orders the added work before the load of sleeping; pairs with mayWait
    if ((boolean) SLEEPING.getOpaque(this) && SLEEPING.compareAndSet(this, true, false)) {
      HostCall.call(wakeState, Nr.WRITE, eventFd, one, Long.BYTES, 0, 0, 0);
    }
  }

  private void run() {
    try (IoUring ring = setUp()) {
      BufferTable table = BufferTable.of(ring, this::detach);
      buffers = table;
      try (Transfers mine = maker.apply(table)) {
        transfers = mine;
        started.countDown();
        serve(ring, mine, table);
      }
    } catch (Throwable e) { // the host refuses, or has no memory: no ring
      if (started.getCount() == 0) {
        failed(e);
      }
      refusal = e;
    } finally {
      started.countDown();
      gone = true;
      failIncoming();
      ended = true; // before the last check: pairs with detach
      for (Detaching last = detaching.poll(); last != null; last = detaching.poll()) {
        last.done.countDown(); // cleared with the ring
      }
    }
  }

  private IoUring setUp() throws IOException {
    IoUring ring =
        IoUring.setup(
            depth + 1, // one more for the eventfd
            IoUring.SETUP_SUBMIT_ALL | IoUring.SETUP_SINGLE_ISSUER | IoUring.SETUP_DEFER_TASKRUN);
    try {
      int[] files = new int[FILES];
      files[0] = fd;
      files[EVENTFD] = eventFd;
      ring.registerFiles(files);
      return ring;
    } catch (IOException e) {
      ring.close();
      throw e;
    }
  }

  /**
   * Serves until the ring is closed. If a turn fails, the disk is shut down. Later turns complete
   * requests in flight, because the host may write to their memory until then. After too many
   * consecutive failures the thread exits.
   */
  private void serve(IoUring ring, Transfers transfers, BufferTable table) {
    int failed = 0;
    boolean goesOn = true;
    while (goesOn) {
      try {
        goesOn = turn(ring, transfers, table);
        failed = 0;
      } catch (Throwable e) {
        failed(e);
        goesOn = ++failed < MAX_FAILURES;
      }
    }
  }

  /** Submits and completes once. Returns false once the ring is closed. */
  private boolean turn(IoUring ring, Transfers transfers, BufferTable table) {
    boolean ending = closing; // read before the check for arrivals: none follow it
    if (!armed && !ending) {
      fillWake(ring); // not at close: one read may consume the closing write and an earlier one
      armed = true;
    }
    clearDetached(table);
    fill(ring, transfers, incoming.takeAll());
    if (ending && !armed && !transfers.busy()) {
      return false;
    }
    boolean wait = ring.completions() == 0 && failures == 0 && mayWait(ring, transfers);
    int taken = ring.submit(wait ? 1 : 0, IoUring.ENTER_GETEVENTS);
    SLEEPING.setOpaque(this, false);
    failures = taken < 0 && ring.unsubmitted() != 0 ? failures + 1 : 0;
    if (transfers.reap(ring, WAKE)) {
      armed = false;
    }
    if (failures > MAX_FAILURES) {
      armed &= !transfers.takeBack(ring, WAKE, taken);
      failures = 0;
    }
    Request again = transfers.takeAgain();
    for (Request request = again; request != null; request = request.next()) {
      transfers.fill(ring.sqe(), request);
      ring.push();
    }
    transfers.completeAll(transfers.takeOver());
    return true;
  }

  /**
   * Has the thread clear the row of a closed mapping, which has nothing in flight, and waits for
   * it. Only the ring's own thread may change the table (SINGLE_ISSUER), and it waits for no task
   * meanwhile. From any other thread.
   */
  private void detach(BufferTable.Registration registration) {
    assert Thread.currentThread() != thread : "a context that ends where its requests do";
    Detaching mine = new Detaching(registration, new CountDownLatch(1));
    detaching.add(mine);
    if (!ended) { // otherwise the ring is closed, and its table with it
      wake();
      awaitUninterruptibly(mine.done::await);
    }
  }

  private void clearDetached(BufferTable table) {
    // one for each waiting thread
    for (Detaching each = detaching.poll(); each != null; each = detaching.poll()) {
      table.clear(each.registration);
      each.done.countDown();
    }
  }

  /** The table of registered buffers. */
  BufferTable buffers() {
    BufferTable table = buffers;
    assert table != null : "a ring that was not made";
    return table;
  }

  /**
   * Announces a sleep, and then checks once more for work. Returns whether the thread may sleep.
   */
  private boolean mayWait(IoUring ring, Transfers transfers) {
    SLEEPING.setOpaque(this, true);
    VarHandle.fullFence(); // pairs with wake
    Request late = incoming.takeAll();
    fill(ring, transfers, late);
    return late == null && detaching.isEmpty();
  }

  private void fill(IoUring ring, Transfers transfers, @Nullable Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      boolean started = false;
      try {
        transfers.start(request);
        started = true;
        transfers.fill(ring.sqe(), request);
        ring.push();
      } catch (Throwable e) {
        failed(e);
        if (started) {
          transfers.refuse(request, -Errno.EIO);
        }
      }
      request = following;
    }
  }

  private void fillWake(IoUring ring) {
    long sqe = ring.sqe();
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_READ);
    RawMemory.putByte(sqe + IoUring.SQE_FLAGS, IoUring.SQE_FIXED_FILE);
    RawMemory.putInt(sqe + IoUring.SQE_FD, EVENTFD);
    RawMemory.putLong(sqe + IoUring.SQE_ADDR, counter);
    RawMemory.putInt(sqe + IoUring.SQE_LEN, Long.BYTES);
    RawMemory.putLong(sqe + IoUring.SQE_USER_DATA, WAKE);
    ring.push();
  }

  private interface Wait {
    void await() throws InterruptedException;
  }

  private static void awaitUninterruptibly(Wait wait) {
    boolean interrupted = false;
    boolean waiting = true;
    while (waiting) {
      try {
        wait.await();
        waiting = false;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for requests in flight. No task submits any more. */
  @Override
  public void close() {
    closing = true;
    // completes the eventfd's read, so that nothing stays in flight
    HostCall.call(wakeState, Nr.WRITE, eventFd, one, Long.BYTES, 0, 0, 0);
    awaitUninterruptibly(thread::join);
    Libc.close(eventFd);
    arena.close();
  }
}
