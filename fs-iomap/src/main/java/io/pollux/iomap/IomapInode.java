// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * A regular file over iomap, for a filesystem without file operations of its own: direct, buffered
 * and polled reads and writes, seeks, and fiemap. The filesystem adds the mapping, the size, {@link
 * #fsync}, and {@link #convert} if its blocks can be unwritten.
 *
 * <p>Locks: reads take iRwsem shared, and so do direct writes of whole blocks inside the file. All
 * other writes take it exclusively. Such a direct write first waits for those in flight. It
 * completes before it releases the lock, because it zeroes parts of blocks or extends the file.
 */
@LinuxSource(
    file = "fs/xfs/xfs_file.c",
    name = {"xfs_file_read_iter", "xfs_file_write_iter", "xfs_file_dio_aio_write"})
public abstract class IomapInode extends Inode
    implements FileOperations, IomapOps, IomapWritebackOps, IomapDioEnd {
  private final BlockDevice bdev;
  private final Mapping mapping;

  /**
   * Creates a file without a reference.
   *
   * @param sb the filesystem, which has called {@link SuperBlock#initDioDoneWq}
   * @param bdev the device of its extents
   * @param ino the inode number
   * @param mode type and permissions
   */
  protected IomapInode(SuperBlock sb, BlockDevice bdev, long ino, int mode) {
    super(sb, ino, mode);
    this.bdev = bdev;
    mapping = new Mapping(bdev.pageCache(), new IomapPages(this, this, this));
  }

  // What a filesystem adds.

  /** Returns the largest size of a file in bytes. */
  @LinuxSource(file = "include/linux/fs.h", name = "s_maxbytes")
  protected long maxBytes() {
    return Long.MAX_VALUE;
  }

  /** Records that the content changes now. From process context, with iRwsem held. */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  protected void updateTime() {}

  /**
   * Converts the unwritten blocks of a range. From any context; does not sleep.
   *
   * @param from first byte of a block
   * @param to end of a block, or of a write
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_iomap_write_unwritten")
  protected int convert(long from, long to) {
    return 0;
  }

  @Override
  public abstract int fsync(Task current, File file, long start, long end, boolean datasync);

  // Reads and writes.

  @Override
  public final boolean hasReadIter() {
    return true;
  }

  @Override
  public final long readIter(Task current, Kiocb iocb, IovIter to) {
    if (!iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return iocb.has(Kiocb.IOCB_DIRECT)
          ? IomapDio.rw(current, this, iocb, to, this, null)
          : Filemap.read(current, iocb, to, mapping);
    } finally {
      iRwsem.upRead();
    }
  }

  @Override
  public final boolean hasWriteIter() {
    return true;
  }

  @Override
  public final long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    boolean direct = iocb.has(Kiocb.IOCB_DIRECT);
    if (direct && !isAlone(current, iocb, from)) {
      if (!iRwsem.downRead(current, nowait)) {
        return -Errno.EAGAIN;
      }
      try {
        if (!isAlone(current, iocb, from)) { // not truncated meanwhile
          updateTime();
          return IomapDio.rw(current, this, iocb, from, this, this);
        }
      } finally {
        iRwsem.upRead();
      }
    }
    if (!iRwsem.downWrite(current, nowait)) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      written = writeAlone(current, iocb, from, direct);
    } finally {
      iRwsem.upWrite();
    }
    return direct ? written : IomapBuffered.writeSync(current, iocb, written);
  }

  /** Whether a direct write needs the lock exclusively. */
  private boolean isAlone(Task current, Kiocb iocb, IovIter from) {
    return iocb.has(Kiocb.IOCB_APPEND)
        || ((iocb.kiPos | from.count()) & (sb().blockSize() - 1)) != 0
        || iocb.kiPos > size() - from.count()
        || Attr.removedPrivs(current, this) != 0;
  }

  private long writeAlone(Task current, Kiocb iocb, IovIter from, boolean direct) {
    if (direct && dioCount() != 0) {
      if (iocb.has(Kiocb.IOCB_NOWAIT)) {
        return -Errno.EAGAIN;
      }
      int result = waitForDirect(current, true);
      if (result != 0) {
        return result;
      }
    }
    int result = Filemap.writeChecks(iocb, from);
    if (result != 0 || iocb.kiPos >= maxBytes()) {
      return result != 0 ? result : -Errno.EFBIG;
    }
    from.truncate(maxBytes() - iocb.kiPos);
    setMode(mode() & ~Attr.removedPrivs(current, this));
    updateTime();
    if (!direct) {
      return IomapBuffered.write(current, this, iocb, from, this);
    }
    long written = IomapDio.rw(current, this, iocb, from, this, this);
    waitForDirect(current, false);
    return written;
  }

  private int waitForDirect(Task current, boolean interruptible) {
    return InodeDioWait.awaitNone(current, this, bdev, interruptible);
  }

  @Override
  public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
    if (error != 0) {
      return 0;
    }
    long end = iocb.kiPos + bytes;
    int result = (flags & IOMAP_DIO_UNWRITTEN) != 0 ? convert(iocb.kiPos, end) : 0;
    if (result == 0 && end > size()) {
      iSizeWrite(end);
    }
    return result;
  }

  @Override
  public boolean sleeps(Kiocb iocb, long bytes, int error, int flags) {
    return false; // convert does not
  }

  @Override
  public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return iomapBegin(current, inode, pos, length, 0, iomap);
  }

  @Override
  public int endIoend(
      Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
    return unwritten && error == 0 ? convert(pos, pos + length) : 0;
  }

  /**
   * Changes the size, as {@link Inode#setattr} does. A smaller file loses its pages behind the new
   * end, and the rest of its last block becomes zero. Its blocks stay. From process context, with
   * iRwsem held exclusively.
   *
   * @param current the calling task
   * @param bytes the new size, not negative
   * @throws ErrnoException EFBIG, or the error of writing the last block
   */
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_setattr_size")
  protected final void setSize(Task current, long bytes) throws ErrnoException {
    if (bytes > maxBytes()) {
      throw new ErrnoException(Errno.EFBIG);
    }
    waitForDirect(current, false);
    if (bytes < size()) {
      int result = IomapBuffered.truncatePage(current, this, bytes, this);
      if (result != 0) {
        throw new ErrnoException(-result);
      }
      iSizeWrite(bytes);
      mapping.truncateRange(current, bytes, Long.MAX_VALUE);
    } else {
      iSizeWrite(bytes); // the last block is zero behind the old end
    }
    updateTime();
  }

  // Polling, seeks, extents.

  @Override
  public final boolean hasIopoll() {
    return true;
  }

  @Override
  public final int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
  }

  @Override
  public final boolean needsPolling(Kiocb iocb) {
    return IomapDio.needsPolling(iocb);
  }

  @Override
  public final boolean canDirect() {
    return true;
  }

  @Override
  public final boolean canNowait() {
    return true;
  }

  @Override
  public final long llseek(Task current, File file, long offset, int whence) {
    boolean data = whence == Fcntl.SEEK_DATA;
    if (!data && whence != Fcntl.SEEK_HOLE) {
      return FileOperations.super.llseek(current, file, offset, whence);
    }
    iRwsem.downRead(current);
    try {
      long found =
          data
              ? IomapSeek.data(current, this, offset, this, mostExtents())
              : IomapSeek.hole(current, this, offset, this, mostExtents());
      return found < 0 ? found : file.vfsSetpos(found);
    } finally {
      iRwsem.upRead();
    }
  }

  /** Returns more than the number of extents and holes that a file can have. */
  private long mostExtents() {
    return 4 * (bdev.bytes() / sb().blockSize()) + 4;
  }

  @Override
  public final boolean hasFiemap() {
    return true;
  }

  @Override
  public final int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
    iRwsem.downRead(current);
    try {
      return IomapFiemap.fiemap(
          current, this, fieinfo, start, length, this, sb().blockSize(), mostExtents());
    } finally {
      iRwsem.upRead();
    }
  }

  // The inode.

  @Override
  public final Mapping mapping() {
    return mapping;
  }

  @Override
  public final FileOperations fop() {
    return this;
  }

  @Override
  public final boolean hasFsync() {
    return true;
  }
}
