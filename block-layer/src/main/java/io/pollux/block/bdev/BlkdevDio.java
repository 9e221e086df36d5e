// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.core.Oops;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.trace.Trace;
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
 * One direct request on a block device: the counterpart of struct blkdev_dio.
 *
 * <p>Each bio in flight holds a reference, and so does the submitter. The submitter hands its
 * reference over to the last bio. After that an asynchronous request may complete at any time, and
 * the submitter no longer touches it. Dropping the last reference completes the request, from any
 * context. A request of one bio needs no atomic operation on the references.
 */
@LinuxSource(file = "fs/block_dev.c", name = "blkdev_dio")
final class BlkdevDio extends Slab.Item {
  private static final Slab<BlkdevDio> SLAB = new Slab<>(BlkdevDio::new);

  /**
   * Bytes that fit in one bio, unless in very small pieces: a synchronous request of that size
   * needs no plug.
   */
  private static final int ONE_BIO = (Bio.BIO_MAX_PAGES / 2) << HostMemory.PAGE_SHIFT;

  private static final VarHandle REF;
  private static final VarHandle ERROR;

  static {
    try {
      REF = MethodHandles.lookup().findVarHandle(BlkdevDio.class, "ref", int.class);
      ERROR = MethodHandles.lookup().findVarHandle(BlkdevDio.class, "error", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Plug plug = new Plug();
  private final Bio firstBio = Bio.embedded(BlkdevDio::bioEndIo, this); // often the only one
  private final WaitQueue waiter = new WaitQueue();
  private @Nullable Kiocb iocb;
  private long size;
  private boolean sync;
  private boolean write;

  @SuppressWarnings("unused") // through REF
  private int ref;

  private int error; // the first one; through ERROR while bios are in flight

  private volatile boolean done; // of a synchronous request: no bio is in flight
  private final BooleanSupplier isDone = this::isDone; // bound once

  private BlkdevDio() {}

  private boolean isDone() {
    return done;
  }

  /**
   * Reads or writes iter at iocb.kiPos. The range is inside the device and not empty. From process
   * context.
   */
  @LinuxSource(
      file = "fs/block_dev.c",
      name = {"__blkdev_direct_IO", "__blkdev_direct_IO_simple"})
  static long directIo(Task current, Kiocb iocb, IovIter iter) {
    BlockDevice bdev = DefBlkFops.bdev(iocb.file());
    int blockMask = bdev.queue().logicalBlockSize() - 1;
    if (((iocb.kiPos | iter.alignment()) & blockMask) != 0) {
      return -Errno.EINVAL;
    }
    BlkdevDio dio = SLAB.alloc(current);
    dio.iocb = iocb;
    dio.size = 0;
    dio.sync = iocb.isSync();
    dio.write = !iter.intoMemory();
    dio.error = 0;
    if (dio.done) { // a volatile store costs more than this load
      dio.done = false;
    }
    dio.ref = 1;
    if (Trace.on()) {
      BlkdevTrace.begin(current, iocb, iter.count());
    }
    return dio.submit(current, bdev, iter);
  }

  @Differs(
      patch = 4,
      kind = Differs.Kind.OURS,
      why =
          "A polled request is plugged, so that the driver gets its bios in one call. The posting's"
              + " base, for-4.21/block, does not plug polled I/O.",
      test = "DirectBiosTest#aPolledRequestOfSeveralBiosReachesTheDriverInOneCall")
  @Differs(
      patch = 4,
      kind = Differs.Kind.OURS,
      why =
          "The last bio gets the submitter's reference, and the queue and cookie are published"
              + " after it was sent. The posting publishes them before it drops that reference. A"
              + " request of one bio so needs no atomic operation.",
      test = "DirectBiosTest#theQueueIsPublishedAfterTheReferenceIsHandedOver")
  @Patch({4, 23})
  private long submit(Task current, BlockDevice bdev, IovIter iter) {
    Kiocb request = iocb();
    boolean polled = request.has(Kiocb.IOCB_HIPRI);
    boolean plugged = !(sync && iter.count() <= ONE_BIO) && plug.start(current);
    int opf = DefBlkFops.opOf(request, iter);
    int cookie = BlkTypes.BLK_QC_T_NONE;
    long pos = request.kiPos;
    boolean waits = sync;
    boolean handedOver = false;
    // each bio takes at least one byte
    while (iter.count() > 0 && (int) ERROR.getOpaque(this) == 0) {
      long sector = pos >> BlkTypes.SECTOR_SHIFT;
      Bio bio =
          size == 0
              ? firstBio.restart(bdev, sector, opf, request.kiIoprio)
              : anotherBio(current, bdev, sector, opf, request.kiIoprio);
      if (iter.isBvec()) {
        bio.setHoldPages();
      }
      int result = bio.iovIterGetPages(iter);
      if (result != 0) {
        bio.put();
        setError(result);
        break;
      }
      if (polled) {
        bio.setPolled(request);
      }
      if (Trace.on()) {
        bio.setTraceId(request.traceId());
      }
      pos += bio.size();
      size += bio.size();
      handedOver = iter.count() == 0; // the last bio gets the submitter's reference
      if (!handedOver) {
        REF.getAndAdd(this, 1);
      }
      int sent = bdev.submitBio(current, bio);
      if (sent != BlkTypes.BLK_QC_T_NONE) {
        cookie = sent; // a bio that has completed needs no polling
      }
      if (handedOver) {
        break; // an asynchronous request must not be touched
      }
    }
    if (plugged) {
      plug.finish(current); // the plug is this task's, even if the request is gone
    }
    if (polled) {
      request.publishPoll(bdev.queue(), cookie); // a poller sees the request only after this
    }
    if (!waits) {
      if (handedOver) {
        return -Kiocb.EIOCBQUEUED;
      }
      // Not complete yet, but it may be at any time: only the holder of the last reference touches
      // it now.
      return dropRef() ? finish() : -Kiocb.EIOCBQUEUED;
    }
    if (handedOver ? !done : !dropRef()) {
      current.aboutToSleep(); // an outer plug may hold the bios
      if (polled && bdev.queue().canPoll(cookie)) {
        while (!done) {
          bdev.queue().blkPoll(cookie, true);
        }
      } else {
        waiter.waitUninterruptibly(isDone);
      }
    }
    return finish();
  }

  private Bio anotherBio(Task current, BlockDevice bdev, long sector, int opf, int ioprio) {
    Bio bio = Bio.alloc(current, bdev, sector, opf, BlkdevDio::bioEndIo, this);
    bio.setIoprio(ioprio);
    return bio;
  }

  @Patch(21)
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_bio_end_io")
  private static void bioEndIo(Bio bio) {
    BlkdevDio dio = (BlkdevDio) bio.owner();
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
    if (!dio.dropRef()) {
      return;
    }
    if (dio.sync) {
      dio.done = true;
      dio.waiter.wakeUp();
    } else {
      Kiocb request = dio.iocb();
      request.complete(dio.finish(), 0);
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

  private void setError(int status) {
    ERROR.compareAndSet(this, 0, status);
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

  /** Frees the request and returns its result. From any context. */
  private long finish() {
    Kiocb request = iocb();
    if (write && size > 0) {
      try {
        // A buffered reader may have read the old data in meanwhile.
        Mapping mapping = DefBlkFops.bdev(request.file()).mapping();
        mapping.invalidateRange(request.kiPos, request.kiPos + size - 1);
      } catch (Throwable e) {
        threw(e);
      }
    }
    long result = error;
    if (result == 0) {
      result = size;
      request.kiPos += size;
    }
    if (Trace.on()) {
      BlkdevTrace.complete(request, error, result);
    }
    iocb = null;
    Slab.free(this);
    return result;
  }

  private Kiocb iocb() {
    Kiocb request = iocb;
    assert request != null : "a request that has ended";
    return request;
  }
}
