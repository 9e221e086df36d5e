// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BioBatch;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.Oops;
import io.pollux.core.filemap.PageIo;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes back the pages of a file that is mapped to extents. Holes and unwritten extents
 * read as zeroes, and so does the range beyond the end of the file. Write-back skips them. A writer
 * checks that blocks lie beneath its range ({@link IomapOverwrite}), so a page over a hole is
 * unchanged there.
 */
@LinuxSource(
    file = "fs/iomap.c",
    name = {"iomap_readpage", "iomap_readpages"})
public final class IomapPages implements PageIo {
  private final Inode inode;
  private final IomapOps ops;

  /**
   * Makes the page operations of one file.
   *
   * @param inode the file
   * @param ops the filesystem's mapping
   */
  public IomapPages(Inode inode, IomapOps ops) {
    this.inode = inode;
    this.ops = ops;
  }

  @Override
  public long size() {
    return inode.size();
  }

  @Override
  public int readPages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, false);
  }

  /**
   * Writes pages back with the pages locked and without iRwsem: reclaim for any file may call this.
   */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_vm_writepages")
  public int writePages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, true);
  }

  private int transfer(Task current, long index, long[] addresses, int count, boolean write) {
    Iomap iomap = Iomap.SLAB.alloc(current);
    Walk walk = Walk.get(this, current, index << HostMemory.PAGE_SHIFT, addresses, count, write);
    int result = walk.run(current, this, iomap);
    int moved = walk.await(current); // on an error, too: bios in flight use the pages
    if (!write) {
      walk.clearBehindEnd();
    }
    Slab.free(walk);
    Slab.free(iomap);
    return result != 0 ? result : moved;
  }

  /**
   * One walk over the extents of a run of pages. Offsets count from its start, since a file may
   * reach Long.MAX_VALUE.
   */
  private static final class Walk extends Slab.Item {
    private static final Slab<Walk> SLAB = new Slab<>(Walk::new);
    private static final long[] NOWHERE = {};

    private long start;
    private long[] addresses = NOWHERE;
    private boolean write;
    private int bytes; // up to the end of the pages, or of the file
    private @Nullable BioBatch batch;
    private @Nullable BlockDevice target; // the device of the batch

    static Walk get(
        IomapPages pages, Task current, long start, long[] addresses, int count, boolean write) {
      Walk walk = SLAB.alloc(current);
      walk.write = write;
      walk.start = start;
      walk.addresses = addresses;
      walk.bytes =
          (int) Math.max(0, Math.min((long) count << HostMemory.PAGE_SHIFT, pages.size() - start));
      return walk;
    }

    @LinuxSource(
        file = "fs/iomap.c",
        name = {"iomap_apply", "iomap_readpage_actor"})
    int run(Task current, IomapPages pages, Iomap iomap) {
      int done = 0;
      while (done < bytes) { // each step advances by at least one byte
        long pos = start + done;
        int result = map(current, pages, pos, bytes - done, iomap);
        if (result != 0) {
          return result;
        }
        long behind = iomap.offset() + iomap.length() - pos;
        int stop = (int) Math.min(bytes, done + behind);
        assert stop > done : "an extent without a byte of the range";
        while (done < stop) { // page by page
          int step =
              Math.min(stop - done, HostMemory.PAGE_SIZE - (done & (HostMemory.PAGE_SIZE - 1)));
          assert step > 0 : step;
          result = write ? drain(current, iomap, done, step) : fill(current, iomap, done, step);
          if (result != 0) {
            return result;
          }
          done += step;
        }
      }
      return 0;
    }

    /**
     * Maps the extent at a position. A mapping that throws fails the transfer: bios in flight use
     * the pages, and {@link #await} must wait for them. Returns 0 or a negative errno.
     */
    private static int map(Task current, IomapPages pages, long pos, int length, Iomap iomap) {
      try {
        int result = pages.ops.iomapBegin(current, pages.inode, pos, length, 0, iomap);
        if (result == 0) {
          iomap.checkCovers(pos);
        }
        return result;
      } catch (Throwable e) {
        Oops.report("the mapping of a file", e, "the transfer of its pages fails with EIO");
        return -Errno.EIO;
      }
    }

    /** The address of a byte of the run. */
    private long address(int at) {
      return addresses[at >> HostMemory.PAGE_SHIFT] + (at & (HostMemory.PAGE_SIZE - 1));
    }

    /** Fills a part of a page that lies in one extent. Returns 0 or a negative errno. */
    private int fill(Task current, Iomap iomap, int at, int length) {
      long from = iomap.addr() + start + at - iomap.offset();
      switch (iomap.type()) {
        case HOLE, UNWRITTEN -> RawMemory.zero(address(at), length);
        case INLINE -> RawMemory.copy(from, address(at), length);
        case MAPPED -> {
          return add(current, iomap.bdev(), from, at, length);
        }
      }
      return 0;
    }

    /** Writes a part of a page that lies in one extent. Returns 0 or a negative errno. */
    private int drain(Task current, Iomap iomap, int at, int length) {
      return switch (iomap.type()) {
        case HOLE, UNWRITTEN -> 0;
        case INLINE -> -Errno.EOPNOTSUPP;
        case MAPPED ->
            add(current, iomap.bdev(), iomap.addr() + start + at - iomap.offset(), at, length);
      };
    }

    private int add(Task current, BlockDevice bdev, long position, int at, int length) {
      if (batch != null && target != bdev) {
        int result = await(current);
        if (result != 0) {
          return result;
        }
      }
      if (batch == null) {
        batch = BioBatch.get(current, bdev, write ? BlkTypes.REQ_OP_WRITE : BlkTypes.REQ_OP_READ);
        target = bdev;
      }
      int mask = bdev.queue().logicalBlockSize() - 1;
      // rounded up: the file's last block is transferred whole
      batch.add(current, position, address(at), (length + mask) & ~mask);
      return 0;
    }

    /** Waits for the bios submitted. Returns 0 or a negative errno. */
    int await(Task current) {
      BioBatch sent = batch;
      batch = null;
      return sent == null ? 0 : sent.await(current);
    }

    /** Clears the bytes that the device returned beyond the end of the file. */
    void clearBehindEnd() {
      int rest = -bytes & (HostMemory.PAGE_SIZE - 1);
      if (rest > 0) {
        RawMemory.zero(address(bytes), rest);
      }
    }
  }
}
