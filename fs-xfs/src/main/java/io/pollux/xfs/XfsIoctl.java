// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;

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

  private static final int FLAGS_KNOWN =
      Fileattr.FS_IMMUTABLE_FL
          | Fileattr.FS_APPEND_FL
          | Fileattr.FS_NOATIME_FL
          | Fileattr.FS_NODUMP_FL
          | Fileattr.FS_SYNC_FL
          | Fileattr.FS_DAX_FL
          | Fileattr.FS_PROJINHERIT_FL;

  /** The flags of any file. They have the same values on disk. */
  private static final int OF_ALL =
      XfsDinode.DIFLAG_IMMUTABLE
          | XfsDinode.DIFLAG_APPEND
          | XfsDinode.DIFLAG_SYNC
          | XfsDinode.DIFLAG_NOATIME
          | XfsDinode.DIFLAG_NODUMP
          | XfsDinode.DIFLAG_NODEFRAG
          | XfsDinode.DIFLAG_FILESTREAM;

  private static final int OF_DIRECTORIES =
      XfsDinode.DIFLAG_RTINHERIT
          | XfsDinode.DIFLAG_NOSYMLINKS
          | XfsDinode.DIFLAG_EXTSZINHERIT
          | XfsDinode.DIFLAG_PROJINHERIT;

  private static final int MAX_HINT_BLOCKS = (1 << 21) - 1;

  /**
   * Sets the attributes of an inode. With iRwsem held exclusively. The VFS has checked permissions
   * and types.
   *
   * @throws ErrnoException EOPNOTSUPP for unknown flags; EINVAL for a realtime file, for a hint
   *     that is not a multiple of the block size or is too large, or for a changed hint of a file
   *     that has extents
   */
  @LinuxSource(
      file = "fs/xfs/xfs_ioctl.c",
      name = {"xfs_fileattr_set", "xfs_ioctl_setattr_xflags", "xfs_flags2diflags"})
  static void setFileattr(Task current, XfsInode ip, Fileattr to) throws ErrnoException {
    if (!to.hasFsx() && (to.flags() & ~FLAGS_KNOWN) != 0) {
      throw new ErrnoException(Errno.EOPNOTSUPP);
    }
    boolean regular = ip.isType(StatMode.S_IFREG);
    int ofType =
        ip.isType(StatMode.S_IFDIR) ? OF_DIRECTORIES : regular ? XfsDinode.DIFLAG_EXTSIZE : 0;
    int flags = to.xflags() & (OF_ALL | ofType);
    boolean cow = (to.xflags() & Fileattr.FS_XFLAG_COWEXTSIZE) != 0;
    if ((to.xflags() & Fileattr.FS_XFLAG_REALTIME) != 0) {
      throw new ErrnoException(Errno.EINVAL); // there is no realtime device
    }
    if (to.hasFsx()) {
      boolean hint = (flags & (XfsDinode.DIFLAG_EXTSIZE | XfsDinode.DIFLAG_EXTSZINHERIT)) != 0;
      checkHint(ip, to.extsize(), hint);
      checkHint(ip, to.cowextsize(), cow);
      boolean changed = fileattr(ip).extsize() != to.extsize();
      boolean noReflink = cow && !ip.mp().sb().reflink;
      if (noReflink || (regular && changed && ip.core().nextents() > 0)) {
        throw new ErrnoException(Errno.EINVAL);
      }
    }
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      store(edit, to, flags, cow);
      int setIds = edit.mode() & (StatMode.S_ISUID | StatMode.S_ISGID);
      if (setIds != 0 && !current.cred().capable(Capability.CAP_FSETID)) {
        edit.put16(XfsDinode.MODE, edit.mode() & ~setIds);
      }
      edit.touchChange();
      tp.commit();
    } catch (ErrnoException e) {
      throw ip.mp().failed(current, e);
    }
  }

  private static void store(XfsInodeEdit edit, Fileattr to, int flags, boolean cow)
      throws ErrnoException {
    int blockLog = edit.mp().sb().blockLog;
    boolean hint = (flags & (XfsDinode.DIFLAG_EXTSIZE | XfsDinode.DIFLAG_EXTSZINHERIT)) != 0;
    edit.put16(XfsDinode.FLAGS, flags | (edit.flags() & XfsDinode.DIFLAG_PREALLOC));
    long flags2 = edit.flags2() & ~(XfsDinode.DIFLAG2_DAX | XfsDinode.DIFLAG2_COWEXTSIZE);
    boolean dax = (to.xflags() & Fileattr.FS_XFLAG_DAX) != 0;
    edit.put64(
        XfsDinode.FLAGS2,
        flags2 | (dax ? XfsDinode.DIFLAG2_DAX : 0) | (cow ? XfsDinode.DIFLAG2_COWEXTSIZE : 0));
    edit.put32(XfsDinode.EXTSIZE, hint ? to.extsize() >>> blockLog : 0);
    edit.put32(XfsDinode.COWEXTSIZE, cow ? to.cowextsize() >>> blockLog : 0);
    edit.put16(XfsDinode.PROJID_LO, to.projid() & 0xffff);
    edit.put16(XfsDinode.PROJID_HI, to.projid() >>> 16);
  }

  /** Checks an extent size hint, in bytes. It must be 0 exactly if its flag is clear. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_inode_buf.c",
      name = {"xfs_inode_validate_extsize", "xfs_inode_validate_cowextsize"})
  private static void checkHint(XfsInode ip, int bytes, boolean set) throws ErrnoException {
    XfsSb sb = ip.mp().sb();
    long blocks = (bytes & 0xffff_ffffL) >> sb.blockLog;
    if ((bytes & sb.blockSize - 1) != 0
        || set != (bytes != 0)
        || blocks > Math.min(MAX_HINT_BLOCKS, sb.agBlocks / 2)) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }
}
