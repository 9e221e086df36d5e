// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.filemap.PageIo;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * The pages of a block device: page n is at byte n * 4096. The device's end may cut the last one
 * short.
 */
@LinuxSource(file = "fs/block_dev.c", name = "def_blk_aops")
final class BdevPages implements PageIo {
  private final BlockDevice bdev;

  BdevPages(BlockDevice bdev) {
    this.bdev = bdev;
  }

  @Override
  public long size() {
    return bdev.bytes();
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_readpages")
  public int readPages(Task current, long index, long[] addresses, int count) {
    long end = bdev.bytes();
    for (int i = count - 1; i >= 0 && bytesOf(index + i, end) < HostMemory.PAGE_SIZE; i--) {
      int bytes = bytesOf(index + i, end);
      RawMemory.zero(addresses[i] + bytes, HostMemory.PAGE_SIZE - bytes);
    }
    return transfer(current, index, addresses, count, end, BlkTypes.REQ_OP_READ);
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_writepages")
  public int writePages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, bdev.bytes(), BlkTypes.REQ_OP_WRITE);
  }

  private int transfer(Task current, long index, long[] addresses, int count, long end, int op) {
    BioBatch batch = BioBatch.get(current, bdev, op);
    for (int i = 0; i < count; i++) {
      int bytes = bytesOf(index + i, end);
      if (bytes > 0) {
        batch.add(current, (index + i) << HostMemory.PAGE_SHIFT, addresses[i], bytes);
      }
    }
    return batch.await(current);
  }

  /**
   * Bytes of a page that are on a device with this end: a multiple of the logical block size, and 0
   * for a page that was cached before the device shrank.
   */
  private static int bytesOf(long index, long end) {
    return Math.clamp(end - (index << HostMemory.PAGE_SHIFT), 0, HostMemory.PAGE_SIZE);
  }
}
