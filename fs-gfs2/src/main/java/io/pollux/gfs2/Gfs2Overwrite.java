// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapOverwrite;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Writes in place on GFS2: direct writes under the inode's glock in the deferred state, buffered
 * writes under it in the exclusive state. As with reads, a direct write holds the glock while it is
 * submitted, not until it completes.
 *
 * <p>A write fails with EOPNOTSUPP if the file's data goes through the journal. It also does if it
 * would have to remove the file's set-user-ID or set-group-ID bit.
 *
 * <p>In C writes to a file are serialized. Here direct writes, which allocate nothing, hold iRwsem
 * shared.
 */
@LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_write_iter")
final class Gfs2Overwrite extends IomapOverwrite {
  Gfs2Overwrite(Gfs2Sbd sdp, Task current) {
    // Parts of blocks need no exclusive lock: the glock keeps out all tasks that would change the
    // rest of the block.
    super(Gfs2Iomap.OPS, sdp.bdev(), sdp.bdev().queue().logicalBlockSize(), current.process());
  }

  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_file_direct_write")
  protected long writeDirect(Task current, Inode inode, Kiocb iocb, IovIter from) {
    Gfs2Glock gl = ((Gfs2Inode) inode).glock();
    long result = gl.hold(current, LmState.DEFERRED);
    if (result == 0) {
      result = super.writeDirect(current, inode, iocb, from); // iocb may be freed after this
      gl.letGo(current);
    }
    return result;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/bmap.c", name = "gfs2_write_lock")
  protected long writePages(Task current, Inode inode, Kiocb iocb, IovIter from) {
    Gfs2Glock gl = ((Gfs2Inode) inode).glock();
    Gfs2Holder gh = Gfs2Holder.alloc(current, gl, LmState.EXCLUSIVE, 0);
    long result = gl.nq(current, gh);
    if (result == 0) {
      result = super.writePages(current, inode, iocb, from);
      gl.dq(current, gh);
    }
    gh.uninit();
    return result;
  }

  /** A stuffed file's data can be written in place, too. */
  @Override
  protected long inPlace(Task current, Inode inode, Kiocb iocb, long count) {
    return ((Gfs2Inode) inode).dinode().stuffed()
        ? count
        : super.inPlace(current, inode, iocb, count);
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_update_time")
  protected int fileModified(Task current, Inode inode, Kiocb iocb) {
    Gfs2Inode ip = (Gfs2Inode) inode;
    int result = ip.mayChange(iocb);
    if (result != 0) {
      return result;
    }
    if (ip.dinode().jdata() || losesPrivileges(current, ip)) {
      return -Errno.EOPNOTSUPP;
    }
    if (ip.dinode().sync()) {
      iocb.kiFlags |= Kiocb.IOCB_DSYNC;
    }
    ip.fileUpdateTime();
    return 0;
  }
}
