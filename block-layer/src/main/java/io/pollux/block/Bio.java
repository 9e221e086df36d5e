// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One transfer between memory and consecutive sectors of a device: the counterpart of struct bio.
 *
 * <p>The part not yet submitted (C: bi_iter) begins at {@link #sector()} and has {@link #size()}
 * bytes of the memory. {@link #split} takes pieces off its front; the pages stay with the remaining
 * bio.
 */
@LinuxSource(
    file = "include/linux/blk_types.h",
    name = {"bio", "bvec_iter"})
public final class Bio extends BioVecs {
  private static final Slab<Bio> SLAB = new Slab<>(Bio::new);
  private static final int NO_TAG = 1 << 31; // in opf, of a bio that failed for lack of a tag

  // In flags, with those of BioVecs. The bits above STATE_MASK count the puts.
  private static final int IN_USE = 1;
  private static final int CHAINED = 1 << 1; // BIO_CHAIN: pieces were split off
  private static final int STATE_MASK = 0xf;

  private static final VarHandle REMAINING;
  private static final VarHandle STATUS;

  static {
    try {
      REMAINING = MethodHandles.lookup().findVarHandle(Bio.class, "remaining", int.class);
      STATUS = MethodHandles.lookup().findVarHandle(Bio.class, "status", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private int opf;
  private long sector;
  private int status;

  @SuppressWarnings("unused") // through REMAINING; only while chained
  private int remaining; // pieces in flight, plus this one

  private int ioprio;
  private @Nullable BlockDevice bdev;
  private @Nullable BioEndIo endIo;
  private @Nullable Object owner; // C: bi_private
  private long traceId; // written and read only while trace points are on

  /** The next bio of a request, or of a chain that is completing. */
  @Nullable Bio next;

  /** The result of the request, for the completion of this bio. */
  int result;

  /** The steps of a write with flushes: Request.FSEQ_*; 0 for most bios. */
  int sequence;

  private Bio() {}

  /**
   * Makes a bio that is part of another object and lives as long, for {@link #init}. The owner must
   * know when it is free.
   *
   * @return an empty bio
   */
  public static Bio embedded() {
    return new Bio();
  }

  /**
   * Makes a bio that is part of another object and always completes to it, for {@link #restart}.
   *
   * @param endIo called on completion
   * @param owner context for endIo
   * @return an empty bio
   */
  public static Bio embedded(BioEndIo endIo, Object owner) {
    Bio bio = new Bio();
    bio.endIo = endIo;
    bio.owner = owner;
    return bio;
  }

  /**
   * Takes an empty bio.
   *
   * @param current the calling task
   * @param bdev the device
   * @param sector first sector
   * @param opf operation and flags of {@link BlkTypes}
   * @param endIo called on completion
   * @param owner context for endIo
   * @return a bio that the caller owns
   */
  @LinuxSource(file = "block/bio.c", name = "bio_alloc")
  public static Bio alloc(
      Task current,
      BlockDevice bdev,
      long sector,
      int opf,
      BioEndIo endIo,
      @Nullable Object owner) {
    return SLAB.alloc(current).init(bdev, sector, opf, endIo, owner);
  }

  /**
   * Initializes a bio that is not in use.
   *
   * @param device the device
   * @param first first sector
   * @param operation operation and flags of {@link BlkTypes}
   * @param handler called on completion
   * @param forHandler context for the handler
   * @return this
   */
  @LinuxSource(file = "block/bio.c", name = "bio_init")
  public Bio init(
      BlockDevice device,
      long first,
      int operation,
      BioEndIo handler,
      @Nullable Object forHandler) {
    endIo = handler;
    owner = forHandler;
    return restart(device, first, operation, 0);
  }

  /**
   * Initializes a bio that is not in use, with the end_io and the owner of its last use. References
   * that stay the same are not stored again, since such a store also marks a card.
   *
   * @param device the device
   * @param first first sector
   * @param operation operation and flags of {@link BlkTypes}
   * @param priority class and level, as in ki_ioprio
   * @return this
   */
  @LinuxSource(file = "block/bio.c", name = "bio_reset")
  public Bio restart(BlockDevice device, long first, int operation, int priority) {
    int free = flags;
    assert (free & IN_USE) == 0 : "a bio in use";
    flags = free | IN_USE;
    if (bdev != device) {
      bdev = device;
    }
    sector = first;
    opf = operation;
    clearMemory();
    status = 0;
    sequence = 0;
    ioprio = priority;
    if (Trace.on()) {
      traceId = 0;
    }
    return this;
  }

  /** Makes the empty bio that a driver sees during a flush. It is never submitted. */
  static Bio ofFlush() {
    Bio bio = embedded();
    bio.opf = BlkTypes.REQ_OP_FLUSH;
    return bio;
  }

  /** Frees the bio. Its pages must have been released. From any context. */
  @LinuxSource(file = "block/bio.c", name = "bio_put")
  public void put() {
    int used = flags;
    assert (used & PINNED) == 0 : "a bio goes with its pages";
    assert (used & CHAINED) == 0 : "a bio goes before its pieces";
    flags = (used | STATE_MASK) + 1; // clears the state and counts the put
    if (isFromSlab()) {
      bdev = null;
      endIo = null;
      owner = null;
      Slab.free(this);
    }
  }

  /**
   * Identifies one use of the object. Plain: an end_io that puts the bio does so in its own thread,
   * before another task can use the object.
   *
   * @return the number of {@link #put}s, which wraps
   */
  int puts() {
    return flags & ~STATE_MASK;
  }

  /**
   * Marks the bio of a polled request. If the request is asynchronous, the bio must not sleep for a
   * request either. Mainline has this helper since two weeks after the posting, which sets the
   * flags in {@code __blkdev_direct_IO}.
   *
   * @param iocb its request
   */
  @LinuxSource(file = "include/linux/bio.h", name = "bio_set_polled")
  public void setPolled(Kiocb iocb) {
    opf |= iocb.isSync() ? BlkTypes.REQ_HIPRI : BlkTypes.REQ_HIPRI_ASYNC;
  }

  /**
   * Sets the I/O priority.
   *
   * @param priority class and level, as in ki_ioprio
   */
  @LinuxSource(file = "include/linux/bio.h", name = "bio_set_prio")
  public void setIoprio(int priority) {
    ioprio = priority;
  }

  /** {@return the I/O priority, class and level; 0 for none} */
  @LinuxSource(file = "include/linux/bio.h", name = "bio_prio")
  public int ioprio() {
    return ioprio;
  }

  /**
   * Sets the request that the bio belongs to, for trace points. Only while the points are on.
   *
   * @param id its identity, or 0
   */
  public void setTraceId(long id) {
    traceId = id;
  }

  /** {@return the request that the bio belongs to, or 0} Only while trace points are on. */
  public long traceId() {
    return Trace.known(traceId);
  }

  /** Clears flags. */
  void clear(int flags) {
    opf &= ~flags;
  }

  /** Turns an empty write with REQ_PREFLUSH into a REQ_OP_FLUSH. */
  void becomeFlush() {
    assert size() == 0 : size();
    opf =
        (opf & ~(BlkTypes.REQ_OP_MASK | BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH))
            | BlkTypes.REQ_OP_FLUSH;
  }

  /**
   * Splits a piece off the front. The piece is a bio of its own, chained to this one; both must be
   * submitted. This bio completes, with the first error, when all its pieces and itself have
   * completed. The pages stay with this bio. From process context.
   *
   * @param current the calling task, or null for a driver; the piece is then allocated
   * @param bytes length of the piece, less than the size, a multiple of the sector size
   * @return the piece, to be submitted before this bio
   */
  @LinuxSource(
      file = "block/bio.c",
      name = {"bio_split", "bio_chain"})
  Bio split(@Nullable Task current, int bytes) {
    assert bytes > 0 && bytes < size() && (bytes & (BlkTypes.SECTOR_SIZE - 1)) == 0 : bytes;
    Bio front = current == null ? embedded() : SLAB.alloc(current);
    front.init(bdev(), sector, opf, Bio::chainEndIo, this);
    front.sequence = sequence;
    front.ioprio = ioprio;
    if (Trace.on()) {
      front.traceId = traceId;
    }
    moveFront(front, bytes);
    sector += bytes >> BlkTypes.SECTOR_SHIFT;
    if (Trace.on()) {
      BlockTrace.split(current, front, this);
    }
    if ((flags & CHAINED) != 0) {
      REMAINING.getAndAdd(this, 1);
    } else {
      flags |= CHAINED;
      REMAINING.setOpaque(this, 2); // no other thread has a piece yet
    }
    return front;
  }

  /**
   * Makes a clone of a bio, or of a part of it, for a disk below the request's. The clone shares
   * the memory, has the same flags, priority and device mapping, and a position of its own. It
   * belongs to the request, whose driver submits it with {@link Request#submitClones} after all
   * clones are made. By the driver that owns the request.
   *
   * @param request the request
   * @param source one of its bios
   * @param offset first byte of the part, a multiple of the sector size
   * @param bytes its length, a multiple of the sector size; of an operation without memory any
   *     length, for example that of the range on the lower disk
   * @param lower the lower disk
   * @param sector first sector there
   * @return the clone
   * @throws IllegalArgumentException if the part is not inside the source
   * @throws IllegalStateException if clones of the request have been submitted, or if there are
   *     more than 4096
   */
  @LinuxSource(
      file = "block/bio.c",
      name = {"bio_clone_fast", "bio_trim"})
  public static Bio cloneFast(
      Request request, Bio source, int offset, int bytes, BlockDevice lower, long sector) {
    if (offset < 0
        || bytes < 0
        || ((offset | bytes) & (BlkTypes.SECTOR_SIZE - 1)) != 0
        || (source.vecs() != 0 && bytes > source.size() - offset)) {
      throw new IllegalArgumentException(bytes + " bytes at " + offset + " of " + source);
    }
    Clones clones = request.clones();
    Bio clone = clones.add().init(lower, sector, source.opf, Clones::ended, clones);
    clone.ioprio = source.ioprio;
    if (Trace.on()) {
      clone.traceId = source.traceId;
    }
    clone.share(source, offset, bytes);
    return clone;
  }

  /** Completes a piece. */
  @LinuxSource(file = "block/bio.c", name = "__bio_chain_endio")
  private static void chainEndIo(Bio piece) {
    Bio whole = (Bio) piece.owner;
    assert whole != null;
    int status = piece.status;
    piece.put();
    whole.endio(status);
  }

  /**
   * Completes the bio and calls its end_io. While pieces are in flight, the last of them does so
   * instead. From any context.
   *
   * @param result 0 or a negative errno
   */
  @LinuxSource(
      file = "block/bio.c",
      name = {"bio_endio", "bio_remaining_done"})
  public void endio(int result) {
    int use = flags;
    if ((use & CHAINED) == 0) {
      status = result;
    } else {
      if (result != 0) {
        STATUS.compareAndSet(this, 0, result); // the first error
      }
      // full order: the last one sees what the others stored
      if ((int) REMAINING.getAndAdd(this, -1) != 1) {
        return;
      }
      flags &= ~CHAINED;
      rewind();
    }
    BioEndIo handler = endIo;
    assert handler != null : "a bio without an end_io";
    if (Trace.on()) {
      BlockTrace.bioComplete(this);
    }
    // The handler may put the bio and complete its request, and both objects may be in use again.
    Kiocb request = owner instanceof Kiocb iocb ? iocb : null;
    int generation = request == null ? 0 : request.generation();
    try {
      handler.endIo(this);
    } catch (Throwable e) { // concerns neither the driver nor other bios
      EndIoFailure.report(this, use & ~STATE_MASK, request, generation, e);
    }
  }

  /** Completes a bio with EAGAIN: no request was free, and the bio must not wait for one. */
  @LinuxSource(file = "include/linux/bio.h", name = "bio_wouldblock_error")
  void wouldBlockError() {
    opf |= NO_TAG;
    endio(-Errno.EAGAIN);
  }

  /**
   * Returns whether the bio, or a piece of it, failed because no request was free. This
   * distinguishes that EAGAIN from a driver's.
   *
   * @return true if a retry may succeed
   */
  public boolean foundNoTag() {
    return (opf & NO_TAG) != 0;
  }

  /** {@return the result, 0 or a negative errno} */
  public int status() {
    return status;
  }

  /** {@return the operation, one of BlkTypes.REQ_OP_*} */
  public int op() {
    return opf & BlkTypes.REQ_OP_MASK;
  }

  /** {@return operation and flags, for the driver} */
  public int opf() {
    return opf;
  }

  /** {@return the next bio of the same request, contiguous with this one, or null} */
  @LinuxSource(file = "include/linux/blk_types.h", name = "bi_next")
  public @Nullable Bio next() {
    return next;
  }

  /**
   * Returns whether a flag is set.
   *
   * @param flag one of BlkTypes.REQ_*
   * @return true if all its bits are set
   */
  public boolean has(int flag) {
    return (opf & flag) == flag;
  }

  /** {@return the first sector on the device} */
  public long sector() {
    return sector;
  }

  /** {@return the device} */
  public BlockDevice bdev() {
    BlockDevice device = bdev;
    assert device != null && (flags & IN_USE) != 0 : "a bio that was given back";
    return device;
  }

  /** {@return the context that end_io was given} */
  public @Nullable Object owner() {
    return owner;
  }

  /**
   * Describes the bio in one line, for a dump. From any context, also while its owner changes it;
   * takes no lock.
   */
  @Override
  public String toString() {
    BlockDevice device = bdev;
    return device == null || (flags & IN_USE) == 0
        ? "bio without a device"
        : "bio " + BlkTypes.describe(opf, sector, size(), status) + " of " + device.name();
  }
}
