// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/** Changes of attributes: what a task may change, and what changes with it. */
@LinuxSource(file = "fs/attr.c")
public final class Attr {
  private static final int TIMES_SET =
      Iattr.ATTR_ATIME_SET | Iattr.ATTR_MTIME_SET | Iattr.ATTR_TIMES_SET;

  /** The changes that immutable and append-only files refuse. */
  private static final int OF_THE_INODE =
      Iattr.ATTR_MODE | Iattr.ATTR_UID | Iattr.ATTR_GID | Iattr.ATTR_TIMES_SET;

  private Attr() {}

  /**
   * Changes attributes of a file that a path or a descriptor names. From process context, without
   * locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param attr the changes
   * @throws ErrnoException EROFS, EPERM or EACCES if the task may not; ENOENT if the file is gone;
   *     or an error of the filesystem
   */
  public static void change(Task current, Inode inode, Iattr attr) throws ErrnoException {
    if (!inode.igrab()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    try {
      inode.sb().wantWrite(current);
      try {
        inode.iRwsem.downWrite(current);
        try {
          notifyChange(current, inode, attr);
        } finally {
          inode.iRwsem.upWrite();
        }
      } finally {
        inode.sb().dropWrite();
      }
    } finally {
      inode.iput(current);
    }
  }

  /**
   * Checks and makes a change. From process context, with iRwsem held exclusively.
   *
   * @param current the calling task
   * @param inode the file
   * @param attr the changes
   * @throws ErrnoException as {@link #change}
   */
  @LinuxSource(file = "fs/attr.c", name = "notify_change")
  public static void notifyChange(Task current, Inode inode, Iattr attr) throws ErrnoException {
    boolean fixed = inode.immutable() || inode.appendOnly();
    if ((fixed && attr.has(OF_THE_INODE)) || (inode.appendOnly() && attr.has(Iattr.ATTR_SIZE))) {
      throw new ErrnoException(Errno.EPERM);
    }
    if (attr.has(Iattr.ATTR_TOUCH)) {
      if (inode.immutable()) {
        throw new ErrnoException(Errno.EPERM);
      }
      if (!Permission.ownerOrCapable(current, inode)) {
        Permission.check(current, inode, Permission.MAY_WRITE);
      }
    }
    Iattr change = attr;
    if (change.has(Iattr.ATTR_MODE)) {
      int kept = inode.mode() & ~StatMode.S_IALLUGO;
      change = change.withMode(kept | (change.mode() & StatMode.S_IALLUGO));
    }
    boolean owns = Permission.ownerOrCapable(current, inode);
    if ((change.has(Iattr.ATTR_MODE) || change.has(TIMES_SET)) && !owns) {
      throw new ErrnoException(Errno.EPERM);
    }
    checkOwner(current, inode, change);
    if (change.has(Iattr.ATTR_MODE)) {
      change = withoutForeignGroup(current, inode, change);
    }
    int kill = killed(current, inode, change);
    if (kill != 0) {
      int mode = change.has(Iattr.ATTR_MODE) ? change.mode() : inode.mode();
      change = change.withMode(mode & ~kill);
    }
    inode.setattr(current, change);
  }

  /** Only CAP_CHOWN gives a file away. An owner may choose a group of its own. */
  @LinuxSource(
      file = "fs/attr.c",
      name = {"chown_ok", "chgrp_ok"})
  private static void checkOwner(Task current, Inode inode, Iattr attr) throws ErrnoException {
    Cred cred = current.cred();
    boolean owner = cred.fsuid() == inode.uid();
    boolean uidOk = !attr.has(Iattr.ATTR_UID) || (owner && attr.uid() == inode.uid());
    boolean gidOk =
        !attr.has(Iattr.ATTR_GID)
            || (owner && (cred.inGroup(attr.gid()) || attr.gid() == inode.gid()));
    if (!(uidOk && gidOk) && !cred.capable(Capability.CAP_CHOWN)) {
      throw new ErrnoException(Errno.EPERM);
    }
  }

  /**
   * Returns the permissions of a new file that is no directory. Drops those of the umask. Also
   * drops the set-group-ID bit of an executable that would get the group of its directory, unless
   * the task is in that group or has CAP_FSETID.
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"vfs_prepare_mode", "mode_strip_sgid"})
  static int prepareMode(Task current, Inode directory, int permissions) throws ErrnoException {
    int both = StatMode.S_ISGID | StatMode.S_IXGRP;
    Cred cred = current.cred();
    boolean foreign =
        (permissions & both) == both
            && (directory.mode() & StatMode.S_ISGID) != 0
            && !cred.inGroup(directory.gid())
            && !cred.capable(Capability.CAP_FSETID);
    return (foreign ? permissions & ~StatMode.S_ISGID : permissions)
        & ~directory.creationMask(current);
  }

  /** Drops the set-group-ID bit of a new mode if the task is not in the group. */
  @LinuxSource(file = "fs/attr.c", name = "setattr_prepare")
  private static Iattr withoutForeignGroup(Task current, Inode inode, Iattr attr) {
    int gid = attr.has(Iattr.ATTR_GID) ? attr.gid() : inode.gid();
    Cred cred = current.cred();
    return cred.inGroup(gid) || cred.capable(Capability.CAP_FSETID)
        ? attr
        : attr.withMode(attr.mode() & ~StatMode.S_ISGID);
  }

  /**
   * Returns the set-ID bits that a change drops: a change of the owner always, a change of the size
   * unless the task has CAP_FSETID.
   */
  @LinuxSource(file = "fs/attr.c", name = "dentry_needs_remove_privs")
  private static int killed(Task current, Inode inode, Iattr attr) {
    if (attr.has(Iattr.ATTR_KILL_SUID) && !inode.isType(StatMode.S_IFDIR)) {
      return setIds(current, inode);
    }
    return attr.has(Iattr.ATTR_SIZE) ? removedPrivs(current, inode) : 0;
  }

  /**
   * Returns the set-ID bits of a regular file that a change of its content drops. From any context.
   *
   * @param current the calling task; with CAP_FSETID it drops none
   * @param inode the file
   */
  @LinuxSource(
      file = "fs/inode.c",
      name = {"file_remove_privs", "setattr_should_drop_suidgid"})
  public static int removedPrivs(Task current, Inode inode) {
    return (inode.mode() & (StatMode.S_ISUID | StatMode.S_ISGID)) == 0
            || current.cred().capable(Capability.CAP_FSETID)
            || !inode.isType(StatMode.S_IFREG)
        ? 0
        : setIds(current, inode);
  }

  /**
   * Returns the set-ID bits that a change drops. Without execute permission for the group, the
   * set-group-ID bit stays if the task is in the group; before Linux 6.2 it always stayed.
   */
  @LinuxSource(file = "fs/attr.c", name = "setattr_should_drop_sgid")
  private static int setIds(Task current, Inode inode) {
    int mode = inode.mode();
    Cred cred = current.cred();
    boolean keeps =
        (mode & StatMode.S_IXGRP) == 0
            && (cred.inGroup(inode.gid()) || cred.capable(Capability.CAP_FSETID));
    return mode & (keeps ? StatMode.S_ISUID : StatMode.S_ISUID | StatMode.S_ISGID);
  }

  /**
   * Changes owner and group. From process context, without locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param uid the owner, or -1 to keep it
   * @param gid the group, or -1 to keep it
   * @throws ErrnoException as {@link #change}
   */
  @LinuxSource(file = "fs/open.c", name = "chown_common")
  public static void chown(Task current, Inode inode, int uid, int gid) throws ErrnoException {
    change(current, inode, Iattr.ofOwner(uid, gid).with(Iattr.ATTR_KILL_SUID));
  }
}
