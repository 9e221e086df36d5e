// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BioBatch;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
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
 * The pages of a file that is mapped to extents: brings them in for the page cache. Holes and unwritten extents are
 * zeroes, and so is what lies beyond the end of the file. Writing is for the filesystems that write.
 */
@LinuxSource(file = "fs/iomap.c", name = {"iomap_readpage", "iomap_readpages"})
public final class IomapPages implements PageIo {
  private final Inode inode;
  private final IomapOps ops;

  /**
   * For one file.
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
    Iomap iomap = Iomap.SLAB.alloc(current);
    Walk walk = new Walk(current, index << HostMemory.PAGE_SHIFT, addresses, count);
    int result = walk.run(iomap);
    int read = walk.await(); // whatever happened: the bios have the pages
    Slab.free(iomap);
    return result != 0 ? result : read;
  }

  @Override
  public int writePages(Task current, long index, long[] addresses, int count) {
    return -Errno.EROFS;
  }

  /** One walk over the extents behind a run of pages. */
  private final class Walk {
    private final Task current;
    private final long start;
    private final long[] addresses;
    private final long end; // of the pages
    private @Nullable BioBatch batch;
    private @Nullable BlockDevice target; // where the batch goes

    Walk(Task current, long start, long[] addresses, int count) {
      this.current = current;
      this.start = start;
      this.addresses = addresses;
      end = start + ((long) count << HostMemory.PAGE_SHIFT);
    }

    @LinuxSource(file = "fs/iomap.c", name = "iomap_readpage_actor")
    int run(Iomap iomap) {
      long fileEnd = Math.min(end, inode.size());
      long pos = start;
      while (pos < fileEnd) { // each step moves on by a byte or more
        int result = ops.iomapBegin(current, inode, pos, fileEnd - pos, 0, iomap);
        if (result != 0) {
          return result;
        }
        long stop = Math.min(fileEnd, iomap.offset() + iomap.length());
        assert stop > pos && pos >= iomap.offset() : "an extent that does not cover the position";
        while (pos < stop) { // page by page
          long step = Math.min(stop - pos, HostMemory.PAGE_SIZE - (pos & (HostMemory.PAGE_SIZE - 1)));
          result = fill(iomap, pos, (int) step);
          if (result != 0) {
            return result;
          }
          pos += step;
        }
      }
      return 0;
    }

    /** Where a byte of the file is in its page. */
    private long address(long pos) {
      return addresses[(int) ((pos - start) >> HostMemory.PAGE_SHIFT)] + (pos & (HostMemory.PAGE_SIZE - 1));
    }

    /** Fills a part of a page that lies in one extent. Answers 0 or a negative errno. */
    private int fill(Iomap iomap, long pos, int bytes) {
      switch (iomap.type()) {
        case HOLE, UNWRITTEN -> RawMemory.zero(address(pos), bytes);
        case INLINE -> RawMemory.copy(iomap.addr() + pos - iomap.offset(), address(pos), bytes);
        case MAPPED -> {
          return read(iomap, pos, bytes);
        }
      }
      return 0;
    }

    private int read(Iomap iomap, long pos, int bytes) {
      BlockDevice bdev = iomap.bdev();
      if (batch != null && target != bdev) {
        int result = await();
        if (result != 0) {
          return result;
        }
      }
      if (batch == null) {
        batch = new BioBatch(bdev, BlkTypes.REQ_OP_READ);
        target = bdev;
      }
      int mask = bdev.queue().logicalBlockSize() - 1;
      int whole = (bytes + mask) & ~mask; // the last block of the file, to its end
      batch.add(current, iomap.addr() + pos - iomap.offset(), address(pos), whole);
      return 0;
    }

    /** Waits for what was sent, and clears what lies beyond the end of the file. Answers 0 or a negative errno. */
    int await() {
      BioBatch sent = batch;
      batch = null;
      int result = sent == null ? 0 : sent.await(current);
      long fileEnd = inode.size();
      if (fileEnd < end && fileEnd >= start) {
        long rest = (fileEnd + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
        if (rest > fileEnd) {
          RawMemory.zero(address(fileEnd), rest - fileEnd);
        }
      }
      return result;
    }
  }
}
