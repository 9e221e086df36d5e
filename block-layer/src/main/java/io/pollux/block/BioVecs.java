// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.mm.UserPages;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a bio: a list of vecs. A vec has an address, a length, and the pages that the bio
 * has pinned for it. With BIO_HOLD_PAGES the caller holds the pages, and completion does not put
 * them.
 */
@LinuxSource(
    file = "include/linux/bvec.h",
    name = {"bio_vec", "bvec_iter"})
abstract sealed class BioVecs extends Slab.Item permits Bio {
  /** Maximum number of pages of a bio. */
  public static final int BIO_MAX_PAGES = 256;

  private static final int INLINE_VECS = 4; // BIO_INLINE_VECS

  /** In flags: the bio must put pages. */
  static final int PINNED = 1 << 2;

  /** In flags: the caller holds the pages. */
  @Patch(21)
  @LinuxSource(file = "include/linux/blk_types.h", name = "BIO_HOLD_PAGES")
  private static final int HOLD_PAGES = 1 << 3;

  // The first vec, which is the only one of most bios. Its places in the arrays are unused.
  private long vec0Address;
  private int vec0Length;

  private long[] vecAddress = new long[INLINE_VECS];
  private int[] vecLength = new int[INLINE_VECS];
  private @Nullable UserPages[] vecPages = new UserPages[INLINE_VECS];
  private int vecs;
  private int pages; // valid if there are vecs
  private int firstVec; // C: bi_idx
  private int firstDone; // bytes of that vec that were split off (C: bi_bvec_done)
  private int size;
  private @Nullable DmaMapping mapping; // the mapping of all vecs; valid if there are vecs

  /** State of the bio; see also {@link Bio}. */
  @LinuxSource(file = "include/linux/blk_types.h", name = "bi_flags")
  int flags;

  BioVecs() {}

  /** Removes all vecs. Their pages must have been released. */
  final void clearMemory() {
    vecs = 0;
    size = 0;
  }

  /**
   * Adds the memory of a part of another bio, whose pages stay with that one. This one is empty.
   */
  final void share(BioVecs source, int offset, int bytes) {
    mapping = source.mapping;
    int skip = offset;
    int left = bytes;
    int count = source.vecs();
    for (int i = 0; i < count && left > 0; i++) {
      int length = source.vecLength(i);
      int step = Math.min(left, length - skip);
      if (step > 0) {
        boolean added = add(source.vecAddress(i) + skip, step, null);
        assert added : "a part has no more vecs than the whole";
        left -= step;
      }
      skip = Math.max(0, skip - length);
    }
    size = bytes; // unchanged, unless the bio has no memory
  }

  /** Moves bytes from the front to an empty bio. The pages stay here. */
  final void moveFront(BioVecs front, int bytes) {
    front.share(this, 0, bytes);
    int end = firstDone + bytes;
    while (firstVec < vecs && end >= lengthOf(firstVec)) {
      end -= lengthOf(firstVec++);
    }
    firstDone = firstVec < vecs ? end : 0;
    size -= bytes;
  }

  /** Makes all vecs visible again, after the pieces have completed. */
  final void rewind() {
    firstVec = 0;
    firstDone = 0;
  }

  /**
   * Sets BIO_HOLD_PAGES: the caller holds the bio's pages until it completes, so completion does
   * not put them. Set before {@link #iovIterGetPages}.
   */
  @Patch({21, 23})
  @LinuxSource(file = "include/linux/blk_types.h", name = "BIO_HOLD_PAGES")
  public final void setHoldPages() {
    assert (flags & PINNED) == 0 : "a bio that has pinned pages";
    flags |= HOLD_PAGES;
  }

  /** {@return BIO_HOLD_PAGES: whether the caller holds the bio's pages} */
  public final boolean holdPages() {
    return (flags & HOLD_PAGES) != 0;
  }

  /**
   * Adds memory that outlives the bio.
   *
   * @param address first byte
   * @param bytes length
   * @return false if the bio is full
   */
  @LinuxSource(file = "block/bio.c", name = "bio_add_page")
  public final boolean addMemory(long address, int bytes) {
    unmapped();
    return add(address, bytes, null);
  }

  /**
   * Sets the length of an operation without memory.
   *
   * @param bytes length, a multiple of the sector size
   */
  final void setSize(int bytes) {
    assert vecs == 0 : "a bio with memory";
    size = bytes;
  }

  private boolean add(long address, int bytes, @Nullable UserPages from) {
    int whole = usedPages() + pagesOf(address, bytes);
    if (whole > BIO_MAX_PAGES) {
      return false;
    }
    if (vecs == 0) {
      vec0Address = address;
      vec0Length = bytes;
    } else {
      addToArrays(address, bytes);
    }
    if (from != null) { // otherwise it is null already; see releasePages
      vecPages[vecs] = from;
      flags |= PINNED;
    }
    vecs++;
    pages = whole;
    size += bytes;
    return true;
  }

  private void addToArrays(long address, int bytes) {
    if (vecs == vecAddress.length) {
      int room = vecs * 4;
      vecAddress = Arrays.copyOf(vecAddress, room);
      vecLength = Arrays.copyOf(vecLength, room);
      vecPages = Arrays.copyOf(vecPages, room);
    }
    vecAddress[vecs] = address;
    vecLength[vecs] = bytes;
  }

  private long addressOf(int vec) {
    return vec == 0 ? vec0Address : vecAddress[vec];
  }

  private int lengthOf(int vec) {
    return vec == 0 ? vec0Length : vecLength[vec];
  }

  private int usedPages() {
    return vecs == 0 ? 0 : pages;
  }

  /** Prepares for memory that is in no mapping. */
  private void unmapped() {
    if (mapping != null) {
      assert vecs == 0 : "memory of a mapping and other memory";
      mapping = null;
    }
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
  public final int iovIterGetPages(IovIter iter) {
    assert iter.count() > 0;
    if (iter instanceof BvecIter bvec) {
      iovBvecAddPages(bvec);
      return 0;
    }
    return iovecAddPages((IovecIter) iter);
  }

  @Differs(
      patch = 22,
      kind = Differs.Kind.SIMPLER,
      why =
          "A fixed buffer is one vec, because user addresses are real and its pages are one range."
              + " The posting adds a bio_vec for each page.",
      test = "BioPagesTest#theFixedBuffersPagesAreNotPinnedAgain")
  @Patch(22)
  @LinuxSource(file = "block/bio.c", name = "bio_iov_bvec_add_pages")
  private void iovBvecAddPages(BvecIter iter) {
    long address = iter.address();
    int bytes = (int) Math.min(iter.count(), room(address));
    DmaMapping from = iter.mapping();
    if (mapping != from) {
      assert vecs == 0 : "memory of two mappings";
      mapping = from;
    }
    boolean added = add(address, bytes, null);
    assert added;
    iter.advance(bytes);
  }

  @LinuxSource(file = "block/bio.c", name = "__bio_iov_iter_get_pages")
  private int iovecAddPages(IovecIter iter) {
    AddressSpace mm = iter.mm();
    boolean write = iter.intoMemory();
    unmapped();
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
      boolean added = add(address, (int) bytes, from);
      assert added;
      iter.advance(bytes);
    } while (iter.count() > 0);
    return 0;
  }

  /** Bytes from an address on that still fit. */
  private long room(long address) {
    long whole = (long) (BIO_MAX_PAGES - usedPages()) << HostMemory.PAGE_SHIFT;
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
  public final void releasePages() {
    if ((flags & PINNED) != 0) {
      unpin();
    }
  }

  private void unpin() {
    flags &= ~PINNED;
    Throwable failed = null;
    for (int i = 0; i < vecs; i++) {
      UserPages from = vecPages[i];
      if (from != null) {
        vecPages[i] = null;
        try {
          from.unpin(addressOf(i), lengthOf(i));
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

  /** {@return the length in bytes} */
  public final int size() {
    return size;
  }

  /** {@return the mapping of all vecs, the memory's identity beyond its addresses; or null} */
  public final @Nullable DmaMapping mapping() {
    return vecs == 0 ? null : mapping;
  }

  /** {@return the number of vecs} */
  public final int vecs() {
    return vecs - firstVec;
  }

  /**
   * {@return the address of a vec}
   *
   * @param index from 0
   */
  public final long vecAddress(int index) {
    return addressOf(firstVec + index) + (index == 0 ? firstDone : 0);
  }

  /**
   * {@return the length of a vec, in bytes}
   *
   * @param index from 0
   */
  public final int vecLength(int index) {
    return lengthOf(firstVec + index) - (index == 0 ? firstDone : 0);
  }
}
