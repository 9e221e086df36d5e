// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.RwSemaphore;
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
    int result = Filemap.writeChecks(iocb, from);
    if (result != 0) {
      return result;
    }
    return iocb.has(Kiocb.IOCB_DIRECT)
        ? direct(current, inode, iocb, from)
        : buffered(current, inode, iocb, from);
  }

  private static long direct(Task current, FlatFile inode, Kiocb iocb, IovIter from) {
    long end = iocb.kiPos + from.count();
    boolean unaligned = ((iocb.kiPos | from.count()) & (inode.sb().blockSize() - 1)) != 0;
    boolean alone = unaligned || end > inode.size();
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    RwSemaphore lock = inode.iRwsem;
    if (!(alone ? lock.downWrite(current, nowait) : lock.downRead(current, nowait))) {
      return -Errno.EAGAIN;
    }
    try {
      inode.touch();
      int result = 0;
      if (unaligned && inode.dioCount() != 0) {
        result =
            nowait
                ? -Errno.EAGAIN
                : InodeDioWait.awaitNone(current, inode, ((FlatSuper) inode.sb()).bdev, true);
      }
      return result != 0 ? result : IomapDio.rw(current, inode, iocb, from, inode, inode);
    } finally {
      if (alone) {
        lock.upWrite();
      } else {
        lock.upRead();
      }
    }
  }

  private static long buffered(Task current, FlatFile inode, Kiocb iocb, IovIter from) {
    if (!inode.iRwsem.downWrite(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      inode.touch();
      written = IomapBuffered.write(current, inode, iocb, from, inode);
    } finally {
      inode.iRwsem.upWrite();
    }
    return IomapBuffered.writeSync(current, iocb, written);
  }

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    FlatFile inode = (FlatFile) file.inode();
    int result = inode.mapping().fsyncRange(current, file, start, end);
    FlatSuper sb = (FlatSuper) inode.sb();
    int written = inode.dirty ? sb.write(current, inode) : sb.bdev.flushAndWait(current);
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
