// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.mm.UserPages;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One transfer between memory and consecutive sectors of a device: the counterpart of struct bio.
 *
 * <p>Memory is a list of vecs: address, length, and the pages that the bio has pinned for it. With
 * BIO_HOLD_PAGES the caller holds the pages, and completion does not put them. The part not yet
 * submitted (C: bi_iter) begins at {@link #sector()} and has {@link #size()} bytes. {@link #split}
 * takes pieces off its front; the pages stay with the remaining bio.
 */
@LinuxSource(
    file = "include/linux/blk_types.h",
    name = {"bio", "bvec_iter"})
public final class Bio extends Slab.Item {
  /** Maximum number of pages of a bio. */
  public static final int BIO_MAX_PAGES = 256;

  private static final Slab<Bio> SLAB = new Slab<>(() -> new Bio(false));
  private static final int INLINE_VECS = 4; // BIO_INLINE_VECS
  private static final int NO_TAG = 1 << 31; // in opf, of a bio that failed for lack of a tag
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

  private long[] vecAddress = new long[INLINE_VECS];
  private int[] vecLength = new int[INLINE_VECS];
  private @Nullable UserPages[] vecPages = new UserPages[INLINE_VECS];
  private int vecs;
  private int pages;
  private int firstVec; // C: bi_idx
  private int firstDone; // bytes of that vec that were split off (C: bi_bvec_done)
  private int size;
  private int opf;
  private long sector;
  private int status;
  private boolean chained;

  @SuppressWarnings("unused") // through REMAINING; only while chained
  private int remaining; // pieces in flight, plus this one

  @Patch(21)
  @LinuxSource(file = "include/linux/blk_types.h", name = "BIO_HOLD_PAGES")
  private boolean holdPages; // the caller holds the pages

  private int pinnedVecs; // vecs whose pages this bio must put
  private int ioprio;
  private @Nullable BlockDevice bdev;
  private @Nullable BioEndIo endIo;
  private @Nullable Object owner; // C: bi_private
  private @Nullable DmaMapping mapping; // the mapping of all vecs

  /** The next bio of a request, or of a chain that is completing. */
  @Nullable Bio next;

  /** The result of the request, for the completion of this bio. */
  int result;

  /** The steps of a write with flushes: Request.FSEQ_*; 0 for most bios. */
  int sequence;

  /**
   * Number of {@link #put}s, which distinguish one use of the object from the next. Plain: an
   * end_io that puts the bio does so in its own thread, before another task can use the object.
   */
  int puts;

  private final boolean embedded; // part of its owner, not from the slab

  private Bio(boolean embedded) {
    this.embedded = embedded;
  }

  /**
   * Makes a bio that is part of another object and lives as long, for {@link #init}. The owner must
   * know when it is free.
   *
   * @return an empty bio
   */
  public static Bio embedded() {
    return new Bio(true);
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
    assert bdev == null : "a bio in use";
    bdev = device;
    sector = first;
    opf = operation;
    endIo = handler;
    owner = forHandler;
    vecs = 0;
    pages = 0;
    size = 0;
    status = 0;
    sequence = 0;
    holdPages = false;
    ioprio = 0;
    mapping = null;
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
    assert pinnedVecs == 0 : "a bio goes with its pages";
    assert !chained : "a bio goes before its pieces";
    puts++;
    bdev = null;
    endIo = null;
    owner = null;
    if (!embedded) {
      Slab.free(this);
    }
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
   * Sets BIO_HOLD_PAGES: the caller holds the bio's pages until it completes, so completion does
   * not put them. Set before {@link #iovIterGetPages}.
   */
  @Patch({21, 23})
  @LinuxSource(file = "include/linux/blk_types.h", name = "BIO_HOLD_PAGES")
  public void setHoldPages() {
    assert pinnedVecs == 0 : "a bio that has pinned pages";
    holdPages = true;
  }

  /** {@return BIO_HOLD_PAGES: whether the caller holds the bio's pages} */
  public boolean holdPages() {
    return holdPages;
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
   * Adds memory that outlives the bio.
   *
   * @param address first byte
   * @param bytes length
   * @return false if the bio is full
   */
  @LinuxSource(file = "block/bio.c", name = "bio_add_page")
  public boolean addMemory(long address, int bytes) {
    return add(address, bytes, null);
  }

  /**
   * Sets the length of an operation without memory.
   *
   * @param bytes length, a multiple of the sector size
   */
  void setSize(int bytes) {
    assert vecs == 0 : "a bio with memory";
    size = bytes;
  }

  /** Clears flags. */
  void clear(int flags) {
    opf &= ~flags;
  }

  /** Turns an empty write with REQ_PREFLUSH into a REQ_OP_FLUSH. */
  void becomeFlush() {
    assert size == 0 : size;
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
    assert bytes > 0 && bytes < size && (bytes & (BlkTypes.SECTOR_SIZE - 1)) == 0 : bytes;
    Bio front = current == null ? embedded() : SLAB.alloc(current);
    front.init(bdev(), sector, opf, Bio::chainEndIo, this);
    front.sequence = sequence;
    front.share(this, 0, bytes);
    int end = firstDone + bytes;
    while (firstVec < vecs && end >= vecLength[firstVec]) {
      end -= vecLength[firstVec++];
    }
    firstDone = firstVec < vecs ? end : 0;
    size -= bytes;
    sector += bytes >> BlkTypes.SECTOR_SHIFT;
    if (chained) {
      REMAINING.getAndAdd(this, 1);
    } else {
      chained = true;
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
        || (source.vecs() != 0 && bytes > source.size - offset)) {
      throw new IllegalArgumentException(bytes + " bytes at " + offset + " of " + source);
    }
    Clones clones = request.clones();
    Bio clone = clones.add().init(lower, sector, source.opf, Clones::ended, clones);
    clone.share(source, offset, bytes);
    return clone;
  }

  /** Takes over the memory of a part of a bio. This bio is empty. */
  private void share(Bio source, int offset, int bytes) {
    ioprio = source.ioprio;
    mapping = source.mapping;
    BioPages.share(this, source, offset, bytes);
    size = bytes; // unchanged, unless the bio has no memory
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

  /** Adds memory that is mapped for the device. It fits. */
  void addMapped(long address, int bytes, @Nullable DmaMapping by) {
    assert vecs == 0 || mapping == by : "memory of two mappings";
    boolean added = add(address, bytes, null);
    assert added;
    mapping = by;
  }

  /** Adds memory, and pages that the bio has pinned for it. Returns false if the bio is full. */
  boolean add(long address, int bytes, @Nullable UserPages from) {
    int more = pagesOf(address, bytes);
    if (pages + more > BIO_MAX_PAGES) {
      return false;
    }
    if (vecs == vecAddress.length) {
      int room = vecs * 4;
      vecAddress = Arrays.copyOf(vecAddress, room);
      vecLength = Arrays.copyOf(vecLength, room);
      vecPages = Arrays.copyOf(vecPages, room);
    }
    vecAddress[vecs] = address;
    vecLength[vecs] = bytes;
    if (from != null) { // otherwise it is null already; see releasePages
      vecPages[vecs] = from;
      pinnedVecs++;
    }
    vecs++;
    pages += more;
    size += bytes;
    return true;
  }

  private static int pagesOf(long address, long bytes) {
    return (int)
        (((address + bytes - 1) >> HostMemory.PAGE_SHIFT) - (address >> HostMemory.PAGE_SHIFT) + 1);
  }

  /**
   * Adds as much of an iterator as fits, at least one vec, and advances it. User memory is pinned
   * for the bio, and {@link #releasePages} puts it. The pages of a BVEC iterator are not pinned
   * again.
   *
   * @param iter an iterator that is not empty
   * @return 0, or -EFAULT with nothing added
   */
  @Patch(22)
  @LinuxSource(file = "block/bio.c", name = "bio_iov_iter_get_pages")
  public int iovIterGetPages(IovIter iter) {
    assert iter.count() > 0;
    if (iter instanceof BvecIter bvec) {
      BioPages.iovBvecAddPages(this, bvec);
      return 0;
    }
    return BioPages.iovecAddPages(this, (IovecIter) iter);
  }

  /** Bytes from an address on that still fit. */
  long room(long address) {
    long whole = (long) (BIO_MAX_PAGES - pages) << HostMemory.PAGE_SHIFT;
    return whole == 0 ? 0 : whole - (address & (HostMemory.PAGE_SIZE - 1));
  }

  /**
   * Puts the pages that the bio has pinned. Does nothing with BIO_HOLD_PAGES: the caller holds the
   * pages. From any context.
   */
  @Differs(
      patch = 21,
      kind = Differs.Kind.SIMPLER,
      why =
          "Completion of a read does not dirty user pages. The posting dirties them before it puts"
              + " them. No user page here belongs to a file's page cache, so nothing would write it"
              + " back.",
      test = "UnwiredCallsTest#aFileCannotBeMapped")
  @Patch(21)
  @LinuxSource(file = "block/bio.c", name = "bio_release_pages")
  public void releasePages() {
    if (holdPages) {
      return;
    }
    Throwable failed = null;
    for (int i = 0; i < vecs && pinnedVecs > 0; i++) {
      UserPages from = vecPages[i];
      if (from != null) {
        vecPages[i] = null;
        pinnedVecs--;
        try {
          from.unpin(vecAddress[i], vecLength[i]);
        } catch (RuntimeException | Error e) { // the other vecs must be put too
          failed = e;
        }
      }
    }
    if (failed instanceof Error error) {
      throw error;
    }
    if (failed instanceof RuntimeException broken) {
      throw broken;
    }
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
    if (!chained) {
      status = result;
    } else {
      if (result != 0) {
        STATUS.compareAndSet(this, 0, result); // the first error
      }
      // full order: the last one sees what the others stored
      if ((int) REMAINING.getAndAdd(this, -1) != 1) {
        return;
      }
      chained = false;
      firstVec = 0;
      firstDone = 0;
    }
    BioEndIo handler = endIo;
    assert handler != null : "a bio without an end_io";
    // The handler may put the bio and complete its request, and both objects may be in use again.
    Kiocb request = owner instanceof Kiocb iocb ? iocb : null;
    int generation = request == null ? 0 : request.generation();
    int use = puts;
    try {
      handler.endIo(this);
    } catch (Throwable e) { // concerns neither the driver nor other bios
      EndIoFailure.report(this, use, request, generation, e);
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

  /** {@return the length in bytes} */
  public int size() {
    return size;
  }

  /** {@return the device} */
  public BlockDevice bdev() {
    BlockDevice device = bdev;
    assert device != null : "a bio that was given back";
    return device;
  }

  /** {@return the context that end_io was given} */
  public @Nullable Object owner() {
    return owner;
  }

  /** {@return the mapping of all vecs, the memory's identity beyond its addresses; or null} */
  public @Nullable DmaMapping mapping() {
    return mapping;
  }

  /** {@return the number of vecs} */
  public int vecs() {
    return vecs - firstVec;
  }

  /**
   * {@return the address of a vec}
   *
   * @param index from 0
   */
  public long vecAddress(int index) {
    return vecAddress[firstVec + index] + (index == 0 ? firstDone : 0);
  }

  /**
   * {@return the length of a vec, in bytes}
   *
   * @param index from 0
   */
  public int vecLength(int index) {
    return vecLength[firstVec + index] - (index == 0 ? firstDone : 0);
  }

  /**
   * Describes the bio in one line, for a dump. From any context, also while its owner changes it;
   * takes no lock.
   */
  @Override
  public String toString() {
    BlockDevice device = bdev;
    return device == null
        ? "bio without a device"
        : "bio " + BlkTypes.describe(opf, sector, size, status) + " of " + device.name();
  }
}
