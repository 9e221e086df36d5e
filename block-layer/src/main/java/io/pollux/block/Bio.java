// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Oops;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.mm.UserPages;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
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
 * <p>Memory is a list of vecs: address, length, and, with BIO_HOLD_PAGES, the pages that are pinned for it. What is
 * still to be sent of them (C: bi_iter) begins at {@link #sector()} and is {@link #size()} bytes long: {@link #split}
 * takes pieces off the front, and the pages stay with the bio that is left.
 */
@LinuxSource(file = "include/linux/blk_types.h", name = {"bio", "bvec_iter"})
public final class Bio extends Slab.Item {
  /** Most pages that one bio can take. */
  public static final int BIO_MAX_PAGES = 256;

  private static final Slab<Bio> SLAB = new Slab<>(Bio::ofSlab);
  private static final int INLINE_VECS = 4; // BIO_INLINE_VECS
  private static final int NO_TAG = 1 << 31; // in opf, of a bio that no driver has
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
  private int remaining; // pieces in flight, and this one
  @Patch(21)
  @LinuxSource(file = "include/linux/blk_types.h", name = "BIO_HOLD_PAGES")
  private boolean holdPages;

  private @Nullable BlockDevice bdev;
  private @Nullable BioEndIo endIo;
  private @Nullable Object owner; // C: bi_private
  private @Nullable DmaMapping mapping; // in which all vecs lie

  /** The next bio of a request, or of those that are about to end. */
  @Nullable Bio next;

  /** How the request went that is about to end this. */
  int result;

  /** The steps of a write that needs flushes: Request.FSEQ_*; 0 for most bios. */
  int sequence;

  private final boolean embedded; // in an object of its owner's, not from the slab

  private Bio(boolean embedded) {
    this.embedded = embedded;
  }

  private static Bio ofSlab() {
    return new Bio(false);
  }

  /**
   * Makes a bio that is part of another object and lives as long as it, for {@link #init}. Its owner must know that it is
   * not in use.
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
   * @param sector where on it
   * @param opf operation and flags of {@link BlkTypes}
   * @param endIo what happens when it is done
   * @param owner whatever endIo needs to find
   * @return a bio that is the caller's
   */
  @LinuxSource(file = "block/bio.c", name = "bio_alloc")
  public static Bio alloc(
      Task current, BlockDevice bdev, long sector, int opf, BioEndIo endIo, @Nullable Object owner) {
    return SLAB.alloc(current).init(bdev, sector, opf, endIo, owner);
  }

  /**
   * Makes a bio that nobody uses an empty one.
   *
   * @param device the device
   * @param first where on it
   * @param operation operation and flags of {@link BlkTypes}
   * @param handler what happens when it is done
   * @param forHandler whatever the handler needs to find
   * @return this
   */
  @LinuxSource(file = "block/bio.c", name = "bio_init")
  public Bio init(BlockDevice device, long first, int operation, BioEndIo handler, @Nullable Object forHandler) {
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
    mapping = null;
    return this;
  }

  /** Makes what a driver sees while a request flushes: an empty bio that is never submitted. */
  static Bio ofFlush() {
    Bio bio = embedded();
    bio.opf = BlkTypes.REQ_OP_FLUSH;
    return bio;
  }

  /** Gives the bio back. Its pages were released before. From any context. */
  @LinuxSource(file = "block/bio.c", name = "bio_put")
  public void put() {
    assert !holdPages : "a bio goes with its pages";
    assert !chained : "a bio goes before its pieces";
    bdev = null;
    endIo = null;
    owner = null;
    if (!embedded) {
      Slab.free(this);
    }
  }

  /**
   * Marks the bio of a polled request. An asynchronous one must not sleep for a request either.
   *
   * @param iocb the request that it belongs to
   */
  @Patch(4)
  @LinuxSource(file = "include/linux/bio.h", name = "bio_set_polled")
  public void setPolled(Kiocb iocb) {
    opf |= iocb.isSync() ? BlkTypes.REQ_HIPRI : BlkTypes.REQ_HIPRI_ASYNC;
  }

  /**
   * Adds memory that outlives the bio.
   *
   * @param address first byte
   * @param bytes length
   * @return false if the bio has no room for it
   */
  @LinuxSource(file = "block/bio.c", name = "bio_add_page")
  public boolean addMemory(long address, int bytes) {
    return add(address, bytes, null);
  }

  /**
   * Says how many bytes of the device an operation without memory is about.
   *
   * @param bytes length, a multiple of the sector size
   */
  void setSize(int bytes) {
    assert vecs == 0 : "a bio with memory";
    size = bytes;
  }

  /** Takes flags away. */
  void clear(int flags) {
    opf &= ~flags;
  }

  /** Makes an empty write with REQ_PREFLUSH what it is to a driver. */
  void becomeFlush() {
    assert size == 0 : size;
    opf = (opf & ~(BlkTypes.REQ_OP_MASK | BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH)) | BlkTypes.REQ_OP_FLUSH;
  }

  /** How many bytes the first of the vecs have. */
  int bytesOf(int count) {
    int bytes = 0;
    int most = Math.min(count, vecs());
    for (int i = 0; i < most; i++) {
      bytes += vecLength(i);
    }
    return bytes;
  }

  /**
   * Takes a piece off the front. The piece is a bio of its own that ends this one: both are to be sent, and this ends
   * when all its pieces have and it has itself, with the first error. Its pages stay where they are. From process
   * context.
   *
   * @param current the calling task
   * @param bytes length of the piece, less than the size, a multiple of the sector size
   * @return the piece, to be sent before this
   */
  @LinuxSource(file = "block/bio.c", name = {"bio_split", "bio_chain"})
  Bio split(Task current, int bytes) {
    assert bytes > 0 && bytes < size && (bytes & (BlkTypes.SECTOR_SIZE - 1)) == 0 : bytes;
    Bio front = alloc(current, bdev(), sector, opf, Bio::chainEndIo, this);
    front.sequence = sequence;
    front.mapping = mapping;
    int left = bytes;
    while (left > 0 && firstVec < vecs) { // each step takes a byte or more
      int step = Math.min(left, vecLength[firstVec] - firstDone);
      boolean added = front.add(vecAddress[firstVec] + firstDone, step, null);
      assert added : "a piece has no more vecs than the whole";
      left -= step;
      firstDone += step;
      if (firstDone == vecLength[firstVec]) {
        firstVec++;
        firstDone = 0;
      }
    }
    front.size = bytes; // the same, or it has no memory
    size -= bytes;
    sector += bytes >> BlkTypes.SECTOR_SHIFT;
    if (chained) {
      REMAINING.getAndAdd(this, 1);
    } else {
      chained = true;
      REMAINING.setOpaque(this, 2); // nobody else knows of it yet
    }
    return front;
  }

  /** A piece is done. */
  @LinuxSource(file = "block/bio.c", name = "__bio_chain_endio")
  private static void chainEndIo(Bio piece) {
    Bio whole = (Bio) piece.owner;
    assert whole != null;
    int status = piece.status;
    piece.put();
    whole.endio(status);
  }

  private boolean add(long address, int bytes, @Nullable UserPages from) {
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
    if (from != null) { // else it is null already; see releasePages
      vecPages[vecs] = from;
    }
    vecs++;
    pages += more;
    size += bytes;
    return true;
  }

  private static int pagesOf(long address, long bytes) {
    return (int) (((address + bytes - 1) >> HostMemory.PAGE_SHIFT) - (address >> HostMemory.PAGE_SHIFT) + 1);
  }

  /**
   * Takes as much of an iterator as fits, at least one vec, and moves it on. User memory is pinned and held
   * by the bio; the pages of a BVEC iterator are taken as they are.
   *
   * @param iter an iterator that is not empty
   * @return 0, or -EFAULT with nothing taken
   */
  @Patch({21, 22})
  @LinuxSource(file = "block/bio.c", name = "bio_iov_iter_get_pages")
  public int iovIterGetPages(IovIter iter) {
    assert iter.count() > 0;
    if (iter instanceof BvecIter bvec) {
      iovBvecAddPages(bvec);
      return 0;
    }
    return iovecAddPages((IovecIter) iter);
  }

  @Patch(22)
  @LinuxSource(file = "block/bio.c", name = "bio_iov_bvec_add_pages")
  private void iovBvecAddPages(BvecIter iter) {
    long address = iter.address();
    int bytes = (int) Math.min(iter.count(), room(address));
    assert vecs == 0 || mapping == iter.mapping() : "memory of two mappings";
    boolean added = add(address, bytes, null);
    assert added;
    mapping = iter.mapping();
    iter.advance(bytes);
  }

  @LinuxSource(file = "block/bio.c", name = "__bio_iov_iter_get_pages")
  private int iovecAddPages(IovecIter iter) {
    AddressSpace mm = iter.mm();
    boolean write = iter.intoMemory();
    do {
      long address = iter.address();
      long want = Math.min(iter.contiguous(), room(address));
      if (want <= 0) {
        break; // full
      }
      long bytes = mm.contiguous(address, want, write);
      UserPages from = bytes == 0 ? null : mm.pin(address, bytes, write);
      if (from == null) {
        releasePages();
        return -Errno.EFAULT;
      }
      holdPages = true;
      boolean added = add(address, (int) bytes, from);
      assert added;
      iter.advance(bytes);
    } while (iter.count() > 0);
    return 0;
  }

  /** Bytes from an address on that still fit. */
  private long room(long address) {
    long whole = (long) (BIO_MAX_PAGES - pages) << HostMemory.PAGE_SHIFT;
    return whole == 0 ? 0 : whole - (address & (HostMemory.PAGE_SIZE - 1));
  }

  /** Drops the pins of a bio that holds pages (BIO_HOLD_PAGES), and does nothing for others. Any context. */
  @Patch(21)
  @LinuxSource(file = "block/bio.c", name = "bio_release_pages")
  public void releasePages() {
    if (!holdPages) {
      return;
    }
    holdPages = false;
    for (int i = 0; i < vecs; i++) {
      UserPages from = vecPages[i];
      if (from != null) {
        from.unpin(vecAddress[i], vecLength[i]);
        vecPages[i] = null;
      }
    }
  }

  /**
   * The bio is done: tells its owner, or, if pieces of it are still in flight, leaves that to the last of them. From
   * any context.
   *
   * @param result 0 or a negative errno
   */
  @LinuxSource(file = "block/bio.c", name = {"bio_endio", "bio_remaining_done"})
  public void endio(int result) {
    if (!chained) {
      status = result;
    } else {
      if (result != 0) {
        STATUS.compareAndSet(this, 0, result); // the first error
      }
      if ((int) REMAINING.getAndAdd(this, -1) != 1) { // full order: the last one sees what the others stored
        return;
      }
      chained = false;
      firstVec = 0;
      firstDone = 0;
    }
    BioEndIo handler = endIo;
    assert handler != null : "a bio nobody waits for";
    Object whose = owner; // before the handler puts the bio
    try {
      handler.endIo(this);
    } catch (Throwable e) { // concerns neither the driver nor other bios
      threw(whose, e);
    }
  }

  /** Fails the request that owns the bio after its end_io threw, unless the end_io had completed it. */
  private void threw(@Nullable Object whose, Throwable thrown) {
    if (!(whose instanceof Kiocb iocb)) {
      Oops.report("the end_io of a bio", thrown, "its request is lost, and the end of its context gives up on it");
      Oops.loseRequest();
      return;
    }
    Oops.report("the end_io of a bio", thrown, "its request fails with EIO if it is not complete");
    if (bdev != null && owner == whose) { // the end_io did not put it
      releasePages();
      put();
    }
    iocb.fail();
  }

  /** Completes a bio with EAGAIN: no request was free, and the bio must not wait for one. */
  @LinuxSource(file = "include/linux/bio.h", name = "bio_wouldblock_error")
  void wouldBlockError() {
    opf |= NO_TAG;
    endio(-Errno.EAGAIN);
  }

  /**
   * Whether the bio, or a piece of it, failed because no request was free. This tells that EAGAIN from a driver's.
   *
   * @return true if a retry may succeed
   */
  public boolean foundNoTag() {
    return (opf & NO_TAG) != 0;
  }

  /**
   * How it went.
   *
   * @return 0 or a negative errno
   */
  public int status() {
    return status;
  }

  /**
   * What to do.
   *
   * @return one of BlkTypes.REQ_OP_*
   */
  public int op() {
    return opf & BlkTypes.REQ_OP_MASK;
  }

  /**
   * Operation and flags, as the driver is to take them.
   *
   * @return one of BlkTypes.REQ_OP_* and flags
   */
  public int opf() {
    return opf;
  }

  /**
   * The bio behind this one in the same request: it goes on where this one ends.
   *
   * @return the next bio, or null
   */
  @LinuxSource(file = "include/linux/blk_types.h", name = "bi_next")
  public @Nullable Bio next() {
    return next;
  }

  /**
   * Whether a flag is set.
   *
   * @param flag one of BlkTypes.REQ_*
   * @return true if all its bits are
   */
  public boolean has(int flag) {
    return (opf & flag) == flag;
  }

  /**
   * Where on the device.
   *
   * @return first sector
   */
  public long sector() {
    return sector;
  }

  /**
   * How much.
   *
   * @return bytes
   */
  public int size() {
    return size;
  }

  /**
   * The device.
   *
   * @return as given
   */
  public BlockDevice bdev() {
    BlockDevice device = bdev;
    assert device != null : "a bio that was given back";
    return device;
  }

  /**
   * What end_io finds its way by.
   *
   * @return as given
   */
  public @Nullable Object owner() {
    return owner;
  }

  /**
   * The mapping that the vecs lie in.
   *
   * @return the memory's identity beyond its addresses, or null
   */
  public @Nullable DmaMapping mapping() {
    return mapping;
  }

  /**
   * The number of vecs.
   *
   * @return how many pieces of memory
   */
  public int vecs() {
    return vecs - firstVec;
  }

  /**
   * A vec's address.
   *
   * @param index from 0
   * @return first byte
   */
  public long vecAddress(int index) {
    return vecAddress[firstVec + index] + (index == 0 ? firstDone : 0);
  }

  /**
   * A vec's length.
   *
   * @param index from 0
   * @return bytes
   */
  public int vecLength(int index) {
    return vecLength[firstVec + index] - (index == 0 ? firstDone : 0);
  }
}
