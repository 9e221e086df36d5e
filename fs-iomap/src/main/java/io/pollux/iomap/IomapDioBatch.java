// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The asynchronous requests of a mount whose end handlers sleep. One worker at a time takes all
 * requests that have arrived, lets the filesystem finish them together, and completes them in the
 * order of their arrival. So one transaction serves many requests. The next transaction finishes
 * those that arrive meanwhile.
 *
 * <p>A request waits for all requests before it. So an end handler must not wait for another
 * request of the mount. A durable write waits for the device, and is therefore never in a batch.
 *
 * <p>The queue links the requests through their own fields, and allocates nothing.
 */
@Differs(
    patch = 5,
    kind = Differs.Kind.OURS,
    why =
        "A filesystem finishes several direct writes together, for example in one transaction. In"
            + " Linux the work item of each write finishes that write.",
    test = "IomapDioBatchTest#requestsThatCompleteDuringABatchAreFinishedTogetherByTheNext")
public final class IomapDioBatch {
  /** The most requests that the filesystem finishes together. */
  static final int MOST = 64;

  /** The value of newest while the worker runs and no request waits. */
  private static final Object RUNNING = new Object();

  private static final VarHandle NEWEST;
  private static final VarHandle EXPECTED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      NEWEST = lookup.findVarHandle(IomapDioBatch.class, "newest", Object.class);
      EXPECTED = lookup.findVarHandle(IomapDioBatch.class, "expected", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Ends ends;
  private final WorkQueue.Work work = this::run; // bound once

  /** The latest request, linked to the one before it; RUNNING; or null if the batch is idle. */
  @SuppressWarnings("unused") // through NEWEST
  private @Nullable Object newest;

  @SuppressWarnings("unused") // through EXPECTED
  private boolean expected;

  // Owned by the thread that finishes requests: the current batch.
  private final @Nullable IomapDioCompletion[] taken = new @Nullable IomapDioCompletion[MOST];
  private int count;

  /** How a filesystem finishes the requests of a batch. */
  @FunctionalInterface
  public interface Ends {
    /**
     * Finishes every request of a batch, as {@link IomapDioEnd#endIo} does for one, and sets its
     * result. A request that fails must not fail another. From process context; sleeps.
     *
     * @param current the worker's task
     * @param batch the requests
     */
    void endIo(Task current, IomapDioBatch batch);
  }

  /**
   * Creates a batch without requests.
   *
   * @param ends finishes the requests of a batch
   */
  public IomapDioBatch(Ends ends) {
    this.ends = ends;
  }

  // For the filesystem, during Ends.endIo.

  /** {@return the number of requests} */
  public int count() {
    return count;
  }

  IomapDioCompletion at(int index) {
    return Objects.requireNonNull(taken[Objects.checkIndex(index, count)]);
  }

  /** {@return a request; its kiPos is still its first byte} */
  public Kiocb iocb(int index) {
    return at(index).iocb();
  }

  /** {@return the bytes that the bios and copies of a request cover} */
  public long bytes(int index) {
    return at(index).size;
  }

  /** {@return 0, or the first error of a request as a negative errno} */
  public int error(int index) {
    return at(index).firstError();
  }

  /** {@return IOMAP_DIO_* of a request, as for {@link IomapDioEnd#endIo}} */
  public int flags(int index) {
    return at(index).endFlags();
  }

  /**
   * Sets the result of a request's end. The filesystem calls it once for each request.
   *
   * @param index the request
   * @param result 0, or a negative errno, with which the request fails
   */
  public void setResult(int index, int result) {
    at(index).ended(Math.min(result, 0));
  }

  // The queue.

  /** Adds a request. It may already be complete and freed when this returns. From any context. */
  void add(IomapDioCompletion dio, WorkQueue queue) {
    Object before = NEWEST.getOpaque(this);
    while (true) { // ends: a turn repeats only if another thread has succeeded
      dio.before = before instanceof IomapDioCompletion other ? other : null;
      Object seen = NEWEST.compareAndExchange(this, before, dio);
      if (seen == before) {
        break;
      }
      before = seen;
    }
    if (before == null) {
      queue.queue(work);
    }
  }

  /** Finishes requests until none waits. Called by the worker. */
  private void run(Task worker) {
    do { // ends when no request has arrived meanwhile
      finishAll(worker);
    } while (!NEWEST.compareAndSet(this, RUNNING, null));
  }

  /** Finishes all requests that have arrived. Returns false if there was none. */
  private boolean finishAll(Task worker) {
    Object last = NEWEST.getAndSet(this, RUNNING);
    IomapDioCompletion next = last instanceof IomapDioCompletion dio ? oldest(dio) : null;
    boolean any = next != null;
    while (next != null) { // each turn takes at least one
      next = finish(worker, next);
    }
    return any;
  }

  // Pollers.

  /**
   * Lets pollers finish the requests that they find. The filesystem calls it at the start of a
   * request that a batch will finish. Without the call a worker finishes the request. From any
   * context.
   */
  public void expect() {
    if (!isExpected()) {
      EXPECTED.setOpaque(this, true);
    }
  }

  boolean isExpected() {
    return (boolean) EXPECTED.getOpaque(this);
  }

  /** Claims the right to finish requests. Returns false if another thread has it. */
  boolean enter() {
    return NEWEST.compareAndSet(this, null, RUNNING);
  }

  /**
   * Finishes the requests that have arrived since {@link #enter}, and leaves later ones to a
   * worker.
   */
  void leave(Task poller, WorkQueue queue, int found) {
    if (!finishAll(poller) && found > 0) { // none of those found needs a batch
      EXPECTED.setOpaque(this, false);
    }
    if (!NEWEST.compareAndSet(this, RUNNING, null)) {
      queue.queue(work);
    }
  }

  /** Links the requests in the order of their arrival, and returns the first. */
  private static IomapDioCompletion oldest(IomapDioCompletion last) {
    IomapDioCompletion after = null;
    IomapDioCompletion each = last;
    while (true) { // ends: the chain has no cycles
      IomapDioCompletion before = each.before;
      each.before = after;
      if (before == null) {
        return each;
      }
      after = each;
      each = before;
    }
  }

  /** Finishes and completes one batch of requests. Returns the first one that remains, or null. */
  private @Nullable IomapDioCompletion finish(Task worker, IomapDioCompletion first) {
    IomapDioCompletion next = first;
    for (count = 0; count < MOST && next != null; count++) {
      IomapDioCompletion dio = next;
      taken[count] = dio;
      next = dio.before;
      dio.before = null;
    }
    try {
      ends.endIo(worker, this);
    } catch (Throwable e) {
      broken(e);
    }
    for (int i = 0; i < count; i++) {
      IomapDioCompletion dio = at(i);
      taken[i] = null;
      dio.ended(-Errno.EIO); // unless it has a result
      try {
        dio.completeWork(worker);
      } catch (Throwable e) {
        Oops.report("the completion of a direct request", e, "the next one completes");
      }
    }
    return next;
  }

  /** Shuts the mount down and reports the failure. Never throws, so that the requests complete. */
  private void broken(Throwable thrown) {
    String consequence = "the requests fail with EIO";
    try {
      consequence += at(0).inode().sb().shutDown();
    } catch (Throwable e) {
      Oops.report("the shutdown of a filesystem", e, "its direct requests complete");
    }
    Oops.report("a filesystem's end of direct requests", thrown, consequence);
  }
}
