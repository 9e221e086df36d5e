// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.Bio;
import io.pollux.block.BlockDevice;
import io.pollux.core.Oops;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The completion of a direct request: its references, its first error, and what happens when the
 * last reference is dropped. {@link IomapDio}, the only subclass, submits it.
 *
 * <p>The order of a completion:
 *
 * <ol>
 *   <li>the filesystem's {@link IomapDioEnd}, which makes the data part of the file;
 *   <li>the drop of cached pages, which may hold older data;
 *   <li>the sync of a durable write;
 *   <li>the drop of i_dio_count;
 *   <li>the completion of the Kiocb.
 * </ol>
 *
 * <p>If the drop of pages came first, a buffered reader could cache zeroes of an unwritten extent
 * for good.
 */
@LinuxSource(file = "fs/iomap.c", name = "iomap_dio")
abstract sealed class IomapDioCompletion extends Slab.Item permits IomapDio {
  /** A durable write is not durable when its bios complete. */
  static final int IOMAP_DIO_NEED_SYNC = 1 << 0;

  /** Every bio of a durable write so far carries REQ_FUA. */
  static final int IOMAP_DIO_WRITE_FUA = 1 << 1;

  private static final VarHandle REF;
  private static final VarHandle ERROR;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      REF = lookup.findVarHandle(IomapDioCompletion.class, "ref", int.class);
      ERROR = lookup.findVarHandle(IomapDioCompletion.class, "error", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final WaitQueue waiter = new WaitQueue();
  private final WorkQueue.Work work = this::completeWork; // bound once, not for each request

  private @Nullable Kiocb iocb;
  private @Nullable Inode inode;
  private @Nullable IomapDioEnd end;
  private @Nullable WorkQueue doneWq; // of an asynchronous request that may need it
  private long iSize; // i_size when the request began: reads stop there
  private boolean waitForCompletion;
  private boolean write;

  /** Bytes that the bios and copies cover. */
  long size;

  /** IOMAP_DIO_*. The submitter sets them before it drops its reference. */
  int flags;

  /** The device of the last bio. */
  @Nullable BlockDevice bdev;

  @SuppressWarnings("unused") // through REF
  private int ref;

  private int error; // the first one; through ERROR while bios are in flight

  /** The previous request in the queue of its batch; the next one after a worker has taken both. */
  @Nullable IomapDioCompletion before;

  private volatile boolean done; // of a synchronous request: no bio is in flight
  private final BooleanSupplier isDone = this::isDone; // bound once

  IomapDioCompletion() {}

  /** Initializes a request with the submitter's reference. */
  final void begin(
      Inode file,
      Kiocb request,
      boolean writing,
      long fileSize,
      @Nullable IomapDioEnd onEnd,
      @Nullable WorkQueue queue) {
    iocb = request;
    inode = file;
    end = onEnd;
    doneWq = queue;
    iSize = fileSize;
    waitForCompletion = request.isSync();
    write = writing;
    size = 0;
    flags = 0;
    error = 0;
    if (done) { // a volatile store costs more than this load
      done = false;
    }
    ref = 1;
  }

  private boolean isDone() {
    return done;
  }

  final boolean isWrite() {
    return write;
  }

  final boolean isSync() {
    return waitForCompletion;
  }

  final long iSize() {
    return iSize;
  }

  final Kiocb iocb() {
    Kiocb request = iocb;
    assert request != null : "a request that has completed";
    return request;
  }

  final Inode inode() {
    Inode file = inode;
    assert file != null : "a request that has completed";
    return file;
  }

  /** Takes a reference for a bio. */
  final void getRef() {
    REF.getAndAdd(this, 1);
  }

  /** Drops a reference. Returns whether it was the last. */
  final boolean dropRef() {
    // the only one left, and no other is taken: pairs with the others' getAndAdd
    if ((int) REF.getAcquire(this) == 1) {
      return true;
    }
    // full order: the last one sees what the others stored
    int before = (int) REF.getAndAdd(this, -1);
    assert before > 0 : "more references dropped than taken";
    return before == 1;
  }

  /** Whether the request has failed so far. */
  final boolean hasFailed() {
    return (int) ERROR.getOpaque(this) != 0;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_set_error")
  final void setError(int status) {
    if (status != 0) {
      ERROR.compareAndSet(this, 0, status);
    }
  }

  /**
   * Waits for the bios of a synchronous request. Polls for them if the request is polled and its
   * queue can be polled.
   */
  final void await(Task current, boolean polled, int cookie) {
    if (done) {
      return;
    }
    current.aboutToSleep(); // an outer plug may hold the bios
    BlockDevice last = bdev;
    if (polled && last != null && last.queue().canPoll(cookie)) {
      while (!done) {
        last.queue().blkPoll(cookie, true);
      }
    } else {
      waiter.waitUninterruptibly(isDone);
    }
  }

  @Patch(21)
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_bio_end_io")
  static void bioEndIo(Bio bio) {
    IomapDioCompletion dio = (IomapDioCompletion) bio.owner();
    assert dio != null;
    if (bio.status() != 0) {
      dio.failed(bio);
    }
    try {
      bio.releasePages();
    } catch (Throwable e) {
      dio.threw(e);
    }
    bio.put();
    if (dio.dropRef()) {
      if (dio.waitForCompletion) {
        dio.done = true;
        dio.waiter.wakeUp();
      } else {
        dio.completeLater();
      }
    }
  }

  private void failed(Bio bio) {
    if (bio.foundNoTag()) {
      iocb().kiFlags |= Kiocb.IOCB_NO_TAG; // no other thread sets flags at this point
    }
    setError(bio.status());
  }

  /**
   * Fails the request after a step of its completion threw. The request completes, since a task may
   * wait for it.
   */
  private void threw(Throwable thrown) {
    Oops.report("the end of a direct request", thrown, "the request fails with EIO");
    setError(-Errno.EIO);
  }

  /**
   * Completes an asynchronous request, here or, if that sleeps, on the work queue. From any
   * context.
   */
  private void completeLater() {
    WorkQueue queue = doneWq;
    if (queue != null && completionSleeps()) {
      IomapDioBatch batch = batch();
      if (batch != null) {
        batch.add(this, queue);
      } else {
        queue.queue(work);
      }
    } else {
      completeWork(null);
    }
  }

  /** Returns its batch, or null. A durable write has none, because its sync would delay others. */
  private @Nullable IomapDioBatch batch() {
    IomapDioEnd handler = end;
    boolean durable = (flags & IOMAP_DIO_NEED_SYNC) != 0;
    return durable || handler == null ? null : handler.batch(iocb());
  }

  // Called by the batch, after all bios have completed.

  final int firstError() {
    return error;
  }

  /** The flags of the request that the handler sees. */
  final int endFlags() {
    return flags & (IomapDioEnd.IOMAP_DIO_UNWRITTEN | IomapDioEnd.IOMAP_DIO_COW);
  }

  /** Sets the handler's result, unless it is already set. */
  final void ended(int result) {
    if (end != null) {
      setError(result);
      end = null;
    }
  }

  private boolean completionSleeps() {
    if ((flags & IOMAP_DIO_NEED_SYNC) != 0) {
      return true;
    }
    IomapDioEnd handler = end;
    try {
      return handler != null && handler.sleeps(iocb(), size, error, flags);
    } catch (Throwable e) {
      threw(e);
      return true;
    }
  }

  /**
   * Completes an asynchronous request and calls its handler. From any context; from process context
   * if its completion sleeps.
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_complete_work")
  final void completeWork(@Nullable Task worker) {
    Kiocb request = iocb();
    request.complete(complete(worker), 0);
  }

  /**
   * Frees the request and returns its result. From any context; from process context if its
   * completion sleeps.
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_complete")
  final long complete(@Nullable Task current) {
    Inode file = inode();
    boolean unplugged = current != null && current.plug() == null;
    long result;
    try {
      result = finish(current, iocb(), file);
    } catch (Throwable e) {
      threw(e);
      result = -Errno.EIO;
      if (current != null && unplugged) {
        Oops.contain("the end of a direct request", current::abandonCall); // a plug of the flush
      }
    }
    if (Trace.on()) {
      DioTrace.complete(current, iocb(), error, result);
    }
    file.inodeDioEnd();
    iocb = null;
    inode = null;
    end = null;
    bdev = null;
    Slab.free(this);
    return result;
  }

  private long finish(@Nullable Task current, Kiocb request, Inode file) {
    IomapDioEnd handler = end;
    if (handler != null) {
      setError(callEnd(current, handler, request));
    }
    if (write && size > 0) {
      // A buffered reader may have read the old data in meanwhile.
      Mapping mapping = Mapping.of(file);
      if (mapping != null) {
        mapping.invalidateWritten(request.kiPos, request.kiPos + size - 1);
      }
    }
    long result = error;
    if (result == 0) {
      // a read stops at the end of the file
      result = write ? size : Math.min(size, iSize - request.kiPos);
      request.kiPos += result;
    }
    if (result > 0 && (flags & IOMAP_DIO_NEED_SYNC) != 0) {
      assert current != null : "a flush in a completion";
      result = genericWriteSync(current, request, result);
    }
    return result;
  }

  /** Calls the filesystem's handler. Returns 0 or a negative errno. */
  private int callEnd(@Nullable Task current, IomapDioEnd handler, Kiocb request) {
    try {
      return Math.min(handler.endIo(current, request, size, error, endFlags()), 0);
    } catch (Throwable e) {
      String shut = inode().sb().shutDown();
      Oops.report("a filesystem's end of a direct request", e, "the request fails with EIO" + shut);
      return -Errno.EIO;
    }
  }

  /**
   * Syncs the range of a durable write, and reports write-back errors as fsync does. From process
   * context.
   *
   * @param current the calling task
   * @param request the write; its kiPos is the byte after the last one
   * @param bytes bytes written
   * @return bytes, or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  static long genericWriteSync(Task current, Kiocb request, long bytes) {
    File file = request.file();
    long end = request.kiPos;
    boolean datasync = !request.has(Kiocb.IOCB_SYNC);
    int result = file.op().fsync(current, file, end - bytes, end - 1, datasync);
    return result != 0 ? result : bytes;
  }
}
