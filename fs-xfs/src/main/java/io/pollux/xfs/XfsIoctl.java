// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/** XFS's own ioctl requests, and its file attributes. */
@LinuxSource(file = "fs/xfs/xfs_ioctl.c")
final class XfsIoctl {
  private XfsIoctl() {}

  /** Implements ioctl for files and directories. From process context. */
  @LinuxSource(file = "fs/xfs/xfs_ioctl.c", name = "xfs_file_ioctl")
  static long ioctl(Task current, File file, int cmd, long arg) {
    if (cmd != FileIoctl.FS_IOC_GETVERSION) {
      return -Errno.ENOTTY;
    }
    if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, ((XfsInode) file.inode()).core().generation());
    return 0;
  }

  /** Returns the attributes of an inode. */
  @LinuxSource(
      file = "fs/xfs/xfs_ioctl.c",
      name = {"xfs_fileattr_get", "xfs_fill_fsxattr"})
  static Fileattr fileattr(XfsInode ip) {
    XfsInodeBuf.Core core = ip.core();
    int xflags = core.xflags();
    int extsize = core.hasExtsize() ? core.extsize() << ip.mp().sb().blockLog : 0;
    boolean hasCowextsize = (xflags & Fileattr.FS_XFLAG_COWEXTSIZE) != 0;
    int cowextsize = hasCowextsize ? core.cowextsize() << ip.mp().sb().blockLog : 0;
    return new Fileattr(
        Fileattr.flagsOf(xflags),
        xflags,
        extsize,
        (int) core.nextents(),
        core.projid(),
        cowextsize,
        true);
  }
}
