// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.IomapBuffered;
import io.pollux.iomap.IomapDio;
import io.pollux.uapi.Errno;

/**
 * Reads and writes files. Reads, and direct writes of whole blocks inside the file, hold iRwsem
 * shared. All other writes hold it exclusively.
 */
final class FlatFileOperations implements FileOperations {
  static final FlatFileOperations INSTANCE = new FlatFileOperations();

  private FlatFileOperations() {}

  @Override
  public boolean hasReadIter() {
    return true;
  }

  @Override
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    FlatFile inode = (FlatFile) iocb.file().inode();
    if (!inode.iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return iocb.has(Kiocb.IOCB_DIRECT)
          ? IomapDio.rw(current, inode, iocb, to, inode, null)
          : Filemap.read(current, iocb, to, inode.mapping());
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
    if (from.count() == 0) {
      return 0;
    }
    FlatFile inode = (FlatFile) iocb.file().inode();
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    boolean direct = iocb.has(Kiocb.IOCB_DIRECT);
    if (direct && !isAlone(inode, iocb, from)) {
      if (!inode.iRwsem.downRead(current, nowait)) {
        return -Errno.EAGAIN;
      }
      try {
        if (!isAlone(inode, iocb, from)) { // not truncated meanwhile
          inode.touch();
          return IomapDio.rw(current, inode, iocb, from, inode, inode);
        }
      } finally {
        inode.iRwsem.upRead();
      }
    }
    if (!inode.iRwsem.downWrite(current, nowait)) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      written = writeAlone(current, inode, iocb, from, direct);
    } finally {
      inode.iRwsem.upWrite();
    }
    return direct ? written : IomapBuffered.writeSync(current, iocb, written);
  }

  /** Whether a direct write needs the lock exclusively: it extends the file, or parts of blocks. */
  private static boolean isAlone(FlatFile inode, Kiocb iocb, IovIter from) {
    return iocb.has(Kiocb.IOCB_APPEND)
        || ((iocb.kiPos | from.count()) & (FlatFs.BLOCK - 1)) != 0
        || iocb.kiPos > inode.size() - from.count();
  }

  /**
   * Writes with the lock held exclusively. A direct write waits until no other is in flight: one
   * that extends the file sets the size when it completes. Parts of blocks are zeroed, so such a
   * write also completes before the lock is released.
   */
  private static long writeAlone(
      Task current, FlatFile inode, Kiocb iocb, IovIter from, boolean direct) {
    if (direct && inode.dioCount() != 0) {
      if (iocb.has(Kiocb.IOCB_NOWAIT)) {
        return -Errno.EAGAIN;
      }
      int result = waitForDirect(current, inode);
      if (result != 0) {
        return result;
      }
    }
    int result = Filemap.writeChecks(iocb, from);
    if (result != 0 || iocb.kiPos > FlatFile.MOST - from.count()) {
      return result != 0 ? result : -Errno.EFBIG;
    }
    inode.touch();
    if (!direct) {
      return IomapBuffered.write(current, inode, iocb, from, inode);
    }
    long written = IomapDio.rw(current, inode, iocb, from, inode, inode);
    waitForDirect(current, inode);
    return written;
  }

  private static int waitForDirect(Task current, FlatFile inode) {
    return InodeDioWait.awaitNone(current, inode, ((FlatSuper) inode.sb()).bdev, false);
  }

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    FlatFile inode = (FlatFile) file.inode();
    int result = inode.mapping().fsyncRange(current, file, start, end);
    int written = ((FlatSuper) inode.sb()).fsync(current, inode);
    return result != 0 ? result : written;
  }

  @Override
  public boolean hasIopoll() {
    return true;
  }

  @Override
  public int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
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
}
