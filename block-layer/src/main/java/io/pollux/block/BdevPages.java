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
    int bytes = lastBytes(index, count);
    if (bytes < HostMemory.PAGE_SIZE) {
      RawMemory.zero(addresses[count - 1] + bytes, HostMemory.PAGE_SIZE - bytes);
    }
    return transfer(current, index, addresses, count, BlkTypes.REQ_OP_READ);
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_writepages")
  public int writePages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, BlkTypes.REQ_OP_WRITE);
  }

  private int transfer(Task current, long index, long[] addresses, int count, int op) {
    BioBatch batch = BioBatch.get(current, bdev, op);
    for (int i = 0; i < count; i++) {
      int bytes = i == count - 1 ? lastBytes(index, count) : HostMemory.PAGE_SIZE;
      batch.add(current, (index + i) << HostMemory.PAGE_SHIFT, addresses[i], bytes);
    }
    return batch.await(current);
  }

  /** Bytes of the last page that are on the device: a multiple of the logical block size. */
  private int lastBytes(long index, int count) {
    long start = (index + count - 1) << HostMemory.PAGE_SHIFT;
    return (int) Math.min(HostMemory.PAGE_SIZE, bdev.bytes() - start);
  }
}
