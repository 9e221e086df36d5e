// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** What can be done with an open block device: through its pages in memory, or past them with O_DIRECT. */
@Patch(3)
@LinuxSource(file = "fs/block_dev.c", name = "def_blk_fops")
final class DefBlkFops implements FileOperations {
  static final DefBlkFops INSTANCE = new DefBlkFops();

  private DefBlkFops() {}

  static BlockDevice bdev(File file) {
    return ((BdevInode) file.inode()).bdev();
  }

  @Override
  public boolean hasFsync() {
    return true;
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
    BlockDevice bdev = bdev(iocb.file());
    if (iocb.kiPos >= bdev.bytes()) {
      return 0;
    }
    to.truncate(bdev.bytes() - iocb.kiPos);
    if (!iocb.has(Kiocb.IOCB_DIRECT)) {
      return Filemap.read(current, iocb, to, bdev.mapping());
    }
    if (to.count() == 0) {
      return 0;
    }
    if (!bdev.mapping().isEmpty()) {
      int result = writeBackBeneath(current, bdev.mapping(), iocb, to.count());
      if (result != 0) {
        return result;
      }
    }
    return BlkdevDio.directIo(current, iocb, to);
  }

  /**
   * Writes. Buffered, it waits for nothing but memory and the rest of a page. Unlike Linux of that time, which
   * answers EOPNOTSUPP, a buffered write with IOCB_NOWAIT writes what it can without waiting.
   */
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
    if (iocb.has(Kiocb.IOCB_DIRECT)) {
      return directWrite(current, iocb, from, bdev); // with IOCB_DSYNC its bios are durable when they end
    }
    long result = Filemap.write(current, iocb, from, bdev.mapping());
    return result > 0 && iocb.has(Kiocb.IOCB_DSYNC) ? writeSync(current, iocb, bdev, result) : result;
  }

  @LinuxSource(file = "mm/filemap.c", name = "generic_file_direct_write")
  private static long directWrite(Task current, Kiocb iocb, IovIter from, BlockDevice bdev) {
    Mapping mapping = bdev.mapping();
    if (!mapping.isEmpty()) {
      long start = iocb.kiPos;
      long bytes = from.count();
      int result = writeBackBeneath(current, mapping, iocb, bytes);
      if (result != 0) {
        return result;
      }
      mapping.invalidateRange(start, start + bytes - 1); // BlkdevDio does it once more at the end
    }
    return BlkdevDio.directIo(current, iocb, from);
  }

  /** Brings to the device what is dirty where direct I/O is going to be. Answers 0 or a negative errno. */
  @LinuxSource(file = "mm/filemap.c", name = "generic_file_read_iter")
  private static int writeBackBeneath(Task current, Mapping mapping, Kiocb iocb, long bytes) {
    long end = iocb.kiPos + bytes - 1;
    if (iocb.has(Kiocb.IOCB_NOWAIT)) {
      return mapping.rangeHasPage(iocb.kiPos, end) ? -Errno.EAGAIN : 0;
    }
    return mapping.writeAndWaitRange(current, iocb.kiPos, end);
  }

  /** Makes what was just written durable. Answers the bytes written, or a negative errno. */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  private static long writeSync(Task current, Kiocb iocb, BlockDevice bdev, long bytes) {
    int result = bdev.mapping().fsyncRange(current, iocb.kiPos - bytes, iocb.kiPos - 1);
    if (result == 0) {
      result = bdev.flushAndWait(current);
    }
    return result != 0 ? result : bytes;
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
    BlockDevice bdev = bdev(file);
    int result = bdev.mapping().fsyncRange(current, 0, Long.MAX_VALUE);
    return result != 0 ? result : bdev.flushAndWait(current);
  }

  @Override
  @LinuxSource(file = "block/ioctl.c", name = "blkdev_ioctl")
  public long ioctl(Task current, File file, int cmd, long arg) {
    return BlkdevIoctl.ioctl(current, file, cmd, arg);
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_open")
  public void opened(File file) {
    bdev(file).get();
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_close")
  public void release(Task current, File file) {
    bdev(file).put(current);
  }

  @Override
  public void release(File file) {
    bdev(file).putAndKeep();
  }

  /** What the bios of a direct request ask for. A durable write needs no work behind it that could sleep. */
  @LinuxSource(file = "fs/block_dev.c", name = "dio_bio_write_op")
  static int opOf(Kiocb iocb, IovIter iter) {
    int opf = iocb.has(Kiocb.IOCB_NOWAIT) ? BlkTypes.REQ_NOWAIT : 0;
    if (iter.intoMemory()) {
      return opf | BlkTypes.REQ_OP_READ;
    }
    return opf | BlkTypes.REQ_OP_WRITE | (iocb.has(Kiocb.IOCB_DSYNC) ? BlkTypes.REQ_FUA : 0);
  }
}
