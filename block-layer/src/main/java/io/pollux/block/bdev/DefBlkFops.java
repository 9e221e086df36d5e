// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** What can be done with an open block device. Without O_DIRECT there is no cache here to go through yet. */
@Patch(3)
@LinuxSource(file = "fs/block_dev.c", name = "def_blk_fops")
final class DefBlkFops implements FileOperations {
  static final DefBlkFops INSTANCE = new DefBlkFops();

  private DefBlkFops() {}

  static BlockDevice bdev(File file) {
    return ((BdevInode) file.inode()).bdev();
  }

  @Override
  public boolean hasReadIter() {
    return true;
  }

  @Override
  public boolean hasWriteIter() {
    return true;
  }

  @Override
  public boolean hasIopoll() {
    return true;
  }

  @Override
  public boolean canDirect() {
    return true;
  }

  @Override
  public boolean canNowait() {
    return true;
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_read_iter")
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    long size = bdev(iocb.file()).bytes();
    if (iocb.kiPos >= size) {
      return 0;
    }
    to.truncate(size - iocb.kiPos);
    return directIo(current, iocb, to);
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_write_iter")
  public long writeIter(Task current, Kiocb iocb, IovIter from) {
    BlockDevice bdev = bdev(iocb.file());
    if (bdev.readOnly()) {
      return -Errno.EPERM;
    }
    if (from.count() == 0) {
      return 0;
    }
    if (iocb.kiPos >= bdev.bytes()) {
      return -Errno.ENOSPC;
    }
    from.truncate(bdev.bytes() - iocb.kiPos);
    return directIo(current, iocb, from);
  }

  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_direct_IO")
  private static long directIo(Task current, Kiocb iocb, IovIter iter) {
    if (!iocb.has(Kiocb.IOCB_DIRECT)) {
      return -Errno.EOPNOTSUPP;
    }
    return iter.count() == 0 ? 0 : BlkdevDio.directIo(current, iocb, iter);
  }

  @Override
  @Patch(3)
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_iopoll")
  public int iopoll(Kiocb iocb, boolean spin) {
    RequestQueue queue = (RequestQueue) iocb.pollQueue();
    return queue == null ? 0 : queue.blkPoll(iocb.kiCookie(), spin);
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_fsync")
  public int fsync(Task current, File file, boolean datasync) {
    return bdev(file).flushAndWait(current);
  }

  static int opOf(IovIter iter) {
    return iter.intoMemory() ? BlkTypes.REQ_OP_READ : BlkTypes.REQ_OP_WRITE;
  }
}
