// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.PosixAcl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.trans.XfsTrans;
import org.jspecify.annotations.Nullable;

/**
 * Creates, links, removes and renames. Each is one transaction. The VFS holds the locks that {@link
 * io.pollux.core.vfs.InodeOperations} names, and has checked permissions, types and existence.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode.c",
    name = {"xfs_create", "xfs_link", "xfs_remove", "xfs_rename"})
final class XfsNames {
  /** Blocks that must be free, since a new name can need some. */
  private static final int LEAST = 1;

  /** The most links of an inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_MAXLINK")
  private static final int MAX_LINKS = (1 << 31) - 1;

  private static final int INHERITED =
      XfsDinode.DIFLAG_NOATIME
          | XfsDinode.DIFLAG_NODUMP
          | XfsDinode.DIFLAG_SYNC
          | XfsDinode.DIFLAG_NOSYMLINKS
          | XfsDinode.DIFLAG_NODEFRAG
          | XfsDinode.DIFLAG_FILESTREAM;

  private XfsNames() {}

  /** What fills a new inode. */
  @FunctionalInterface
  interface Filler {
    void fill(XfsInodeEdit made) throws ErrnoException;
  }

  /**
   * Creates an inode with a name.
   *
   * @param current the calling task, which becomes the owner
   * @param dp the directory
   * @param name the name
   * @param mode type and permissions
   * @param filler fills the inode
   * @return its number
   */
  @LinuxSource(
      file = "fs/xfs/xfs_inode.c",
      name = {"xfs_create", "xfs_symlink"})
  static long create(Task current, XfsInode dp, byte[] name, int mode, Filler filler)
      throws ErrnoException {
    XfsMount mp = dp.mp();
    boolean directory = StatMode.isType(mode, StatMode.S_IFDIR);
    Inherited from = Inherited.of(current, dp, mode);
    try (XfsTrans tp = begin(current, mp, LEAST + from.blocks(mp))) {
      XfsInodeEdit parent = XfsInodeEdit.of(tp, dp);
      if (directory && parent.nlink() >= MAX_LINKS) {
        throw new ErrnoException(Errno.EMLINK);
      }
      XfsInodeEdit made = allocate(current, tp, parent, from.mode);
      made.addLinks(directory ? 2 : 1);
      filler.fill(made);
      if (directory) {
        XfsDir2Write.init(made, dp.ino());
        parent.addLinks(1);
      }
      XfsAcl.store(made, from.access, from.defaults);
      XfsDir2Write.create(parent, name, made.ino(), XfsDir2Write.ftype(mode));
      parent.touch();
      tp.commit();
      return made.ino();
    } catch (ErrnoException e) {
      throw mp.failed(current, e);
    }
  }

  /** Creates a regular file without a name, in the unlinked list. Returns its number. */
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_create_tmpfile")
  static long tmpfile(Task current, XfsInode dp, int mode) throws ErrnoException {
    XfsMount mp = dp.mp();
    Inherited from = Inherited.of(current, dp, mode);
    try (XfsTrans tp = begin(current, mp, LEAST + from.blocks(mp))) {
      XfsInodeEdit parent = XfsInodeEdit.of(tp, dp);
      XfsInodeEdit made = allocate(current, tp, parent, from.mode);
      XfsAcl.store(made, from.access, from.defaults);
      mp.iunlink().add(tp, made.ino());
      tp.commit();
      return made.ino();
    } catch (ErrnoException e) {
      throw mp.failed(current, e);
    }
  }

  /**
   * The mode and the lists of a new inode, as its directory's default list determines them.
   *
   * @param mode type and permissions
   * @param access its access list, or null
   * @param defaults its own default list, or null
   */
  private record Inherited(int mode, @Nullable PosixAcl access, @Nullable PosixAcl defaults) {
    @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_create")
    static Inherited of(Task current, XfsInode dp, int mode) throws ErrnoException {
      PosixAcl from =
          StatMode.isType(mode, StatMode.S_IFLNK) ? null : XfsAcl.of(current, dp).inherited();
      if (from == null) {
        return new Inherited(mode, null, null);
      }
      PosixAcl.Inherited to = from.inherit(mode);
      boolean directory = StatMode.isType(mode, StatMode.S_IFDIR);
      return new Inherited(to.mode(), to.acl(), directory ? from : null);
    }

    int blocks(XfsMount mp) {
      return XfsAcl.blocks(mp, access) + XfsAcl.blocks(mp, defaults);
    }
  }

  private static XfsTrans begin(Task current, XfsMount mp, int blocks) throws ErrnoException {
    return XfsAcl.begin(current, mp, blocks);
  }

  @LinuxSource(
      file = "fs/xfs/xfs_inode.c",
      name = {"xfs_dialloc", "xfs_inode_inherit_flags"})
  private static XfsInodeEdit allocate(Task current, XfsTrans tp, XfsInodeEdit parent, int mode)
      throws ErrnoException {
    XfsMount mp = parent.mp();
    boolean directory = StatMode.isType(mode, StatMode.S_IFDIR);
    boolean setGid = (parent.mode() & StatMode.S_ISGID) != 0;
    int ownMode = mode | (setGid && directory ? StatMode.S_ISGID : 0);
    long ino = mp.ialloc().allocInode(tp, parent.ino(), ownMode);
    XfsInodeEdit made = XfsInodeEdit.create(tp, mp, ino, ownMode);
    made.put32(XfsDinode.UID, current.cred().fsuid());
    made.put32(XfsDinode.GID, setGid ? parent.i32(XfsDinode.GID) : current.cred().fsgid());
    inherit(parent, made, directory, StatMode.isType(mode, StatMode.S_IFREG));
    return made;
  }

  private static void inherit(
      XfsInodeEdit parent, XfsInodeEdit made, boolean directory, boolean regular)
      throws ErrnoException {
    int flags = parent.flags();
    if (!directory && !regular) {
      return;
    }
    int own = flags & INHERITED;
    if ((flags & XfsDinode.DIFLAG_PROJINHERIT) != 0) {
      own |= directory ? XfsDinode.DIFLAG_PROJINHERIT : 0;
      made.put16(XfsDinode.PROJID_LO, parent.u16(XfsDinode.PROJID_LO));
      made.put16(XfsDinode.PROJID_HI, parent.u16(XfsDinode.PROJID_HI));
    }
    if ((flags & XfsDinode.DIFLAG_EXTSZINHERIT) != 0) {
      own |= directory ? XfsDinode.DIFLAG_EXTSZINHERIT : XfsDinode.DIFLAG_EXTSIZE;
      made.put32(XfsDinode.EXTSIZE, parent.i32(XfsDinode.EXTSIZE));
    }
    made.put16(XfsDinode.FLAGS, own);
    if ((parent.flags2() & XfsDinode.DIFLAG2_COWEXTSIZE) != 0) {
      made.put64(XfsDinode.FLAGS2, made.flags2() | XfsDinode.DIFLAG2_COWEXTSIZE);
      made.put32(XfsDinode.COWEXTSIZE, parent.i32(XfsDinode.COWEXTSIZE));
    }
  }

  /** Gives an inode another name. */
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_link")
  static void link(Task current, XfsInode dp, byte[] name, XfsInode ip) throws ErrnoException {
    XfsMount mp = dp.mp();
    try (XfsTrans tp = begin(current, mp, 0)) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      if (edit.nlink() >= MAX_LINKS) {
        throw new ErrnoException(Errno.EMLINK);
      }
      if (edit.nlink() == 0) {
        mp.iunlink().remove(tp, ip.ino());
      }
      XfsInodeEdit parent = XfsInodeEdit.of(tp, dp);
      XfsDir2Write.create(parent, name, ip.ino(), XfsDir2Write.ftype(ip.mode()));
      parent.touch();
      edit.addLinks(1);
      edit.touchChange();
      tp.commit();
    } catch (ErrnoException e) {
      throw mp.failed(current, e);
    }
  }

  /** Removes a name; of a directory, which must be empty, the directory too. */
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_remove")
  static void remove(Task current, XfsInode dp, byte[] name, XfsInode ip) throws ErrnoException {
    try (XfsTrans tp = dp.mp().trans().begin(current, 0)) {
      XfsInodeEdit parent = XfsInodeEdit.of(tp, dp);
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      XfsDir2Write.remove(parent, name, ip.ino());
      parent.touch();
      dropName(tp, parent, edit);
      tp.commit();
    } catch (ErrnoException e) {
      throw dp.mp().failed(current, e);
    }
  }

  /** An inode has lost a name in a directory. */
  private static void dropName(XfsTrans tp, XfsInodeEdit parent, XfsInodeEdit edit)
      throws ErrnoException {
    if (edit.isDirectory()) {
      if (edit.nlink() != 2 || !XfsDir2Write.isEmpty(edit)) {
        throw new ErrnoException(Errno.ENOTEMPTY);
      }
      edit.addLinks(-2);
      parent.addLinks(-1);
    } else {
      if (edit.nlink() == 0) {
        throw edit.corrupt("has a name and counts none");
      }
      edit.addLinks(-1);
    }
    edit.touchChange();
    if (edit.nlink() == 0) {
      edit.mp().iunlink().add(tp, edit.ino());
    }
  }

  /**
   * Moves a name, or exchanges two.
   *
   * @param current the calling task
   * @param from the directory
   * @param oldName the name in it
   * @param moved its inode
   * @param to the other directory, or the same
   * @param newName the name there
   * @param target the inode that has it, or null
   * @param flags Fcntl.RENAME_*
   */
  @LinuxSource(
      file = "fs/xfs/xfs_inode.c",
      name = {"xfs_rename", "xfs_cross_rename"})
  static void rename(
      Task current,
      XfsInode from,
      byte[] oldName,
      XfsInode moved,
      XfsInode to,
      byte[] newName,
      @Nullable XfsInode target,
      int flags)
      throws ErrnoException {
    boolean whiteout = (flags & Fcntl.RENAME_WHITEOUT) != 0;
    if (target == moved && (flags & Fcntl.RENAME_EXCHANGE) == 0) {
      return; // two names of one inode
    }
    try (XfsTrans tp = begin(current, from.mp(), 0)) {
      XfsInodeEdit oldDir = XfsInodeEdit.of(tp, from);
      XfsInodeEdit newDir = XfsInodeEdit.of(tp, to);
      XfsInodeEdit edit = XfsInodeEdit.of(tp, moved);
      if ((flags & Fcntl.RENAME_EXCHANGE) != 0) {
        if (target == null) {
          throw new ErrnoException(Errno.ENOENT);
        }
        exchange(oldDir, oldName, edit, newDir, newName, XfsInodeEdit.of(tp, target));
      } else {
        if (target == null) {
          XfsDir2Write.create(newDir, newName, moved.ino(), XfsDir2Write.ftype(moved.mode()));
        } else {
          XfsDir2Write.replace(newDir, newName, moved.ino(), XfsDir2Write.ftype(moved.mode()));
          dropName(tp, newDir, XfsInodeEdit.of(tp, target));
        }
        if (whiteout) {
          XfsInodeEdit made = allocate(current, tp, oldDir, StatMode.S_IFCHR);
          made.addLinks(1);
          XfsDir2Write.replace(oldDir, oldName, made.ino(), XfsDir2Write.ftype(StatMode.S_IFCHR));
        } else {
          XfsDir2Write.remove(oldDir, oldName, moved.ino());
        }
        moveParent(edit, oldDir, newDir);
      }
      oldDir.touch();
      newDir.touch();
      edit.touchChange();
      tp.commit();
    } catch (ErrnoException e) {
      throw from.mp().failed(current, e);
    }
  }

  private static void exchange(
      XfsInodeEdit oldDir,
      byte[] oldName,
      XfsInodeEdit moved,
      XfsInodeEdit newDir,
      byte[] newName,
      XfsInodeEdit target)
      throws ErrnoException {
    XfsDir2Write.replace(oldDir, oldName, target.ino(), XfsDir2Write.ftype(target.mode()));
    XfsDir2Write.replace(newDir, newName, moved.ino(), XfsDir2Write.ftype(moved.mode()));
    moveParent(moved, oldDir, newDir);
    moveParent(target, newDir, oldDir);
    target.touchChange();
  }

  /** A directory has moved: its entry ".." and the links of both parents follow. */
  private static void moveParent(XfsInodeEdit moved, XfsInodeEdit from, XfsInodeEdit to)
      throws ErrnoException {
    if (moved.isDirectory() && from.ino() != to.ino()) {
      XfsDir2Write.replaceParent(moved, to.ino());
      from.addLinks(-1);
      to.addLinks(1);
      moved.touch();
    }
  }
}
