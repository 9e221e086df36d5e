// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.RequestQueue;
import io.pollux.core.Oops;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * One direct request: the counterpart of struct iomap_dio and its functions. This part submits it;
 * {@link IomapDioCompletion} completes it.
 *
 * <p>{@link #rw} makes the bios. Each bio in flight holds a reference, and so does the submitter.
 * The submitter hands its reference over to the last bio. After that an asynchronous request may
 * complete at any time, and the submitter no longer touches it. Dropping the last reference
 * completes the request, from any context. A request of one bio, the common case, so needs no
 * atomic operation on the references.
 *
 * <p>A write to a new or unwritten extent that does not cover whole blocks writes zeroes to the
 * rest of its first and last block. A write that reaches the end of the file does so, too, for the
 * rest of its last block.
 */
@LinuxSource(file = "fs/iomap.c", name = "iomap_dio")
public final class IomapDio extends IomapDioCompletion {
  private static final Slab<IomapDio> SLAB = new Slab<>(IomapDio::new);

  /** The largest block of a filesystem: zeroes for a part of it fit one bio. */
  private static final int MAX_BLOCK = 1 << 16;

  /** Zeroes for the rest of a block. */
  @LinuxSource(file = "include/asm-generic/pgtable.h", name = "ZERO_PAGE")
  static final long ZEROES = HostMemory.map(MAX_BLOCK);

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
  private final Bio firstBio =
      Bio.embedded(IomapDioCompletion::bioEndIo, this); // often the only one

  // The submitter's own state (C: submit).
  private int cookie;

  private IomapDio() {}

  /**
   * Reads or writes iter.count() bytes at iocb.kiPos past the page cache. Dirty pages of the range
   * are written back first. A write drops the pages of the range, and drops them again at its end.
   * From process context, with the inode's lock held.
   *
   * <p>A durable write (IOCB_DSYNC) to blocks that hold data already uses REQ_FUA, if the device
   * has it. Any other durable write ends with the file's fsync.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request; synchronous or not, polled or not
   * @param iter the memory, and the direction
   * @param ops the filesystem's mapping
   * @param end called when the bios have completed; null for none. Shared by requests
   * @return bytes transferred; fewer if a write reaches an extent for which iomapBegin returns
   *     -EOPNOTSUPP, -ENOTBLK, or, with IOCB_NOWAIT, -EAGAIN. Otherwise -EIOCBQUEUED, or a negative
   *     errno: -EAGAIN if IOCB_NOWAIT is set and the request would block before it changed
   *     anything; -ENOTBLK if the caller should use the page cache
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_rw")
  @Patch(5)
  public static long rw(
      Task current,
      Inode inode,
      Kiocb iocb,
      IovIter iter,
      IomapOps ops,
      @Nullable IomapDioEnd end) {
    if (iter.count() == 0) {
      return 0;
    }
    boolean write = !iter.intoMemory();
    long iSize = inode.size();
    if (!write && iocb.kiPos >= iSize) {
      return 0;
    }
    if (Trace.on()) {
      DioTrace.rwBegin(current, iocb, iter.count());
    }
    Mapping mapping = Mapping.of(inode);
    if (mapping != null && !mapping.isQuiet()) {
      int result = clearTheWay(current, iocb, iter, mapping);
      if (result != 0) {
        return result;
      }
    }
    boolean mayQueue = !iocb.isSync() && (write || end != null);
    WorkQueue queue = mayQueue ? inode.sb().dioDoneWq() : null;
    // Close behind the lock's own atomic operation: each such operation first waits for all earlier
    // stores.
    inode.inodeDioBegin();
    IomapDio dio = SLAB.alloc(current);
    dio.begin(inode, iocb, write, iSize, end, queue);
    dio.cookie = BlkTypes.BLK_QC_T_NONE;
    if (write && iocb.has(Kiocb.IOCB_DSYNC)) {
      dio.flags = IOMAP_DIO_NEED_SYNC;
      if (!iocb.has(Kiocb.IOCB_SYNC)) {
        dio.flags |= IOMAP_DIO_WRITE_FUA;
      }
    }
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
    boolean sync = isSync();
    boolean write = isWrite();
    boolean plugged = plug.start(current);
    int how = IomapOps.IOMAP_DIRECT;
    if (write) {
      how |= IomapOps.IOMAP_WRITE;
    }
    if (request.has(Kiocb.IOCB_NOWAIT)) {
      how |= IomapOps.IOMAP_NOWAIT;
    }
    long pos = request.kiPos;
    boolean handedOver = false;
    do { // each step advances by at least one byte; rw has checked that the first one exists
      long step = step(current, iter, ops, pos, how);
      if (step <= 0) {
        if (size == 0 || !endsShort(step, how)) {
          setError((int) step);
        }
        break;
      }
      if (step == HANDED_OVER) {
        handedOver = true;
        break;
      }
      pos += step;
    } while (iter.count() > 0 && (write || pos < iSize()) && !hasFailed());
    if (plugged) {
      plug.finish(current); // the plug is this task's, even if the request is gone
    }
    if (handedOver && !sync) {
      return -Kiocb.EIOCBQUEUED;
    }
    if (!handedOver) {
      endDurability();
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
    await(current, request.has(Kiocb.IOCB_HIPRI), cookie);
    return complete(current);
  }

  /**
   * Whether a request that has covered some extents returns short if the next one has this error.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "A NOWAIT request that would block after a partial transfer returns the bytes"
              + " transferred. Linux 4.20 returns EAGAIN, although data has changed. XFS of Linux"
              + " 5.7 and later refuses a NOWAIT write that needs more than one extent.",
      test = "IomapDioEdgesTest#aNowaitWriteThatWouldBlockInItsSecondExtentIsShort")
  private static boolean endsShort(long error, int how) {
    return error == -Errno.EOPNOTSUPP
        || error == -Errno.ENOTBLK
        || (error == -Errno.EAGAIN && (how & IomapOps.IOMAP_NOWAIT) != 0);
  }

  /** Cancels the sync of a durable write all of whose bios carry REQ_FUA. */
  private void endDurability() {
    if ((flags & IOMAP_DIO_WRITE_FUA) != 0) {
      flags &= ~IOMAP_DIO_NEED_SYNC;
    }
  }

  /**
   * Maps the next extent, runs the actor on it and ends the mapping. The actor is called directly,
   * because it must be compiled into this loop.
   *
   * @return as {@link #actor}
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_apply")
  private long step(Task current, IovIter iter, IomapOps ops, long pos, int how) {
    Inode file = inode();
    int begun = IomapApply.begin(current, file, pos, iter.count(), how, ops, iomap);
    if (begun != 0) {
      return begun;
    }
    boolean mustEnd = ops.hasIomapEnd();
    long span = IomapApply.span(pos, iter.count(), iomap);
    long result = -Errno.EIO;
    try {
      result = actor(current, iter, pos, span, mustEnd);
    } catch (Throwable e) {
      Oops.report("the I/O on an extent", e, "the request fails with EIO");
    }
    return mustEnd ? IomapApply.end(current, file, pos, span, result, how, ops, iomap) : result;
  }

  /**
   * Handles one extent. The last bio takes over the submitter's reference, unless the mapping must
   * be ended after it. Returns the bytes covered, a negative errno, or HANDED_OVER.
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_actor")
  private long actor(Task current, IovIter iter, long pos, long length, boolean mustEnd) {
    Iomap.Type type = iomap.type();
    if (type == Iomap.Type.MAPPED) {
      return bioActor(current, iter, pos, length, mustEnd);
    }
    boolean write = isWrite();
    return switch (type) {
      case UNWRITTEN ->
          write ? bioActor(current, iter, pos, length, mustEnd) : holeActor(iter, length);
      case HOLE, DELALLOC -> write ? unallocated() : holeActor(iter, length);
      case INLINE -> inlineActor(iter, pos, length);
      case MAPPED -> throw new AssertionError();
    };
  }

  private long unallocated() {
    throw new IllegalStateException("iomapBegin allocated nothing for a direct write: " + iomap);
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_hole_actor")
  private long holeActor(IovIter iter, long length) {
    long zeroed = iter.zero(length);
    size += zeroed;
    return zeroed == 0 ? -Errno.EFAULT : zeroed;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_inline_actor")
  private long inlineActor(IovIter iter, long pos, long length) {
    long at = iomap.addr() + pos - iomap.offset();
    flags &= ~IOMAP_DIO_WRITE_FUA; // the data is not on the device
    long copied = isWrite() ? iter.copyFrom(at, length) : iter.copyTo(at, length);
    size += copied;
    return copied == 0 ? -Errno.EFAULT : copied;
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_bio_actor")
  @Patch(23)
  private long bioActor(Task current, IovIter iter, long pos, long length, boolean mustEnd) {
    BlockDevice target = iomap.bdev();
    int blockMask = target.queue().logicalBlockSize() - 1;
    if (((pos | length | iter.alignment()) & blockMask) != 0) {
      return -Errno.EINVAL;
    }
    boolean zeroes = false;
    int op = BlkTypes.REQ_OP_READ;
    if (isWrite()) {
      op = writeOp(target, pos + length);
      zeroes = zeroHead(current, pos, length);
    }
    boolean keepRef = mustEnd || zeroes;
    long sector = (iomap.addr() + pos - iomap.offset()) >> BlkTypes.SECTOR_SHIFT;
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
        if (copied == 0) {
          return result;
        }
        break; // bytes already submitted count; the fault shows at the next step
      }
      int bytes = bio.size();
      copied += bytes;
      size += bytes;
      iter.reexpand(whole - copied);
      if (copied == whole && !keepRef) {
        submitLastBio(current, bio);
        return HANDED_OVER;
      }
      submitBio(current, bio);
    } while (copied < length && !hasFailed());
    // a write that ended early may have ended before live data
    if (zeroes && (isEmptyExtent() || pos + copied >= inode().size())) {
      zeroTail(current, pos + copied);
    }
    return copied;
  }

  private Bio anotherBio(Task current, BlockDevice target, long sector, int op, int ioprio) {
    Bio bio = Bio.alloc(current, target, sector, op, IomapDioCompletion::bioEndIo, this);
    bio.setIoprio(ioprio);
    return bio;
  }

  /** Whether the blocks of the extent hold no data of the file. */
  private boolean isEmptyExtent() {
    return iomap.type() == Iomap.Type.UNWRITTEN || (iomap.flags() & Iomap.IOMAP_F_NEW) != 0;
  }

  /**
   * Returns the operation and flags of a write's bios to this extent, and records its kind. A write
   * beyond the end of the file needs its size on the disk, so REQ_FUA is not enough.
   */
  private int writeOp(BlockDevice target, long end) {
    boolean unwritten = iomap.type() == Iomap.Type.UNWRITTEN;
    if (unwritten) {
      flags |= IomapDioEnd.IOMAP_DIO_UNWRITTEN;
    }
    if ((iomap.flags() & Iomap.IOMAP_F_SHARED) != 0) {
      flags |= IomapDioEnd.IOMAP_DIO_COW;
    }
    if ((flags & IOMAP_DIO_WRITE_FUA) == 0) {
      return BlkTypes.REQ_OP_WRITE;
    }
    int metadata = Iomap.IOMAP_F_NEW | Iomap.IOMAP_F_DIRTY | Iomap.IOMAP_F_SHARED;
    boolean plain = !unwritten && (iomap.flags() & metadata) == 0 && end <= inode().size();
    if (plain && target.queue().limits().fua()) {
      return BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA;
    }
    flags &= ~IOMAP_DIO_WRITE_FUA;
    return BlkTypes.REQ_OP_WRITE;
  }

  /**
   * Writes zeroes to the start of a write's first block, if its blocks hold no data of the file.
   * Returns whether {@link #zeroTail} must follow: the blocks hold no data, or the write reaches
   * the end of the file.
   */
  private boolean zeroHead(Task current, long pos, long length) {
    int mask = inode().sb().blockSize() - 1;
    if (isEmptyExtent()) {
      long start = Math.max(pos & ~(long) mask, iomap.offset());
      if (start < pos) {
        zero(current, start, (int) (pos - start));
      }
      return true;
    }
    return ((pos + length) & mask) != 0 && pos + length >= inode().size();
  }

  /** Writes zeroes from the end of a write to the end of its last block, also after a fault. */
  @Differs(
      kind = Differs.Kind.LATER,
      why =
          "A write that a fault ends early clears the rest of its last new block. Linux 4.20"
              + " returns before it does, and may leave another file's old data there.",
      test = "IomapDioZeroTest#aWriteToNewBlocksThatEndsEarlyClearsTheRestOfTheLastOne")
  private void zeroTail(Task current, long end) {
    int mask = inode().sb().blockSize() - 1;
    long rest = Math.min(-end & mask, iomap.offset() + iomap.length() - end);
    if (rest > 0) {
      zero(current, end, (int) rest);
    }
  }

  /** Writes zeroes to a part of a block in the extent. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_zero")
  private void zero(Task current, long pos, int bytes) {
    assert bytes < MAX_BLOCK : bytes;
    long sector = (iomap.addr() + pos - iomap.offset()) >> BlkTypes.SECTOR_SHIFT;
    Bio bio =
        Bio.alloc(
            current,
            iomap.bdev(),
            sector,
            BlkTypes.REQ_OP_WRITE,
            IomapDioCompletion::bioEndIo,
            this);
    boolean added = bio.addMemory(ZEROES, bytes);
    assert added : bytes;
    submitBio(current, bio);
  }

  @LinuxSource(file = "fs/iomap.c", name = "iomap_dio_submit_bio")
  @Patch(5)
  private void submitBio(Task current, Bio bio) {
    getRef();
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
    endDurability();
    Kiocb request = iocb();
    boolean polled = request.has(Kiocb.IOCB_HIPRI);
    boolean sync = isSync();
    int before = cookie;
    BlockDevice target = ready(bio);
    if (sync || isWrite()) { // the others need it no more
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
    if (Trace.on()) {
      bio.setTraceId(request.traceId());
    }
    return bio.bdev();
  }

  /**
   * Polls for a request that {@link #rw} queued. Every filesystem that uses IomapDio calls this
   * from iopoll.
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
   * As {@link #iopoll(Kiocb, boolean)}, for a filesystem with a batch. If the batch expects
   * requests, the poller also finishes those that it finds. A work queue would have to wake a
   * thread for them while the poller spins.
   *
   * @param current the calling task, or null if the caller must not sleep
   * @param iocb the request
   * @param spin whether to poll until something completes; if the batch expects requests, the
   *     caller polls once
   * @param batch the batch of the mount
   * @return completions found, or a negative errno
   */
  @Differs(
      patch = 5,
      kind = Differs.Kind.OURS,
      why =
          "The poller of a direct write also finishes the write: it converts the blocks and sets"
              + " the size. In Linux a work queue finishes it.",
      test = "IomapDioBatchTest#aPollerFinishesWhatItFinds")
  public static int iopoll(@Nullable Task current, Kiocb iocb, boolean spin, IomapDioBatch batch) {
    if (current == null || !batch.isExpected()) {
      return iopoll(iocb, spin);
    }
    WorkQueue queue = iocb.file().inode().sb().dioDoneWq(); // first: the request may complete
    boolean mine = batch.enter();
    int found = 0;
    try {
      found = iopoll(iocb, false); // other requests of the batch would wait for the end of a spin
    } finally {
      if (mine) {
        batch.leave(current, queue, found);
      }
    }
    return found;
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
}
