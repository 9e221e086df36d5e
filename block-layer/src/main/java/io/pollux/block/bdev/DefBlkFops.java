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
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** The file operations of block devices: through the page cache, or past it with O_DIRECT. */
@Patch(3)
@LinuxSource(file = "fs/block_dev.c", name = "def_blk_fops")
final class DefBlkFops implements FileOperations {
  static final DefBlkFops INSTANCE = new DefBlkFops();

  private static final int PUNCH_HOLE = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;

  @LinuxSource(file = "fs/block_dev.c", name = "BLKDEV_FALLOC_FL_SUPPORTED")
  private static final int FALLOCATE_MODES =
      PUNCH_HOLE | Fcntl.FALLOC_FL_ZERO_RANGE | Fcntl.FALLOC_FL_NO_HIDE_STALE;

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
    if (!bdev.mapping().isQuiet()) {
      int result = writeBackBeneath(current, bdev.mapping(), iocb, to.count());
      if (result != 0) {
        return result;
      }
    }
    return BlkdevDio.directIo(current, iocb, to);
  }

  /**
   * Writes. A buffered write waits only for memory and for the rest of a partly written page. With
   * IOCB_NOWAIT it writes what it can without waiting; the Linux of the posting returns EOPNOTSUPP.
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
      // with IOCB_DSYNC its bios are durable on completion
      long written = directWrite(current, iocb, from, bdev);
      return written > 0 && iocb.has(Kiocb.IOCB_DSYNC)
          ? reportErrors(iocb.file(), written)
          : written;
    }
    long result = Filemap.write(current, iocb, from, bdev.mapping());
    return result > 0 && iocb.has(Kiocb.IOCB_DSYNC)
        ? writeSync(current, iocb, bdev, result)
        : result;
  }

  @LinuxSource(file = "mm/filemap.c", name = "generic_file_direct_write")
  private static long directWrite(Task current, Kiocb iocb, IovIter from, BlockDevice bdev) {
    Mapping mapping = bdev.mapping();
    if (!mapping.isQuiet()) {
      long start = iocb.kiPos;
      long bytes = from.count();
      int result = writeBackBeneath(current, mapping, iocb, bytes);
      if (result != 0) {
        return result;
      }
      mapping.invalidateRange(start, start + bytes - 1); // BlkdevDio repeats this at completion
    }
    return BlkdevDio.directIo(current, iocb, from);
  }

  /** Writes back the dirty pages under a direct request. Returns 0 or a negative errno. */
  @LinuxSource(file = "mm/filemap.c", name = "generic_file_read_iter")
  private static int writeBackBeneath(Task current, Mapping mapping, Kiocb iocb, long bytes) {
    long end = iocb.kiPos + bytes - 1;
    if (iocb.has(Kiocb.IOCB_NOWAIT)) {
      return mapping.rangeHasPage(iocb.kiPos, end) ? -Errno.EAGAIN : 0;
    }
    return mapping.writeAndWaitRange(current, iocb.kiPos, end);
  }

  /** Reports write-back errors for a synchronous durable write, as fsync does. */
  private static long reportErrors(File file, long written) {
    int error = file.checkAndAdvanceWbErr();
    return error != 0 ? error : written;
  }

  /** Makes the bytes just written durable. Returns their number, or a negative errno. */
  @LinuxSource(file = "include/linux/fs.h", name = "generic_write_sync")
  private static long writeSync(Task current, Kiocb iocb, BlockDevice bdev, long bytes) {
    int result =
        bdev.mapping().fsyncRange(current, iocb.file(), iocb.kiPos - bytes, iocb.kiPos - 1);
    if (result == 0) {
      result = bdev.flushAndWait(current);
    }
    return result != 0 ? result : bytes;
  }

  @Override
  @Differs(
      patch = 3,
      kind = Differs.Kind.OURS,
      why =
          "iopoll polls the queue that the kiocb names. The posting takes the queue of the inode's"
              + " block device.",
      test = "DirectBiosTest#iopollPollsTheQueueThatTheKiocbNames")
  @Patch(3)
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_iopoll")
  public int iopoll(Kiocb iocb, boolean spin) {
    RequestQueue queue = (RequestQueue) iocb.pollQueue();
    return queue == null ? 0 : queue.blkPoll(iocb.kiCookie(), spin);
  }

  @Override
  public boolean needsPolling(Kiocb iocb) {
    RequestQueue queue = (RequestQueue) iocb.pollQueue();
    return queue == null || queue.canPoll(iocb.kiCookie());
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    BlockDevice bdev = bdev(file);
    int result = bdev.mapping().fsyncRange(current, file, start, end);
    return result != 0 ? result : bdev.flushAndWait(current);
  }

  /**
   * Moves the position, at most to the end of the device. SEEK_HOLE and SEEK_DATA fail with EINVAL.
   */
  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "block_llseek")
  public long llseek(Task current, File file, long offset, int whence) {
    long size = bdev(file).bytes();
    long pos =
        switch (whence) {
          case Fcntl.SEEK_SET -> offset;
          case Fcntl.SEEK_CUR -> file.pos() + offset; // an overflow is negative
          case Fcntl.SEEK_END -> size + offset;
          default -> -1;
        };
    return pos > size ? -Errno.EINVAL : file.vfsSetpos(pos);
  }

  /**
   * Zeroes or discards a range.
   *
   * <p>A range that starts at or beyond the end, or is not aligned to logical blocks, is EINVAL.
   * One that reaches beyond the end is cut with KEEP_SIZE, otherwise EINVAL. Zeroing may write
   * zeroes; punching a hole never does.
   *
   * <p>Two things differ from 4.20, as in later versions. An unknown mode leaves the page cache
   * alone. A dirty page that is only partly in the range is not EBUSY.
   *
   * @return 0; -EBUSY if another task wrote there through the page cache meanwhile; -EPERM; or the
   *     device's error
   */
  @Override
  @Differs(
      kind = Differs.Kind.LATER,
      why =
          "fallocate with an unknown mode leaves the page cache alone. The posting's kernel drops"
              + " the pages of the range before it checks the mode.",
      test = "BdevRangesTest#otherModesAreNotSupportedAndLeaveWhatIsCachedAlone")
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_fallocate")
  public int fallocate(Task current, File file, int mode, long offset, long length) {
    BlockDevice bdev = bdev(file);
    if ((mode & ~FALLOCATE_MODES) != 0) {
      return -Errno.EOPNOTSUPP;
    }
    long left = bdev.bytes() - offset;
    if (left <= 0 || (length > left && (mode & Fcntl.FALLOC_FL_KEEP_SIZE) == 0)) {
      return -Errno.EINVAL;
    }
    long bytes = Math.min(length, left);
    if (((offset | bytes) & (bdev.queue().logicalBlockSize() - 1)) != 0) {
      return -Errno.EINVAL;
    }
    boolean zero = (mode & ~Fcntl.FALLOC_FL_KEEP_SIZE) == Fcntl.FALLOC_FL_ZERO_RANGE;
    boolean discard = mode == (PUNCH_HOLE | Fcntl.FALLOC_FL_NO_HIDE_STALE);
    if (!zero && !discard && mode != PUNCH_HOLE) {
      return -Errno.EOPNOTSUPP;
    }
    long end = offset + bytes - 1;
    bdev.mapping().truncateRange(current, offset, end);
    int how = zero ? BlockDevice.ZERO_NOUNMAP : BlockDevice.ZERO_NOFALLBACK;
    int result =
        discard
            ? bdev.discardAndWait(current, offset, bytes)
            : bdev.zeroAndWait(current, offset, bytes, how);
    return result != 0 ? result : bdev.mapping().invalidateTruncated(offset, end);
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
  @LinuxSource(
      file = "fs/block_dev.c",
      name = {"blkdev_open", "blkdev_get"})
  public int claim(File file, int flags) {
    if (bdev(file).isRemoved()) {
      return -Errno.ENXIO;
    }
    return (flags & Fcntl.O_EXCL) == 0 || bdev(file).claim(file) ? 0 : -Errno.EBUSY;
  }

  @Override
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_close")
  public void release(Task current, File file) {
    bdev(file).unclaim(file);
    bdev(file).put(current);
  }

  @Override
  public void release(File file) {
    bdev(file).unclaim(file);
    bdev(file).putAndKeep();
  }

  /**
   * Returns the operation and flags of a direct request's bios. REQ_FUA makes a durable write
   * without work after it that could sleep.
   */
  @LinuxSource(file = "fs/block_dev.c", name = "dio_bio_write_op")
  static int opOf(Kiocb iocb, IovIter iter) {
    int opf = iocb.has(Kiocb.IOCB_NOWAIT) ? BlkTypes.REQ_NOWAIT : 0;
    if (iter.intoMemory()) {
      return opf | BlkTypes.REQ_OP_READ;
    }
    return opf | BlkTypes.REQ_OP_WRITE | (iocb.has(Kiocb.IOCB_DSYNC) ? BlkTypes.REQ_FUA : 0);
  }
}
