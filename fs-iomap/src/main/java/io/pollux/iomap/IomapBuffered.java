// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Reads without O_DIRECT: any position, any length. The data passes through a buffer of the kernel's; there
 * is no page cache at this floor, so every read reads the device.
 */
public final class IomapBuffered {
  /** Bytes of one bounce buffer, and the most that is read at a time. */
  private static final int BOUNCE_BYTES = 256 << 10;

  /** Bounce buffers that are kept. */
  private static final int KEPT = 4;

  private static final Deque<Long> BOUNCE = new ArrayDeque<>(KEPT); // under its own lock

  private IomapBuffered() {}

  /**
   * Reads at iocb.kiPos, which moves on. From process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param iocb the request
   * @param iter where the data goes
   * @param ops the filesystem's mapping
   * @return bytes, 0 at the end of the file, or a negative errno if nothing was read
   */
  public static long read(Task current, Inode inode, Kiocb iocb, IovIter iter, IomapOps ops) {
    if (iocb.has(Kiocb.IOCB_NOWAIT)) {
      return -Errno.EAGAIN; // it would read the device
    }
    long size = inode.size();
    Iomap iomap = Iomap.SLAB.alloc(current);
    long bounce = 0;
    long done = 0;
    long result = 0;
    while (iter.count() > 0 && iocb.kiPos < size) { // each step moves on by a byte or more
      long pos = iocb.kiPos;
      long want = Math.min(iter.count(), size - pos);
      result = ops.iomapBegin(current, inode, pos, want, 0, iomap);
      if (result != 0) {
        break;
      }
      want = Math.min(want, iomap.offset() + iomap.length() - pos);
      assert want > 0 && pos >= iomap.offset() : "an extent that does not cover the position";
      result =
          switch (iomap.type()) {
            case HOLE, UNWRITTEN -> iter.zero(want);
            case INLINE -> iter.copyTo(iomap.addr() + pos - iomap.offset(), want);
            case MAPPED -> {
              if (bounce == 0) {
                bounce = takeBounce();
              }
              yield bounce == 0 ? -Errno.ENOMEM : readMapped(current, iomap, pos, want, iter, bounce);
            }
          };
      if (result <= 0) {
        result = result == 0 ? -Errno.EFAULT : result;
        break;
      }
      iocb.kiPos += result;
      done += result;
    }
    if (bounce != 0) {
      keepBounce(bounce);
    }
    Slab.free(iomap);
    return done > 0 ? done : Math.min(result, 0);
  }

  private static long readMapped(Task current, Iomap iomap, long pos, long want, IovIter iter, long bounce) {
    BlockDevice bdev = iomap.bdev();
    int mask = bdev.queue().logicalBlockSize() - 1;
    long start = iomap.addr() + pos - iomap.offset();
    int head = (int) (start & mask);
    long bytes = Math.min(want, BOUNCE_BYTES - head);
    int whole = (int) ((head + bytes + mask) & ~(long) mask);
    int status = bdev.transferAndWait(current, start - head, bounce, whole, BlkTypes.REQ_OP_READ);
    return status != 0 ? status : iter.copyTo(bounce + head, bytes);
  }

  private static long takeBounce() {
    synchronized (BOUNCE) {
      Long kept = BOUNCE.poll();
      if (kept != null) {
        return kept;
      }
    }
    return HostMemory.map(BOUNCE_BYTES);
  }

  private static void keepBounce(long bounce) {
    synchronized (BOUNCE) {
      if (BOUNCE.size() < KEPT) {
        BOUNCE.push(bounce);
        return;
      }
    }
    HostMemory.unmap(bounce, BOUNCE_BYTES);
  }
}
