// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapOverwrite;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Writes in place on XFS.
 *
 * <p>A write fails with EOPNOTSUPP if the file may share blocks (reflink), since blocks would have
 * to be allocated. It also does if it would have to remove the file's set-user-ID or set-group-ID
 * bit.
 */
final class XfsOverwrite extends IomapOverwrite {
  XfsOverwrite(XfsMount mp, Task current) {
    super(XfsIomap.OPS, mp.bdev(), mp.sb().blockSize, current.process());
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_aio_write_checks")
  protected int fileModified(Task current, Inode inode, Kiocb iocb) {
    XfsInode ip = (XfsInode) inode;
    XfsInodeBuf.Core core = ip.core();
    int result = ip.mayChange(iocb);
    if (result != 0) {
      return result;
    }
    if (core.reflink() || losesPrivileges(current, ip)) {
      return -Errno.EOPNOTSUPP;
    }
    if (core.sync()) {
      iocb.kiFlags |= Kiocb.IOCB_DSYNC;
    }
    ip.fileUpdateTime();
    return 0;
  }
}
