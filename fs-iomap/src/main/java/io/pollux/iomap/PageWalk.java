// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BioBatch;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.Oops;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One walk over the extents of a run of pages, to read or to write them. Offsets count from its
 * start, since a file may reach Long.MAX_VALUE.
 *
 * <p>A write collects consecutive extents of one kind in an ioend. When its bios have completed,
 * the filesystem finishes it ({@link IomapWritebackOps#endIoend}); then the next ioend begins.
 */
final class PageWalk extends Slab.Item {
  private static final Slab<PageWalk> SLAB = new Slab<>(PageWalk::new);
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final long[] NOWHERE = {};

  private final Iomap iomap = new Iomap();
  private final IomapActor filler = this::fill; // bound once
  private @Nullable IomapPages pages;
  private long start;
  private long[] addresses = NOWHERE;
  private boolean write;
  private int valid; // bytes up to the end of the pages, or of the file
  private int bytes; // bytes to transfer: the valid ones, for a write up to the end of a block
  private @Nullable BioBatch batch;
  private @Nullable BlockDevice target; // the device of the batch

  // The ioend being collected; empty if the two are equal.
  @LinuxSource(file = "fs/xfs/xfs_aops.h", name = "xfs_ioend")
  private int ioendStart;

  private int ioendEnd;
  private boolean ioendUnwritten;

  private PageWalk() {}

  static PageWalk get(
      IomapPages pages, Task current, long start, long[] addresses, int count, boolean write) {
    PageWalk walk = SLAB.alloc(current);
    walk.pages = pages;
    walk.start = start;
    walk.addresses = addresses;
    walk.write = write;
    int room = count << HostMemory.PAGE_SHIFT;
    walk.valid = Math.clamp(pages.size() - start, 0, room);
    int mask = Math.min(pages.inode().sb().blockSize(), PAGE) - 1;
    int blocks = (walk.valid + mask) & ~mask;
    // the last block of the largest file ends beyond the largest position
    walk.bytes = write ? (int) Math.min(blocks, Long.MAX_VALUE - start) : walk.valid;
    walk.ioendStart = 0;
    walk.ioendEnd = 0;
    return walk;
  }

  /** Transfers the pages and waits. Returns 0 or the first error. */
  int run(Task current) {
    int result = 0;
    try {
      if (write) {
        clearBehindEnd();
        result = drain(current);
      } else {
        result = read(current);
      }
    } catch (Throwable e) {
      Oops.report(
          "the transfer of a file's pages",
          e,
          "it fails with EIO" + pages().inode().sb().shutDown());
      result = -Errno.EIO;
    }
    int moved = finishIoend(current, result); // on an error, too: bios in flight use the pages
    if (!write) {
      clearBehindEnd();
    }
    pages = null;
    addresses = NOWHERE;
    return result != 0 ? result : moved;
  }

  private IomapPages pages() {
    IomapPages file = pages;
    assert file != null : "a walk that was freed";
    return file;
  }

  // Reading.

  private int read(Task current) {
    Inode inode = pages().inode();
    int done = 0;
    while (done < bytes) { // each step advances by at least one byte
      long step =
          IomapApply.apply(
              current, inode, start + done, bytes - done, 0, pages().ops(), iomap, filler);
      if (step <= 0) {
        return (int) step;
      }
      done += (int) step;
    }
    return 0;
  }

  /** Fills the part of the pages that lies in one extent. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_readpage_actor")
  private long fill(Task current, Inode inode, long pos, long length, Iomap extent) {
    int at = (int) (pos - start);
    int stop = at + (int) length;
    while (at < stop) { // page by page
      int step = Math.min(stop - at, PAGE - (at & (PAGE - 1)));
      long from = extent.addr() + start + at - extent.offset();
      switch (extent.type()) {
        case HOLE, DELALLOC, UNWRITTEN -> RawMemory.zero(address(at), step);
        case INLINE -> RawMemory.copy(from, address(at), step);
        case MAPPED -> {
          int result = add(current, extent.bdev(), from, at, step);
          if (result != 0) {
            return result;
          }
        }
      }
      at += step;
    }
    return length;
  }

  // Writing.

  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_writepage_map")
  private int drain(Task current) {
    int done = 0;
    while (done < bytes) { // each step advances by at least one byte
      int result = map(current, start + done, bytes - done);
      if (result != 0) {
        return result;
      }
      int stop = done + (int) IomapApply.span(start + done, bytes - done, iomap);
      result = drain(current, done, stop);
      if (result != 0) {
        return result;
      }
      done = stop;
    }
    return 0;
  }

  private int map(Task current, long pos, int length) {
    IomapWritebackOps writeback = pages().writeback();
    if (writeback == null) {
      return IomapApply.begin(current, pages().inode(), pos, length, 0, pages().ops(), iomap);
    }
    int result = writeback.mapBlocks(current, pages().inode(), pos, length, iomap);
    if (result == 0) {
      iomap.checkCovers(pos);
    } else if (result > 0) {
      throw new IllegalStateException("mapBlocks returned " + result);
    }
    return result;
  }

  /**
   * Writes the part of the pages that lies in one extent. A page is dirty as a whole: a block of it
   * that holds only zeroes over an unwritten extent or a hole, beside other blocks, counts as not
   * written. Returns 0 or a negative errno.
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "Data in a page over a hole fails the write-back with EIO. Linux 4.20 drops such a page"
              + " without an error, since no page is dirtied there.",
      test = "IomapPagesEdgesTest#dataOverAHoleFailsTheWriteBack")
  private int drain(Task current, int from, int to) {
    Iomap.Type type = iomap.type();
    if (type == Iomap.Type.INLINE) {
      return -Errno.EOPNOTSUPP;
    }
    boolean unwritten = type == Iomap.Type.UNWRITTEN;
    boolean writable = type == Iomap.Type.MAPPED || (unwritten && pages().writeback() != null);
    int block = pages().inode().sb().blockSize();
    int result = 0;
    for (int at = from; at < to && result == 0; ) { // block by block, or page by page
      int step = Math.min(to - at, PAGE - (at & (PAGE - 1)));
      if (type != Iomap.Type.MAPPED && (step < PAGE || !writable)) {
        step = Math.min(step, block);
        if (isZero(at, at + step)) {
          at += step;
          continue;
        }
      }
      result = writable ? put(current, at, step, unwritten) : -Errno.EIO;
      at += step;
    }
    return result;
  }

  /** Adds a part of a page to the ioend. Returns 0 or a negative errno. */
  private int put(Task current, int at, int step, boolean unwritten) {
    if (ioendEnd != at || ioendUnwritten != unwritten) {
      int result = finishIoend(current, 0);
      if (result != 0) {
        return result;
      }
      ioendStart = at;
      ioendUnwritten = unwritten;
    }
    ioendEnd = at + step;
    return add(current, iomap.bdev(), iomap.addr() + start + at - iomap.offset(), at, step);
  }

  /** Whether a part of a page holds zeroes only. */
  private boolean isZero(int from, int to) {
    MemorySegment part = RawMemory.segment(address(from), to - from);
    return part.mismatch(RawMemory.segment(IomapDio.ZEROES, to - from)) < 0;
  }

  /** Waits for the bios and lets the filesystem finish the ioend. Returns 0 or the first error. */
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_end_io")
  private int finishIoend(Task current, int earlier) {
    BioBatch sent = batch;
    batch = null;
    int result = sent == null ? 0 : sent.await(current);
    int from = ioendStart;
    int to = ioendEnd;
    ioendStart = to;
    IomapWritebackOps writeback = pages().writeback();
    if (!write || writeback == null || from == to) {
      return result;
    }
    int error = earlier != 0 ? earlier : result;
    try {
      int ended =
          writeback.endIoend(
              current, pages().inode(), start + from, to - from, ioendUnwritten, error);
      return result != 0 ? result : Math.min(ended, 0);
    } catch (Throwable e) {
      String shut = pages().inode().sb().shutDown();
      Oops.report("a filesystem's end of a write-back", e, "it fails with EIO" + shut);
      return -Errno.EIO;
    }
  }

  // Both.

  /** The address of a byte of the run. */
  private long address(int at) {
    return addresses[at >> HostMemory.PAGE_SHIFT] + (at & (PAGE - 1));
  }

  private int add(Task current, BlockDevice bdev, long position, int at, int length) {
    if (batch != null && target != bdev) {
      BioBatch sent = batch;
      batch = null;
      int result = sent.await(current);
      if (result != 0) {
        return result;
      }
    }
    BioBatch open = batch;
    if (open == null) {
      open = BioBatch.get(current, bdev, write ? BlkTypes.REQ_OP_WRITE : BlkTypes.REQ_OP_READ);
      batch = open;
      target = bdev;
    }
    int mask = bdev.queue().logicalBlockSize() - 1;
    // rounded up: the file's last sector is transferred whole
    open.add(current, position, address(at), (length + mask) & ~mask);
    return 0;
  }

  /** Clears the bytes of the last page beyond the end of the file. */
  private void clearBehindEnd() {
    int rest = -valid & (PAGE - 1);
    if (rest > 0) {
      RawMemory.zero(address(valid), rest);
    }
  }
}
