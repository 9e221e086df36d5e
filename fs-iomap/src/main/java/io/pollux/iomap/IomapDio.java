// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.RequestQueue;
import io.pollux.core.Oops;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One direct request: the counterpart of struct iomap_dio and its functions.
 *
 * <p>{@link #rw} makes the bios. Each bio in flight holds a reference, and so does the submitter.
 * The submitter hands its reference over to the last bio. After that an asynchronous request may
 * complete at any time, and the submitter no longer touches it. Dropping the last reference
 * completes the request, from any context. A request of one bio, the common case, so needs no
 * atomic operation on the references.
 */
@LinuxSource(file = "fs/iomap.c", name = "iomap_dio")
public final class IomapDio extends Slab.Item {
  private static final Slab<IomapDio> SLAB = new Slab<>(IomapDio::new);
  private static final VarHandle REF;
  private static final VarHandle ERROR;

  static {
    try {
      REF = MethodHandles.lookup().findVarHandle(IomapDio.class, "ref", int.class);
      ERROR = MethodHandles.lookup().findVarHandle(IomapDio.class, "error", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /**
   * Returned by an actor after the last bio was submitted. An asynchronous request may not be
   * touched after that.
   */
  private static final long HANDED_OVER = Long.MAX_VALUE;

  private final Iomap iomap = new Iomap();
  private final Plug plug = new Plug();

  @Differs(
      patch = 5,
      kind = Differs.Kind.OURS,
      why = "The first bio is part of the request. The posting allocates each bio.",
      test = "IomapDioBiosTest#theFirstBioIsPartOfTheRequest")
  private final Bio firstBio = Bio.embedded(IomapDio::bioEndIo, this); // often the only one

  private final WaitQueue waiter = new WaitQueue();
  private final WorkQueue.Work work = this::completeWork; // bound once, not for each request

  private @Nullable Kiocb iocb;
  private @Nullable Inode inode;
  private long size; // bytes that the bios and copies cover
  private long iSize; // i_size when the request began: reads stop there
  private boolean waitForCompletion;
  private boolean write;
  private @Nullable WorkQueue doneWq; // of a write
  private @Nullable BlockDevice bdev; // of the last bio, for those that wait or flush

  // The submitter's own state (C: submit).
  private int cookie;

  @SuppressWarnings("unused") // through REF
  private int ref;

  private int error; // the first one; through ERROR while bios are in flight

  private volatile boolean done; // of a synchronous request: no bio is in flight
  private final BooleanSupplier isDone = this::isDone; // bound once

  private IomapDio() {}

  private boolean isDone() {
    return done;
  }

  /**
   * Reads iter.count() bytes at iocb.kiPos past the page cache, after writing back the dirty pages
   * of the range. From process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request; synchronous or not, polled or not
   * @param iter the memory
   * @param ops the filesystem's mapping
   * @return bytes, a negative errno, or -EIOCBQUEUED
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_rw")
  @Patch(5)
  public static long rw(Task current, Inode inode, Kiocb iocb, IovIter iter, IomapOps ops) {
    assert iter.intoMemory() : "a write needs a work queue for its flush";
    return rw(current, inode, iocb, iter, ops, null);
  }

  /**
   * Writes iter.count() bytes at iocb.kiPos, to blocks that have been written before. The page
   * cache writes the range back and drops it before the write, and drops it again after. With
   * IOCB_DSYNC the device is then flushed. From process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request; synchronous or not, polled or not
   * @param iter the memory
   * @param ops the filesystem's mapping
   * @param doneWq flushes for an asynchronous request, whose completion must not sleep
   * @return bytes, fewer if the write reaches an extent that is not mapped. -EIOCBQUEUED. Or a
   *     negative errno: -EOPNOTSUPP, or -ENOTBLK if the mapping returned that, when nothing was
   *     written
   */
  static long write(
      Task current, Inode inode, Kiocb iocb, IovIter iter, IomapOps ops, WorkQueue doneWq) {
    assert !iter.intoMemory();
    return rw(current, inode, iocb, iter, ops, doneWq);
  }

  private static long rw(
      Task current,
      Inode inode,
      Kiocb iocb,
      IovIter iter,
      IomapOps ops,
      @Nullable WorkQueue doneWq) {
    if (iter.count() == 0) {
      return 0;
    }
    long iSize = inode.size();
    if (iter.intoMemory() && iocb.kiPos >= iSize) {
      return 0;
    }
    Mapping mapping = Mapping.of(inode);
    if (mapping != null && !mapping.isQuiet()) {
      int result = clearTheWay(current, iocb, iter, mapping);
      if (result != 0) {
        return result;
      }
    }
    // Close behind the lock's own atomic operation: each such operation first waits for all earlier
    // stores.
    inode.inodeDioBegin();
    IomapDio dio = SLAB.alloc(current);
    dio.iocb = iocb;
    dio.inode = inode;
    dio.size = 0;
    dio.iSize = iSize;
    dio.waitForCompletion = iocb.isSync();
    dio.write = !iter.intoMemory();
    dio.doneWq = doneWq;
    dio.cookie = BlkTypes.BLK_QC_T_NONE;
    dio.error = 0;
    if (dio.done) { // a volatile store costs more than this load
      dio.done = false;
    }
    dio.ref = 1;
    return dio.submit(current, iter, ops);
  }

  /** Writes back, or drops, the cached pages of the range. Returns 0 or a negative errno. */
  private static int clearTheWay(Task current, Kiocb iocb, IovIter iter, Mapping mapping) {
    long start = iocb.kiPos;
    long end = start + iter.count() - 1;
    if (iocb.has(Kiocb.IOCB_NOWAIT)) {
      return mapping.rangeHasPage(start, end) ? -Errno.EAGAIN : mapping.checkErrors();
    }
    int result = mapping.writeAndWaitRange(current, start, end);
    if (result == 0 && !iter.intoMemory()) {
      mapping.invalidateRange(start, end);
    }
    return result;
  }

  private long submit(Task current, IovIter iter, IomapOps ops) {
    Kiocb request = iocb();
    boolean sync = waitForCompletion;
    boolean plugged = plug.start(current);
    int flags = IomapOps.IOMAP_DIRECT;
    if (write) {
      flags |= IomapOps.IOMAP_WRITE;
    }
    if (request.has(Kiocb.IOCB_NOWAIT)) {
      flags |= IomapOps.IOMAP_NOWAIT;
    }
    long pos = request.kiPos;
    boolean handedOver = false;
    do { // each step advances by at least one byte; rw has checked that the first one exists
      long step = step(current, iter, ops, pos, flags);
      if (step <= 0) {
        boolean endsHere = step == -Errno.EOPNOTSUPP || step == -Errno.ENOTBLK;
        if (!endsHere || size == 0) { // otherwise the write is short
          setError((int) step);
        }
        break;
      }
      if (step == HANDED_OVER) {
        handedOver = true;
        break;
      }
      pos += step;
    } while (iter.count() > 0 && (write || pos < iSize) && (int) ERROR.getOpaque(this) == 0);
    if (plugged) {
      plug.finish(current); // the plug is this task's, even if the request is gone
    }
    if (handedOver && !sync) {
      return -Kiocb.EIOCBQUEUED;
    }
    if (!handedOver) {
      BlockDevice last = bdev;
      if (last != null) {
        request.publishPoll(last.queue(), cookie);
      }
      boolean ended = dropRef();
      if (!sync) {
        // Not complete yet, but it may be at any time: only the holder of the last reference
        // touches it now.
        return ended ? complete(current) : -Kiocb.EIOCBQUEUED;
      }
      if (ended) {
        return complete(current);
      }
    }
    await(current, request.has(Kiocb.IOCB_HIPRI));
    return complete(current);
  }

  /**
   * Maps the next extent and runs the actor on it. If the mapping throws, the request fails after
   * its bios in flight complete.
   *
   * @return as {@link #actor}
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_apply")
  private long step(Task current, IovIter iter, IomapOps ops, long pos, int flags) {
    try {
      int result = ops.iomapBegin(current, inode(), pos, iter.count(), flags, iomap);
      return result != 0 ? result : actor(current, iter, pos);
    } catch (Throwable e) {
      Oops.report("the mapping of a file", e, "the request fails with EIO");
      return -Errno.EIO;
    }
  }

  /**
   * Waits for the bios of a synchronous request. Polls for them if the request is polled and its
   * queue can be polled.
   */
  private void await(Task current, boolean polled) {
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

  /** Handles one extent. Returns the bytes covered, a negative errno, or HANDED_OVER. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_actor")
  private long actor(Task current, IovIter iter, long pos) {
    iomap.checkCovers(pos);
    long length = Math.min(iter.count(), iomap.offset() + iomap.length() - pos);
    Iomap.Type type = iomap.type();
    if (type == Iomap.Type.MAPPED) {
      return bioActor(current, iter, pos, length);
    }
    if (!iter.intoMemory()) {
      return -Errno.EOPNOTSUPP;
    }
    return type == Iomap.Type.INLINE ? inlineActor(iter, pos, length) : holeActor(iter, length);
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_hole_actor")
  private long holeActor(IovIter iter, long length) {
    long zeroed = iter.zero(length);
    size += zeroed;
    return zeroed == 0 ? -Errno.EFAULT : zeroed;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_inline_actor")
  private long inlineActor(IovIter iter, long pos, long length) {
    long copied = iter.copyTo(iomap.addr() + pos - iomap.offset(), length);
    size += copied;
    return copied == 0 ? -Errno.EFAULT : copied;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_bio_actor")
  @Patch(23)
  private long bioActor(Task current, IovIter iter, long pos, long length) {
    BlockDevice target = iomap.bdev();
    int blockMask = target.queue().logicalBlockSize() - 1;
    if (((pos | length | iter.alignment()) & blockMask) != 0) {
      return -Errno.EINVAL;
    }
    long sector = (iomap.addr() + pos - iomap.offset()) >> BlkTypes.SECTOR_SHIFT;
    int op = write ? BlkTypes.REQ_OP_WRITE : BlkTypes.REQ_OP_READ;
    int ioprio = iocb().kiIoprio;
    long whole = iter.count();
    long copied = 0;
    do {
      iter.truncate(length - copied);
      Bio bio =
          size == 0
              ? firstBio.restart(target, sector, op, ioprio)
              : anotherBio(current, target, sector + (copied >> BlkTypes.SECTOR_SHIFT), op, ioprio);
      if (iter.isBvec()) {
        bio.setHoldPages();
      }
      int result = bio.iovIterGetPages(iter);
      if (result != 0) {
        bio.put();
        iter.reexpand(whole - copied);
        // bytes already submitted count; the fault shows at the next step
        return copied == 0 ? result : copied;
      }
      int bytes = bio.size();
      copied += bytes;
      size += bytes;
      iter.reexpand(whole - copied);
      if (copied == whole) {
        submitLastBio(current, bio);
        return HANDED_OVER;
      }
      submitBio(current, bio);
    } while (copied < length && (int) ERROR.getOpaque(this) == 0);
    return copied;
  }

  private Bio anotherBio(Task current, BlockDevice target, long sector, int op, int ioprio) {
    Bio bio = Bio.alloc(current, target, sector, op, IomapDio::bioEndIo, this);
    bio.setIoprio(ioprio);
    return bio;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_submit_bio")
  @Patch(5)
  private void submitBio(Task current, Bio bio) {
    REF.getAndAdd(this, 1);
    BlockDevice target = ready(bio);
    bdev = target;
    int sent = target.submitBio(current, bio);
    if (sent != BlkTypes.BLK_QC_T_NONE) {
      cookie = sent; // a bio that has completed needs no polling
    }
  }

  /** As submitBio, for the last bio of the request: it takes over the submitter's reference. */
  @Differs(
      patch = 5,
      kind = Differs.Kind.OURS,
      why =
          "The last bio gets the submitter's reference, and the queue and cookie are published"
              + " after it was sent. The posting publishes them before it drops that reference. A"
              + " request of one bio so needs no atomic operation.",
      test = "IomapDioBiosTest#theQueueIsPublishedAfterTheReferenceIsHandedOver")
  private void submitLastBio(Task current, Bio bio) {
    Kiocb request = iocb();
    boolean polled = request.has(Kiocb.IOCB_HIPRI);
    boolean sync = waitForCompletion;
    int before = cookie;
    BlockDevice target = ready(bio);
    if (sync || write) { // the others need it no more
      bdev = target;
    }
    int sent = target.submitBio(current, bio);
    if (sent == BlkTypes.BLK_QC_T_NONE) {
      sent = before;
    }
    if (sync) {
      cookie = sent;
    } else if (polled) { // a poller sees the request only after this
      request.publishPoll(target.queue(), sent);
    }
  }

  private BlockDevice ready(Bio bio) {
    Kiocb request = iocb();
    if (request.has(Kiocb.IOCB_HIPRI)) {
      bio.setPolled(request);
    }
    return bio.bdev();
  }

  @Patch(21)
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_bio_end_io")
  private static void bioEndIo(Bio bio) {
    IomapDio dio = (IomapDio) bio.owner();
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

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_set_error")
  private void setError(int status) {
    if (status != 0) {
      ERROR.compareAndSet(this, 0, status);
    }
  }

  private boolean dropRef() {
    // the only one left, and no other is taken: pairs with the others' getAndAdd
    if ((int) REF.getAcquire(this) == 1) {
      return true;
    }
    // full order: the last one sees what the others stored
    int before = (int) REF.getAndAdd(this, -1);
    assert before > 0 : "more references dropped than taken";
    return before == 1;
  }

  /**
   * Completes an asynchronous request, here or, if it must flush, on the work queue. From any
   * context.
   */
  private void completeLater() {
    WorkQueue queue = doneWq;
    if (queue != null && iocb().has(Kiocb.IOCB_DSYNC)) {
      queue.queue(work);
    } else {
      completeWork(null);
    }
  }

  /**
   * Completes an asynchronous request and calls its handler. From any context; from process context
   * if it must flush.
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_complete_work")
  private void completeWork(@Nullable Task worker) {
    Kiocb request = iocb();
    request.complete(complete(worker), 0);
  }

  /**
   * Frees the request and returns its result. From any context; from process context if it must
   * flush.
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_complete")
  private long complete(@Nullable Task current) {
    Kiocb request = iocb();
    Inode file = inode();
    boolean unplugged = current != null && current.plug() == null;
    long result;
    try {
      result = finish(current, request, file);
    } catch (Throwable e) {
      threw(e);
      result = -Errno.EIO;
      if (current != null && unplugged) {
        Oops.contain("the end of a direct request", current::abandonCall); // a plug of the flush
      }
    }
    file.inodeDioEnd();
    iocb = null;
    inode = null;
    bdev = null;
    Slab.free(this);
    return result;
  }

  private long finish(@Nullable Task current, Kiocb request, Inode file) {
    if (write && size > 0) {
      // A buffered reader may have read the old data in meanwhile.
      Mapping mapping = Mapping.of(file);
      if (mapping != null) {
        mapping.invalidateRange(request.kiPos, request.kiPos + size - 1);
      }
    }
    long result = error;
    if (result == 0) {
      // a read stops at the end of the file
      result = write ? size : Math.min(size, iSize - request.kiPos);
      request.kiPos += result;
    }
    if (write && result > 0 && request.has(Kiocb.IOCB_DSYNC)) {
      result = writeSync(current, result);
    }
    return result;
  }

  /**
   * Makes the write durable and reports write-back errors, as fsync does. Returns the bytes
   * written, or a negative errno. From process context.
   */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  private long writeSync(@Nullable Task current, long bytes) {
    BlockDevice target = bdev;
    assert current != null && target != null : "a flush in a completion";
    int earlier = iocb().file().checkAndAdvanceWbErr();
    int result = target.flushAndWait(current);
    return earlier != 0 ? earlier : result != 0 ? result : bytes;
  }

  /**
   * Polls for a request that {@link #rw} or {@link #write} queued. Every filesystem that uses
   * IomapDio calls this from iopoll.
   *
   * @param iocb the request
   * @param spin whether to poll until something completes
   * @return completions found, or a negative errno
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_iopoll")
  @Patch(5)
  public static int iopoll(Kiocb iocb, boolean spin) {
    RequestQueue queue = (RequestQueue) iocb.pollQueue();
    return queue == null ? 0 : queue.blkPoll(iocb.kiCookie(), spin);
  }

  /**
   * Returns whether such a request completes only inside {@link #iopoll}. Every filesystem that
   * uses IomapDio returns this from needsPolling.
   *
   * @param iocb the request
   * @return false if its queue has an interrupt
   */
  public static boolean needsPolling(Kiocb iocb) {
    RequestQueue queue = (RequestQueue) iocb.pollQueue();
    return queue == null || queue.canPoll(iocb.kiCookie());
  }

  private Kiocb iocb() {
    Kiocb request = iocb;
    assert request != null : "a request that has ended";
    return request;
  }

  private Inode inode() {
    Inode file = inode;
    assert file != null : "a request that has ended";
    return file;
  }
}
