// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.mm.Slab;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One request of a context: the kiocb that filesystems see, and the fields that aio needs for its
 * event.
 */
@LinuxSource(file = "fs/aio.c", name = "aio_kiocb")
final class AioKiocb extends Kiocb {
  static final Slab<AioKiocb> SLAB = new Slab<>(AioKiocb::new);

  /** States of a polled request (C: the KIOCB_F_POLL_* bits). */
  private static final int ISSUED = 0;

  @LinuxSource(file = "fs/aio.c", name = "KIOCB_F_POLL_COMPLETED")
  private static final int POLL_COMPLETED = 1;

  @LinuxSource(file = "fs/aio.c", name = "KIOCB_F_POLL_EAGAIN")
  private static final int POLL_EAGAIN = 2;

  private static final VarHandle POLL_STATE;

  static {
    try {
      POLL_STATE = MethodHandles.lookup().findVarHandle(AioKiocb.class, "pollState", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private @Nullable Kioctx ctx;

  /** io_event.data of its event. */
  long userData;

  /** io_event.obj of its event. */
  @LinuxSource(file = "fs/aio.c", name = "ki_index")
  long userObj;

  /** The result, once complete. */
  @LinuxSource(file = "fs/aio.c", name = "ki_ev")
  long res;

  /** The second result, once complete. */
  long res2;

  /** The eventfd that its completion signals (IOCB_FLAG_RESFD), with a reference. */
  @Nullable File eventfd;

  /** Link of the list that the request is on. */
  @Nullable AioKiocb next;

  /**
   * The work item that retries the request if an attempt in place would block (SQWQ), else null.
   * Taken under completionLock, once the file may complete the request.
   */
  @Nullable SqWork work;

  // The file threw, and the submitter undid the request. Final: the object is not used again.
  // Written by the submitter; under completionLock unless the context is polled.
  private boolean abandoned;

  private @Nullable PollIocb poll; // created when the object is first used for a poll; kept

  @SuppressWarnings("unused") // read through POLL_STATE
  private int pollState;

  private AioKiocb() {}

  /**
   * Sets the fields that must be valid before submission. The submitter sets the others. The file
   * and the handler are null, as {@link #free} leaves them.
   */
  @Patch({8, 19})
  @LinuxSource(file = "fs/aio.c", name = "aio_iocb_init")
  void init(Kioctx owner, long data, long obj) {
    ctx = owner;
    userData = data;
    userObj = obj;
    eventfd = null;
    pollState = ISSUED;
    if (Trace.on()) {
      newTraceId();
    }
    if (Debug.ON) {
      owner.dump().began(this);
    }
  }

  Kioctx ctx() {
    Kioctx owner = ctx;
    assert owner != null : "a request that has ended";
    return owner;
  }

  /** Returns the request's poll state, created at first use. By the submitter. */
  PollIocb poll() {
    PollIocb made = poll;
    if (made == null) {
      made = new PollIocb(this);
      poll = made;
    }
    return made;
  }

  /**
   * Ends a use when the request completes or a worker takes it, unless the use has ended. Once the
   * file may complete the request, the caller holds completionLock unless the context is polled.
   *
   * @param generation the use
   * @return false if it had ended, or its submitter has undone the request
   */
  boolean endUse(int generation) {
    if (generation() != generation || abandoned) {
      return false;
    }
    nextGeneration();
    return true;
  }

  /**
   * Undoes the request after its file threw. By the submitter, with the same lock as {@link
   * #endUse}. A completion after this only marks the request, whose object is not used again.
   *
   * @param generation of the request, before its file was called
   * @return false if that use has ended
   */
  boolean abandon(int generation) {
    if (generation() != generation) {
      return false;
    }
    abandoned = true;
    return true;
  }

  boolean isAbandoned() {
    return abandoned;
  }

  /** Frees the request. The caller has put its file. */
  @Differs(
      patch = 10,
      kind = Differs.Kind.SIMPLER,
      why =
          "A request has no reference count: its completion frees it, even inside the file's"
              + " method. In the posting the submitter holds a reference too.",
      test = "SubmitDifferencesTest#aRequestIsFreedByItsCompletion")
  @LinuxSource(file = "fs/aio.c", name = "iocb_put")
  @Patch(10)
  void free() {
    if (Debug.ON) {
      ctx().dump().ended(this);
    }
    nextGeneration();
    ctx = null;
    next = null;
    kiFilp = null;
    kiComplete = null;
    Slab.free(this);
  }

  @Override
  public void fail(int generation) {
    Kioctx owner = ctx;
    if (owner == null || generation() != generation) {
      return; // it has its event
    }
    if (!owner.polled()) {
      owner.complete(this, generation, -Errno.EIO, 0);
    } else if (!pollCompleted()) {
      if (Trace.on()) {
        AioTrace.complete(owner, this, -Errno.EIO, 0);
      }
      markPolled(-Errno.EIO, 0);
    }
  }

  /**
   * Marks a polled request complete. From any context. A poller that sees the mark also sees the
   * results.
   */
  @Patch(15)
  void markPolled(long result, long result2) {
    res = result;
    res2 = result2;
    // release: pairs with the acquire in pollCompleted
    POLL_STATE.setRelease(this, result == -Errno.EAGAIN ? POLL_EAGAIN : POLL_COMPLETED);
  }

  /** Marks a polled request that did not reach its file as failed. */
  void markFailed(int errno) {
    res = errno;
    res2 = 0;
    POLL_STATE.setRelease(this, POLL_COMPLETED); // pairs with the acquire in pollCompleted
  }

  /** Resets a request for a retry after the device had no tag for it. */
  void rearm() {
    pollState = ISSUED;
  }

  /** Whether a polled request is complete, with any result. */
  @Differs(
      patch = 15,
      kind = Differs.Kind.FIXES,
      why =
          "A request whose EAGAIN comes after its submission is complete, and its event has the"
              + " errno. The posting never reaps it.",
      test = "SubmitDifferencesTest#aLateEagainIsAnEvent")
  boolean pollCompleted() {
    return (int) POLL_STATE.getAcquire(this) != ISSUED; // pairs with markPolled
  }

  /**
   * Whether the request completed with EAGAIN. With IOCB_NO_TAG no tag was free, and a retry may
   * succeed; otherwise EAGAIN is final.
   */
  boolean pollAgain() {
    return (int) POLL_STATE.getAcquire(this) == POLL_EAGAIN; // pairs with markPolled
  }

  /** Describes the request in one line, for a dump. From any context; takes no lock. */
  @Override
  public String toString() {
    File file = kiFilp;
    StringBuilder text = new StringBuilder("request data 0x");
    text.append(Long.toHexString(userData)).append(" obj 0x").append(Long.toHexString(userObj));
    if (kiComplete != null) {
      text.append(": ").append(transfer());
    }
    if (file != null) {
      text.append(" of ").append(file);
    }
    if (pollCompleted()) {
      text.append(", complete with ").append(res);
    }
    return text.toString();
  }
}
