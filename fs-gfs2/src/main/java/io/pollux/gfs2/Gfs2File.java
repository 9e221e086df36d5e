// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapDio;
import io.pollux.iomap.IomapSeek;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/**
 * The file operations of regular files.
 *
 * <p>Direct reads hold the inode's glock deferred, buffered reads hold it shared. A change between
 * the two states drops the pages. Neither takes the inode's iRwsem: the glock keeps writers through
 * the page cache out. {@link Gfs2FileWrite} does the writes.
 *
 * <p>A read holds the glock while it is submitted, not until it completes. A queued request is
 * counted in the inode (inode_dio_begin) while it is in flight. A change of the glock's state that
 * conflicts with it waits until the count is 0 ({@link Gfs2Glops}). So a completion never releases
 * a glock.
 *
 * <p>Files whose data goes through the journal can't be opened with O_DIRECT, and RWF_NOWAIT is not
 * supported; both as in 4.20.
 */
@LinuxSource(
    file = "fs/gfs2/file.c",
    name = {"gfs2_file_fops", "gfs2_file_fops_nolock"})
final class Gfs2File implements FileOperations {
  static final Gfs2File OPERATIONS = new Gfs2File(true);

  /** For files whose data goes through the journal. */
  @LinuxSource(file = "fs/gfs2/aops.c", name = "gfs2_jdata_aops")
  static final Gfs2File JDATA = new Gfs2File(false);

  private final boolean direct;

  private Gfs2File(boolean direct) {
    this.direct = direct;
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
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_read_iter")
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    if (iocb.has(Kiocb.IOCB_DIRECT)) {
      long result = directRead(current, iocb, to);
      if (result != -Errno.ENOTBLK) {
        return result;
      }
      iocb.kiFlags &= ~Kiocb.IOCB_DIRECT;
    }
    return bufferedRead(current, iocb, to);
  }

  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_direct_read")
  private static long directRead(Task current, Kiocb iocb, IovIter to) {
    Gfs2Inode ip = (Gfs2Inode) iocb.file().inode();
    Gfs2Glock gl = ip.glock();
    long result = gl.hold(current, LmState.DEFERRED);
    if (result == 0) {
      try {
        result =
            IomapDio.rw(current, ip, iocb, to, Gfs2Iomap.OPS, null); // iocb may be freed after this
      } finally {
        gl.letGo(current);
      }
    }
    return result;
  }

  private static long bufferedRead(Task current, Kiocb iocb, IovIter to) {
    Gfs2Inode ip = (Gfs2Inode) iocb.file().inode();
    Gfs2Glock gl = ip.glock();
    long result = gl.hold(current, LmState.SHARED);
    if (result == 0) {
      try {
        result = Filemap.read(current, iocb, to, ip.mapping());
      } finally {
        gl.letGo(current);
      }
    }
    return result;
  }

  @Override
  public boolean hasWriteIter() {
    return true;
  }

  @Override
  public long writeIter(Task current, Kiocb iocb, IovIter from) {
    return Gfs2FileWrite.writeIter(current, iocb, from);
  }

  @Override
  @Patch(5)
  public boolean hasIopoll() {
    return direct;
  }

  @Override
  @Patch(5)
  @LinuxSource(file = "fs/gfs2/file.c", name = "iopoll")
  public int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
  }

  @Override
  public boolean needsPolling(Kiocb iocb) {
    return IomapDio.needsPolling(iocb);
  }

  @Override
  public boolean canDirect() {
    return direct;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_llseek")
  public long llseek(Task current, File file, long offset, int whence) {
    return switch (whence) {
      case Fcntl.SEEK_END -> seekEnd(current, file, offset);
      case Fcntl.SEEK_DATA, Fcntl.SEEK_HOLE ->
          seekHoleData(current, file, offset, whence == Fcntl.SEEK_DATA);
      default -> FileOperations.super.llseek(current, file, offset, whence);
    };
  }

  /**
   * Seeks from the end. Another node may have changed the size, so the glock is taken, in any
   * state.
   */
  private long seekEnd(Task current, File file, long offset) {
    Gfs2Glock gl = ((Gfs2Inode) file.inode()).glock();
    Gfs2Holder gh = Gfs2Holder.alloc(current, gl, LmState.SHARED, Gfs2Holder.LM_FLAG_ANY);
    try {
      long result = gl.nq(current, gh);
      if (result != 0) {
        return result;
      }
      try {
        return FileOperations.super.llseek(current, file, offset, Fcntl.SEEK_END);
      } finally {
        gl.dq(current, gh);
      }
    } finally {
      gh.uninit();
    }
  }

  @LinuxSource(
      file = "fs/gfs2/inode.c",
      name = {"gfs2_seek_data", "gfs2_seek_hole"})
  private static long seekHoleData(Task current, File file, long offset, boolean data) {
    Gfs2Inode ip = (Gfs2Inode) file.inode();
    ip.iRwsem.downRead(current);
    long found;
    try {
      found = ip.glock().hold(current, LmState.SHARED);
      if (found == 0) {
        found = seekHoleDataHeld(current, ip, offset, data);
      }
    } finally {
      ip.iRwsem.upRead();
    }
    return found < 0 ? found : file.vfsSetpos(found);
  }

  private static long seekHoleDataHeld(Task current, Gfs2Inode ip, long offset, boolean data) {
    try {
      // one before and one after each block of the device
      long most = 2 * (ip.sdp().bdev().bytes() >> ip.sdp().sb().blockLog) + 2;
      return data
          ? IomapSeek.data(current, ip, offset, Gfs2Iomap.OPS, most)
          : IomapSeek.hole(current, ip, offset, Gfs2Iomap.OPS, most);
    } finally {
      ip.glock().letGo(current);
    }
  }

  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    Gfs2Inode ip = (Gfs2Inode) file.inode();
    if (ip.sdp().readOnly()) {
      return 0;
    }
    // sync and unmount write the times
    int result = ip.mapping().fsyncRange(current, file, start, end);
    int flushed = ip.sdp().bdev().flushAndWait(current);
    return result != 0 ? result : flushed;
  }
}
