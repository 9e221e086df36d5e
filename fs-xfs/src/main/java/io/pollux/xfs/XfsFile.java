// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapDio;
import io.pollux.iomap.IomapSeek;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/** The file operations of regular files. */
@LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_operations")
final class XfsFile implements FileOperations {
  static final XfsFile OPERATIONS = new XfsFile();

  private XfsFile() {}

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  public boolean hasReadIter() {
    return true;
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_read_iter")
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    return iocb.has(Kiocb.IOCB_DIRECT)
        ? dioAioRead(current, iocb, to)
        : bufferedAioRead(current, iocb, to);
  }

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_dio_aio_read")
  private static long dioAioRead(Task current, Kiocb iocb, IovIter to) {
    Inode inode = iocb.file().inode();
    if (!inode.iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return IomapDio.rw(current, inode, iocb, to, XfsIomap.OPS, null);
    } finally {
      inode.iRwsem.upRead();
    }
  }

  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_buffered_aio_read")
  private static long bufferedAioRead(Task current, Kiocb iocb, IovIter to) {
    XfsInode inode = (XfsInode) iocb.file().inode();
    if (!inode.iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return Filemap.read(current, iocb, to, inode.mapping());
    } finally {
      inode.iRwsem.upRead();
    }
  }

  @Override
  public boolean hasWriteIter() {
    return true;
  }

  @Override
  public long writeIter(Task current, Kiocb iocb, IovIter from) {
    return XfsFileWrite.writeIter(current, iocb, from);
  }

  @Override
  @Patch(5)
  public boolean hasIopoll() {
    return true;
  }

  @Override
  @Patch(5)
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "iopoll")
  public int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
  }

  @Override
  public int iopoll(@Nullable Task current, Kiocb iocb, boolean spin) {
    XfsInode ip = (XfsInode) iocb.file().inode();
    return IomapDio.iopoll(current, iocb, spin, ip.mp().dioBatch());
  }

  @Override
  public boolean needsPolling(Kiocb iocb) {
    return IomapDio.needsPolling(iocb);
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
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_llseek")
  public long llseek(Task current, File file, long offset, int whence) {
    if (whence != Fcntl.SEEK_DATA && whence != Fcntl.SEEK_HOLE) {
      return FileOperations.super.llseek(current, file, offset, whence);
    }
    Inode inode = file.inode();
    inode.iRwsem.downRead(current);
    long found;
    try {
      found =
          whence == Fcntl.SEEK_DATA
              // the extents are a finite list in memory
              ? IomapSeek.data(current, inode, offset, XfsIomap.OPS, Long.MAX_VALUE)
              : IomapSeek.hole(current, inode, offset, XfsIomap.OPS, Long.MAX_VALUE);
    } finally {
      inode.iRwsem.upRead();
    }
    return found < 0 ? found : file.vfsSetpos(found);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_ioctl.c", name = "xfs_file_ioctl")
  public long ioctl(Task current, File file, int cmd, long arg) {
    return XfsIoctl.ioctl(current, file, cmd, arg);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    XfsInode inode = (XfsInode) file.inode();
    if (inode.mp().readOnly()) {
      return 0;
    }
    XfsMount mp = inode.mp();
    int result = inode.mapping().fsyncRange(current, file, start, end);
    if (result != 0) {
      return result;
    }
    int forced = mp.trans().force(current, inode.lastCommit());
    int flushed = mp.bdev().flushAndWait(current);
    return forced != 0 ? forced : flushed;
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_fallocate")
  public int fallocate(Task current, File file, int mode, long offset, long length) {
    return XfsFallocate.fallocate(current, (XfsInode) file.inode(), mode, offset, length);
  }

  @Override
  public boolean hasRemapFileRange() {
    return true;
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_remap_range")
  public int remapFileRange(
      Task current, File from, long pos, File to, long toPos, long length, int flags) {
    return XfsReflink.remapRange(
        current, (XfsInode) from.inode(), pos, (XfsInode) to.inode(), toPos, length, flags);
  }

  /** Frees the blocks behind the end of a file that was written to. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_release")
  public void release(Task current, File file) {
    XfsEofblocks.release(current, (XfsInode) file.inode());
  }
}
