// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.uapi.LinuxSource;

/** The file operations of directories. */
@LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_dir_file_operations")
final class XfsDirFile implements FileOperations {
  static final XfsDirFile OPERATIONS = new XfsDirFile();

  private XfsDirFile() {}

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_readdir")
  public int iterateShared(Task current, File file, DirContext context) {
    try {
      XfsDir2Readdir.list(current, (XfsInode) file.inode(), context);
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_ioctl.c", name = "xfs_file_ioctl")
  public long ioctl(Task current, File file, int cmd, long arg) {
    return XfsIoctl.ioctl(current, file, cmd, arg);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_dir_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    XfsInode dp = (XfsInode) file.inode();
    XfsMount mp = dp.mp();
    if (mp.readOnly()) {
      return 0;
    }
    int forced = mp.trans().force(current, dp.lastCommit());
    int flushed = mp.bdev().flushAndWait(current);
    return forced != 0 ? forced : flushed;
  }
}
