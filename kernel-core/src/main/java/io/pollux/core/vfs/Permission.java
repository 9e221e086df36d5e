// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/** Whether a task may access a file, or change the names of a directory. */
@LinuxSource(file = "fs/namei.c", name = "inode_permission")
public final class Permission {
  /** Execute a file, or search a directory. */
  public static final int MAY_EXEC = 1;

  /** Write. */
  public static final int MAY_WRITE = 2;

  /** Read. */
  public static final int MAY_READ = 4;

  private static final int ALL = MAY_EXEC | MAY_WRITE | MAY_READ;

  private Permission() {}

  /**
   * Checks by mode, owner, group and capabilities. From any context.
   *
   * @param current the calling task
   * @param inode the file
   * @param mask MAY_* bits
   * @return 0 or -EACCES
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"generic_permission", "acl_permission_check"})
  public static int generic(Task current, Inode inode, int mask) {
    return generic(current, inode, mask, null);
  }

  /**
   * Whether an access control list of the file would apply to the task. From any context.
   *
   * @param current the calling task
   * @param inode the file
   */
  @LinuxSource(file = "fs/namei.c", name = "acl_permission_check")
  public static boolean aclDecides(Task current, Inode inode) {
    return inode.uid() != current.cred().fsuid() && (inode.mode() & StatMode.S_IRWXG) != 0;
  }

  /**
   * As {@link #generic(Task, Inode, int)}, with an access control list.
   *
   * @param current the calling task
   * @param inode the file
   * @param mask MAY_* bits
   * @param acl the list if the file has one and {@link #aclDecides}, otherwise null
   * @return 0 or -EACCES
   */
  public static int generic(Task current, Inode inode, int mask, @Nullable PosixAcl acl) {
    Cred cred = current.cred();
    int mode = inode.mode();
    int wanted = mask & ALL;
    if (inode.uid() == cred.fsuid()) {
      mode >>= 6;
    } else if (cred.inGroup(inode.gid())) {
      mode >>= 3;
    }
    if (acl != null ? acl.permits(cred, inode, wanted) : (wanted & ~mode) == 0) {
      return 0;
    }
    boolean directory = inode.isType(StatMode.S_IFDIR);
    boolean reads = directory ? (wanted & MAY_WRITE) == 0 : wanted == MAY_READ;
    if (reads && cred.capable(Capability.CAP_DAC_READ_SEARCH)) {
      return 0;
    }
    boolean overridable =
        directory || (wanted & MAY_EXEC) == 0 || (inode.mode() & StatMode.S_IXUGO) != 0;
    return overridable && cred.capable(Capability.CAP_DAC_OVERRIDE) ? 0 : -Errno.EACCES;
  }

  /**
   * Checks the filesystem and the file. From process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param mask MAY_* bits
   * @return 0, -EIO after a shutdown, -EROFS, -EPERM for an immutable file, -EACCES, or another
   *     negative errno
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"inode_permission", "sb_permission"})
  public static int ofInode(Task current, Inode inode, int mask) {
    int shutDown = inode.sb().enter(current);
    if (shutDown != 0) {
      return shutDown;
    }
    if ((mask & MAY_WRITE) != 0) {
      switch (inode.mode() & StatMode.S_IFMT) {
        case StatMode.S_IFREG, StatMode.S_IFDIR, StatMode.S_IFLNK -> {
          if (inode.sb().readOnly()) {
            return -Errno.EROFS;
          }
        }
        default -> {} // a write goes elsewhere
      }
      if (inode.immutable()) {
        return -Errno.EPERM;
      }
    }
    return inode.permission(current, mask);
  }

  static void check(Task current, Inode inode, int mask) throws ErrnoException {
    int result = ofInode(current, inode, mask);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  /**
   * Whether the task owns the file, or acts as owners do.
   *
   * @param current the calling task
   * @param inode the file
   */
  @LinuxSource(file = "fs/inode.c", name = "inode_owner_or_capable")
  public static boolean ownerOrCapable(Task current, Inode inode) {
    Cred cred = current.cred();
    return cred.fsuid() == inode.uid() || cred.capable(Capability.CAP_FOWNER);
  }

  /** Whether the sticky bit of a directory keeps the task from removing an inode there. */
  @LinuxSource(file = "fs/namei.c", name = "__check_sticky")
  private static boolean sticky(Task current, Inode directory, Inode inode) {
    Cred cred = current.cred();
    return (directory.mode() & StatMode.S_ISVTX) != 0
        && inode.uid() != cred.fsuid()
        && directory.uid() != cred.fsuid()
        && !cred.capable(Capability.CAP_FOWNER);
  }

  /** Checks a removal, or the replacement of a name. Under iRwsem of the directory. */
  @LinuxSource(file = "fs/namei.c", name = "may_delete")
  static void mayDelete(Task current, Inode directory, Inode victim, boolean isDirectory)
      throws ErrnoException {
    check(current, directory, MAY_WRITE | MAY_EXEC);
    if (directory.appendOnly()
        || sticky(current, directory, victim)
        || victim.appendOnly()
        || victim.immutable()) {
      throw new ErrnoException(Errno.EPERM);
    }
    boolean found = victim.isType(StatMode.S_IFDIR);
    if (isDirectory != found) {
      throw new ErrnoException(isDirectory ? Errno.ENOTDIR : Errno.EISDIR);
    }
    if (directory.isDead()) {
      throw new ErrnoException(Errno.ENOENT);
    }
  }

  /** Checks the creation of a name that is free. Under iRwsem of the directory. */
  @LinuxSource(file = "fs/namei.c", name = "may_create")
  static void mayCreate(Task current, Inode directory) throws ErrnoException {
    if (directory.isDead()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    check(current, directory, MAY_WRITE | MAY_EXEC);
  }
}
