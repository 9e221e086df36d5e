// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Oops;
import io.pollux.core.mm.Slab;
import io.pollux.core.trace.Trace;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One I/O request on a file, for filesystems and drivers: struct kiocb.
 *
 * <p>The submitter fills it in and owns it until the call of {@code readIter} or {@code writeIter}.
 * The file then owns it until it returns a result or, after {@link #EIOCBQUEUED}, until it calls
 * {@link #complete}. A request without a handler is synchronous: the call returns the result.
 *
 * <p>A file or a device that can still complete a request, or access its memory, refers to this
 * object. After a failure the memory stays pinned as long as that reference exists.
 */
@LinuxSource(file = "include/linux/fs.h", name = "kiocb")
public class Kiocb extends Slab.Item {
  /** Returned by readIter and writeIter if the handler will be called, or was called. */
  @LinuxSource(file = "include/linux/errno.h", name = "EIOCBQUEUED")
  public static final int EIOCBQUEUED = 529;

  /** Write at the end of the file. */
  public static final int IOCB_APPEND = 1 << 1;

  /** Direct I/O. */
  public static final int IOCB_DIRECT = 1 << 2;

  /** The submitter polls for the completion. */
  public static final int IOCB_HIPRI = 1 << 3;

  /** Data is durable at completion. */
  public static final int IOCB_DSYNC = 1 << 4;

  /** Data and metadata are durable at completion. */
  public static final int IOCB_SYNC = 1 << 5;

  /** A write. */
  public static final int IOCB_WRITE = 1 << 6;

  /** Do not block: EAGAIN. */
  public static final int IOCB_NOWAIT = 1 << 7;

  /**
   * Set by the file with a result of -EAGAIN if no tag was free, so that a retry may succeed. Any
   * other -EAGAIN is final. Linux 4.20 does not distinguish the two.
   */
  @Differs(
      patch = 2,
      kind = Differs.Kind.OURS,
      why =
          "A file says whether EAGAIN means that no tag was free. The posting does not, so a retry"
              + " cannot tell it from a driver's EAGAIN.",
      test = "EagainTest#anEntryThatIsEagainForGoodBecomesAnEvent")
  public static final int IOCB_NO_TAG = 1 << 8;

  private static final int RWF_SUPPORTED =
      AioAbi.RWF_HIPRI | AioAbi.RWF_DSYNC | AioAbi.RWF_SYNC | AioAbi.RWF_NOWAIT | AioAbi.RWF_APPEND;

  private static final VarHandle POLL_QUEUE;

  static {
    try {
      POLL_QUEUE = MethodHandles.lookup().findVarHandle(Kiocb.class, "pollQueue", Object.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** The open file. */
  public @Nullable File kiFilp;

  /** Position in the file, in bytes; advanced by synchronous I/O. */
  public long kiPos;

  /** IOCB_* flags. */
  public int kiFlags;

  /** The I/O priority. */
  public int kiIoprio;

  /** The handler, or null for a synchronous request. */
  public @Nullable KiComplete kiComplete;

  private long traceId; // written and read only while trace points are on

  private int generation; // by the owner of the request

  private int kiCookie;

  @SuppressWarnings("unused") // read through POLL_QUEUE
  private @Nullable Object pollQueue; // C: private, as the direct I/O code uses it

  /** Creates a request. */
  public Kiocb() {}

  /**
   * Initializes a request on a file, with the flags that follow from the file's flags.
   *
   * @param file the file
   * @param complete the handler, or null for a synchronous request
   */
  @LinuxSource(
      file = "include/linux/fs.h",
      name = {"init_sync_kiocb", "iocb_flags"})
  public final void init(File file, @Nullable KiComplete complete) {
    kiFilp = file;
    kiFlags = file.iocbFlags();
    kiIoprio = 0;
    kiComplete = complete;
    pollQueue = null;
  }

  /** Returns the file, which is set from {@link #init} to completion. */
  public final File file() {
    File file = kiFilp;
    assert file != null : "a kiocb without a file";
    return file;
  }

  /** Whether the request has no handler: the call returns the result. */
  @LinuxSource(file = "include/linux/fs.h", name = "is_sync_kiocb")
  public final boolean isSync() {
    return kiComplete == null;
  }

  /**
   * Whether a flag is set.
   *
   * @param flag one of IOCB_*
   */
  public final boolean has(int flag) {
    return (kiFlags & flag) != 0;
  }

  /**
   * Adds the flags of one call.
   *
   * @param rwf RWF_* flags, any value
   * @return 0; -EOPNOTSUPP for unknown flags and for RWF_NOWAIT on a file without support; -EIO if
   *     the file's filesystem was shut down
   */
  @LinuxSource(file = "include/linux/fs.h", name = "kiocb_set_rw_flags")
  public final int setRwFlags(int rwf) {
    if (file().inode().sb().isShutDown()) {
      return -Errno.EIO;
    }
    if (rwf == 0) {
      return 0; // the usual case
    }
    if ((rwf & ~RWF_SUPPORTED) != 0) {
      return -Errno.EOPNOTSUPP;
    }
    if ((rwf & AioAbi.RWF_NOWAIT) != 0) {
      if (!file().canNowait()) {
        return -Errno.EOPNOTSUPP;
      }
      kiFlags |= IOCB_NOWAIT;
    }
    if ((rwf & AioAbi.RWF_HIPRI) != 0) {
      kiFlags |= IOCB_HIPRI;
    }
    if ((rwf & AioAbi.RWF_DSYNC) != 0) {
      kiFlags |= IOCB_DSYNC;
    }
    if ((rwf & AioAbi.RWF_SYNC) != 0) {
      kiFlags |= IOCB_DSYNC | IOCB_SYNC;
    }
    if ((rwf & AioAbi.RWF_APPEND) != 0) {
      kiFlags |= IOCB_APPEND;
    }
    return 0;
  }

  /**
   * Publishes the queue that the poller must poll. Called by the submitting file after the last bio
   * is submitted, and before the request can complete.
   *
   * @param queue the queue for iopoll
   * @param cookie the result of submit_bio
   */
  @Patch(1)
  @LinuxSource(file = "include/linux/fs.h", name = "ki_cookie")
  public final void publishPoll(Object queue, int cookie) {
    kiCookie = cookie;
    // pairs with pollQueue: a thread that sees the queue sees the cookie
    POLL_QUEUE.setRelease(this, queue);
  }

  /** Returns the queue, or null if none was published yet. */
  public final @Nullable Object pollQueue() {
    return POLL_QUEUE.getAcquire(this); // pairs with publishPoll
  }

  /** Returns the result of submit_bio; valid if {@link #pollQueue} is not null. */
  @Patch(1)
  @LinuxSource(file = "include/linux/fs.h", name = "ki_cookie")
  public final int kiCookie() {
    return kiCookie;
  }

  /**
   * Gives the request an identity for trace points. By its owner, before the file sees it; only
   * while the points are on.
   */
  public final void newTraceId() {
    traceId = Trace.newId();
  }

  /** {@return the identity of the request for trace points, or 0} Only while the points are on. */
  public final long traceId() {
    return Trace.known(traceId);
  }

  /**
   * Identifies one use of this object. A caller of a file's callback reads it before the call and
   * passes it to {@link #fail}, because the callback may complete the request. The object may then
   * serve another request.
   *
   * @return the number of ended uses
   */
  public final int generation() {
    return generation;
  }

  /** Counts the end of a use. By the owner of the request. */
  protected final void nextGeneration() {
    generation++;
  }

  /**
   * Completes a queued request: calls its handler. By the file, once; from any context. The object
   * may serve another request after this. If the handler throws, the request fails with EIO, unless
   * the handler had completed it. Never throws.
   *
   * @param res bytes, or a negative errno
   * @param res2 the second result
   */
  @LinuxSource(file = "include/linux/fs.h", name = "ki_complete")
  public final void complete(long res, long res2) {
    KiComplete handler = kiComplete;
    assert handler != null : "a synchronous request completed asynchronously";
    int use = generation;
    try {
      handler.complete(this, res, res2);
    } catch (Throwable e) { // concerns neither the file nor the device
      handlerThrew(use, e);
    }
  }

  private void handlerThrew(int use, Throwable thrown) {
    Oops.report("the completion of a request", thrown, "it fails with EIO if it is not complete");
    if (!Oops.contain("the failure of a request", () -> fail(use))) {
      Oops.loseRequest();
    }
  }

  /**
   * Completes a queued request with EIO, unless it is complete. Called after a callback of its file
   * threw. From any context.
   *
   * @param generation the {@link #generation} before the callback; another use is not affected
   */
  public void fail(int generation) {
    KiComplete handler = kiComplete;
    if (this.generation == generation && handler != null) {
      handler.complete(this, -Errno.EIO, 0);
    }
  }

  /**
   * Describes the request in one line, for a dump. From any context, also while its owner changes
   * it; takes no lock.
   */
  @Override
  public String toString() {
    File file = kiFilp;
    return file == null
        ? "kiocb without a file"
        : "kiocb " + transfer() + (isSync() ? ", synchronous, of " : " of ") + file;
  }

  /** Returns direction, position and flags, such as "read at 4096 DIRECT|HIPRI". */
  protected final String transfer() {
    int flags = kiFlags;
    StringBuilder text = new StringBuilder((flags & IOCB_WRITE) != 0 ? "write" : "read");
    text.append(" at ").append(kiPos);
    char before = ' ';
    for (int bit = IOCB_APPEND; bit <= IOCB_NO_TAG; bit <<= 1) {
      String name = (flags & bit) == 0 ? "" : flagName(bit);
      if (!name.isEmpty()) {
        text.append(before).append(name);
        before = '|';
      }
    }
    return text.toString();
  }

  private static String flagName(int bit) {
    return switch (bit) {
      case IOCB_APPEND -> "APPEND";
      case IOCB_DIRECT -> "DIRECT";
      case IOCB_HIPRI -> "HIPRI";
      case IOCB_DSYNC -> "DSYNC";
      case IOCB_SYNC -> "SYNC";
      case IOCB_NOWAIT -> "NOWAIT";
      case IOCB_NO_TAG -> "NO_TAG";
      default -> ""; // IOCB_WRITE
    };
  }

  static int flagsOfOpen(int openFlags) {
    int flags = 0;
    if ((openFlags & Fcntl.O_APPEND) != 0) {
      flags |= IOCB_APPEND;
    }
    if ((openFlags & Fcntl.O_DIRECT) != 0) {
      flags |= IOCB_DIRECT;
    }
    if ((openFlags & Fcntl.O_DSYNC) != 0) {
      flags |= IOCB_DSYNC;
    }
    if ((openFlags & Fcntl.O_SYNC) == Fcntl.O_SYNC) {
      flags |= IOCB_SYNC;
    }
    return flags;
  }
}
