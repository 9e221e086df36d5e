// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.PosixAcl;
import io.pollux.core.vfs.Timespec64;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.IomapBuffered;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsTime;
import io.pollux.xfs.trans.XfsTrans;

/** Changes attributes, and cuts or extends files. All with iRwsem held exclusively. */
@LinuxSource(file = "fs/xfs/xfs_iops.c")
final class XfsSetattr {
  private XfsSetattr() {}

  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_setattr")
  static void setattr(Task current, XfsInode ip, Iattr attr) throws ErrnoException {
    if (ip.mp().readOnly()) {
      throw new ErrnoException(Errno.EROFS);
    }
    boolean sized = attr.has(Iattr.ATTR_SIZE);
    if (sized && attr.size() > ip.maxBytes()) {
      throw new ErrnoException(Errno.EFBIG);
    }
    try {
      // a truncated file keeps no set-ID bits, so the mode comes first: its change may fail
      if (sized && !attr.has(Iattr.ATTR_MODE)) {
        setSize(current, ip, attr.size());
      }
      setOthers(current, ip, attr);
      if (sized && attr.has(Iattr.ATTR_MODE)) {
        setSize(current, ip, attr.size());
      }
    } catch (ErrnoException e) {
      throw ip.mp().failed(current, e);
    }
  }

  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_setattr_nonsize")
  private static void setOthers(Task current, XfsInode ip, Iattr attr) throws ErrnoException {
    boolean newMode = attr.has(Iattr.ATTR_MODE);
    PosixAcl acl = newMode ? XfsAcl.of(current, ip).access() : null;
    try (XfsTrans tp = ip.mp().trans().begin(current, XfsAcl.blocks(ip.mp(), acl))) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      if (attr.has(Iattr.ATTR_UID)) {
        edit.put32(XfsDinode.UID, attr.uid());
      }
      if (attr.has(Iattr.ATTR_GID)) {
        edit.put32(XfsDinode.GID, attr.gid());
      }
      if (newMode) {
        edit.put16(XfsDinode.MODE, attr.mode());
        if (acl != null) {
          XfsAcl.chmod(edit, acl, attr.mode());
        }
      }
      long now = System.currentTimeMillis();
      edit.supersedeWriteTime();
      if (attr.has(Iattr.ATTR_ATIME)) {
        edit.put64(
            XfsDinode.ATIME,
            attr.has(Iattr.ATTR_ATIME_SET) ? time(edit, attr.atime()) : edit.time(now));
      }
      if (attr.has(Iattr.ATTR_MTIME)) {
        edit.put64(
            XfsDinode.MTIME,
            attr.has(Iattr.ATTR_MTIME_SET) ? time(edit, attr.mtime()) : edit.time(now));
      }
      edit.put64(XfsDinode.CTIME, edit.time(now));
      tp.commit();
    }
  }

  private static long time(XfsInodeEdit edit, Timespec64 time) throws ErrnoException {
    boolean bigtime = (edit.flags2() & XfsDinode.DIFLAG2_BIGTIME) != 0;
    return XfsTime.of(time.seconds(), time.nanos(), bigtime);
  }

  /** Removes set-ID bits before a write. Returns 0 or a negative errno. */
  @LinuxSource(file = "fs/inode.c", name = "file_remove_privs")
  static int removePrivs(Task current, XfsInode ip, int bits) {
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      edit.put16(XfsDinode.MODE, edit.mode() & ~bits);
      edit.touchChange();
      tp.commit();
      return 0;
    } catch (ErrnoException e) {
      return -ip.mp().failed(current, e).errno();
    }
  }

  /**
   * Zeroes from the end of the file to a position, on the device too: blocks behind the end may
   * hold what was written and cut. Returns 0 or a negative errno.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_zero_eof")
  static int zeroGap(Task current, XfsInode ip, long from, long to) {
    int result = IomapBuffered.zeroRange(current, ip, from, to - from, XfsIomap.OPS);
    return result != 0 ? result : ip.mapping().writeAndWaitRange(current, from, to - 1);
  }

  /** Cuts or extends a regular file. */
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_setattr_size")
  private static void setSize(Task current, XfsInode ip, long bytes) throws ErrnoException {
    check(InodeDioWait.awaitNone(current, ip, ip.mp().bdev(), false));
    long old = ip.size();
    if (bytes > old) {
      check(zeroGap(current, ip, old, bytes));
    } else if (bytes < old) {
      check(IomapBuffered.truncatePage(current, ip, bytes, XfsIomap.OPS));
      check(ip.mapping().writeAndWaitRange(current, bytes, bytes));
    }
    // what is dirty before the new end has blocks, and their conversion stores no size behind it
    check(ip.mapping().writeAndWaitRange(current, Math.min(ip.core().size(), bytes), bytes));
    ip.iSizeWrite(bytes);
    ip.mapping().truncateRange(current, bytes, Long.MAX_VALUE);
    storeSize(current, ip, bytes);
    if (bytes <= old) {
      freeFrom(current, ip, bytes);
    }
  }

  private static void check(int result) throws ErrnoException {
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  private static void storeSize(Task current, XfsInode ip, long bytes) throws ErrnoException {
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      edit.setSize(bytes);
      edit.touch();
      if (bytes == 0) { // a new start
        edit.put16(XfsDinode.FLAGS, edit.flags() & ~XfsDinode.DIFLAG_PREALLOC);
      }
      tp.commit();
    }
  }

  /**
   * Frees the blocks behind a position, a few extents in each transaction.
   *
   * @param bytes the position; its block stays if it is inside
   */
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_itruncate_extents")
  static void freeFrom(Task current, XfsInode ip, long bytes) throws ErrnoException {
    XfsSb sb = ip.mp().sb();
    long first = XfsIomapWrite.blocksTo(sb, bytes);
    if (ip.extents(current).lastOffset() > first) {
      freeRange(current, ip, first, XfsExtentMap.MAX_FILEOFF);
    }
  }

  /** Frees the blocks of a range of a file. */
  static void freeRange(Task current, XfsInode ip, long first, long end) throws ErrnoException {
    long left = end;
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      while (left > first) { // each turn unmaps an extent, or is the last
        left = XfsBmapi.unmap(XfsInodeEdit.of(tp, ip).data(), first, left, XfsBmapi.MOST);
        tp.roll();
      }
      tp.commit();
    }
  }
}
