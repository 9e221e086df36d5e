// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Extended attributes: what a task may read and change. */
@LinuxSource(file = "fs/xattr.c")
public final class Xattr {
  /** Maximum length of a name. */
  @LinuxSource(file = "include/uapi/linux/limits.h", name = "XATTR_NAME_MAX")
  public static final int XATTR_NAME_MAX = 255;

  /** Maximum length of a value. */
  @LinuxSource(file = "include/uapi/linux/limits.h", name = "XATTR_SIZE_MAX")
  public static final int XATTR_SIZE_MAX = 65_536;

  /** Maximum length of a list of names. */
  @LinuxSource(file = "include/uapi/linux/limits.h", name = "XATTR_LIST_MAX")
  public static final int XATTR_LIST_MAX = 65_536;

  /** A set fails if the attribute exists. */
  @LinuxSource(file = "include/uapi/linux/xattr.h", name = "XATTR_CREATE")
  public static final int XATTR_CREATE = 1;

  /** A set fails if the attribute does not exist. */
  @LinuxSource(file = "include/uapi/linux/xattr.h", name = "XATTR_REPLACE")
  public static final int XATTR_REPLACE = 2;

  /** Prefix of attributes for programs, of regular files and directories. */
  public static final String USER = "user.";

  /** Prefix of attributes for programs with CAP_SYS_ADMIN. */
  public static final String TRUSTED = "trusted.";

  /** Prefix of attributes for security modules. */
  public static final String SECURITY = "security.";

  /** Prefix of attributes that the kernel interprets. */
  public static final String SYSTEM = "system.";

  private Xattr() {}

  @LinuxSource(file = "fs/xattr.c", name = "xattr_permission")
  private static void check(Task current, Inode inode, String name, int mask)
      throws ErrnoException {
    boolean writes = mask == Permission.MAY_WRITE;
    if (writes && (inode.immutable() || inode.appendOnly())) {
      throw new ErrnoException(Errno.EPERM);
    }
    if (name.startsWith(SECURITY) || name.startsWith(SYSTEM)) {
      return; // the filesystem decides
    }
    int refusal = writes ? Errno.EPERM : Errno.ENODATA;
    if (name.startsWith(TRUSTED)) {
      if (!current.cred().capable(Capability.CAP_SYS_ADMIN)) {
        throw new ErrnoException(refusal);
      }
      return;
    }
    if (name.startsWith(USER)) {
      boolean directory = inode.isType(StatMode.S_IFDIR);
      if (!directory && !inode.isType(StatMode.S_IFREG)) {
        throw new ErrnoException(refusal);
      }
      boolean sticky = directory && (inode.mode() & StatMode.S_ISVTX) != 0;
      if (sticky && writes && !Permission.ownerOrCapable(current, inode)) {
        throw new ErrnoException(Errno.EPERM);
      }
    }
    Permission.check(current, inode, mask);
  }

  /** Only CAP_SYS_ADMIN changes what security modules read, if no module has its own rule. */
  @LinuxSource(file = "security/commoncap.c", name = "cap_inode_setxattr")
  private static void checkSecurity(Task current, String name) throws ErrnoException {
    if (name.startsWith(SECURITY) && !current.cred().capable(Capability.CAP_SYS_ADMIN)) {
      throw new ErrnoException(Errno.EPERM);
    }
  }

  /**
   * Sets or removes an attribute. From process context, without locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param name the name, a char for each byte
   * @param value at most {@link #XATTR_SIZE_MAX} bytes, which the filesystem may keep; null removes
   *     the attribute
   * @param flags XATTR_CREATE, XATTR_REPLACE or 0
   * @throws ErrnoException EROFS, EPERM or EACCES if the task may not; or as {@link Inode#setxattr}
   */
  @LinuxSource(
      file = "fs/xattr.c",
      name = {"vfs_setxattr", "vfs_removexattr"})
  public static void set(Task current, Inode inode, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    if (!inode.igrab()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    try {
      inode.sb().wantWrite(current);
      try {
        inode.iRwsem.downWrite(current);
        try {
          check(current, inode, name, Permission.MAY_WRITE);
          checkSecurity(current, name);
          inode.setxattr(current, name, value, flags);
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
   * Reads an attribute. From process context, without locks.
   *
   * @param current the calling task
   * @param inode the file
   * @param name the name, a char for each byte
   * @return its value
   * @throws ErrnoException EACCES or ENODATA if the task may not; or as {@link Inode#getxattr}
   */
  @LinuxSource(file = "fs/xattr.c", name = "vfs_getxattr")
  public static byte[] get(Task current, Inode inode, String name) throws ErrnoException {
    check(current, inode, name, Permission.MAY_READ);
    return inode.getxattr(current, name);
  }

  /**
   * Lists the names of the attributes that the task may know. From process context, without locks.
   *
   * @param current the calling task
   * @param inode the file
   * @return the names
   * @throws ErrnoException the error of the filesystem
   */
  @LinuxSource(file = "fs/xattr.c", name = "vfs_listxattr")
  public static List<String> list(Task current, Inode inode) throws ErrnoException {
    return inode.listxattr(current);
  }
}
