// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The operations of an inode. A filesystem overrides those that it has; each default fails as Linux
 * does without the operation.
 */
@LinuxSource(file = "include/linux/fs.h", name = "inode_operations")
public abstract sealed class InodeOperations permits Inode {
  InodeOperations() {}

  /** Returns i_sb, the filesystem. */
  abstract SuperBlock sb();

  /** Whether {@link #fiemap} is supported. */
  public boolean hasFiemap() {
    return false;
  }

  /**
   * Reports the extents of a range. From process context, without locks of the inode.
   *
   * @param current the calling task
   * @param fieinfo the request, which stores the extents
   * @param start first byte, not negative
   * @param length bytes, not negative; start + length does not overflow
   * @return 0 or a negative errno; -EBADR for unsupported flags
   */
  @LinuxSource(file = "include/linux/fs.h", name = "fiemap")
  public int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * Returns the attributes that ioctls report. From process context.
   *
   * @param current the calling task
   * @return the attributes; null if such files have none (ENOTTY)
   * @throws ErrnoException if they can't be read
   */
  @LinuxSource(file = "include/linux/fs.h", name = "fileattr_get")
  public @Nullable Fileattr fileattrGet(Task current) throws ErrnoException {
    return null;
  }

  /**
   * Changes the attributes that ioctls report. From process context, with iRwsem held exclusively.
   *
   * @param current the calling task
   * @param attributes all attributes; FS_IOC_SETFLAGS leaves hints and project unchanged
   * @throws ErrnoException EOPNOTSUPP without this operation or for unknown flags, EINVAL for an
   *     invalid hint, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "fileattr_set")
  public void fileattrSet(Task current, Fileattr attributes) throws ErrnoException {
    throw unsupported(Errno.EOPNOTSUPP);
  }

  /**
   * Returns the permissions that a new file in this directory does not get. From process context.
   *
   * @param current the calling task
   * @return the umask of its process; 0 in a directory with a default access control list
   * @throws ErrnoException if the filesystem cannot read the default list
   */
  @LinuxSource(file = "include/linux/fs.h", name = "mode_strip_umask")
  public int creationMask(Task current) throws ErrnoException {
    return FsStruct.of(current).umask();
  }

  /**
   * Changes attributes. The caller has checked that the task may ({@link Attr#notifyChange}). From
   * process context, with iRwsem held exclusively.
   *
   * @param current the calling task
   * @param attr the changes
   * @throws ErrnoException EROFS, EPERM without this operation, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "setattr")
  public void setattr(Task current, Iattr attr) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  private ErrnoException unsupported(int errno) {
    return new ErrnoException(sb().readOnly() ? Errno.EROFS : sb().unsupported(errno));
  }

  /**
   * Finds an entry of a directory. From process context, with iRwsem of the directory held.
   *
   * @param current the calling task
   * @param name its name, never empty, "." or ".."
   * @return the inode
   * @throws ErrnoException ENOENT, ENOTDIR, or the error of reading the directory
   */
  public Inode lookup(Task current, byte[] name) throws ErrnoException {
    throw new ErrnoException(Errno.ENOTDIR);
  }

  /**
   * Reads a symbolic link. From process context.
   *
   * @param current the calling task
   * @return its target
   * @throws ErrnoException EINVAL if this is not a symbolic link, or the error of reading it
   */
  @LinuxSource(file = "include/linux/fs.h", name = "get_link")
  public byte[] readlink(Task current) throws ErrnoException {
    throw new ErrnoException(Errno.EINVAL);
  }

  /**
   * Creates a regular file in a directory. From process context, with iRwsem of the directory held
   * exclusively.
   *
   * @param current the calling task, which becomes the owner
   * @param name its name, which is free
   * @param permissions mode bits
   * @return the new inode, with one reference for the caller
   * @throws ErrnoException EROFS, EACCES without this operation, or an error of the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"create", "vfs_create"})
  public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    throw unsupported(Errno.EACCES);
  }

  /**
   * Creates a directory in a directory. From process context, with iRwsem of the directory held
   * exclusively.
   *
   * @param current the calling task, which becomes the owner
   * @param name its name, which is free
   * @param permissions mode bits
   * @throws ErrnoException EROFS, EPERM without this operation, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "mkdir")
  public void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Creates a device node, a fifo or a socket in a directory. From process context, with iRwsem of
   * the directory held exclusively.
   *
   * @param current the calling task, which becomes the owner
   * @param name its name, which is free
   * @param mode type and permissions
   * @param rdev the number of a device, as in struct stat; 0 for another type
   * @throws ErrnoException EROFS, EPERM without this operation, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "mknod")
  public void mknod(Task current, byte[] name, int mode, long rdev) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Creates a symbolic link in a directory. From process context, with iRwsem of the directory held
   * exclusively.
   *
   * @param current the calling task, which becomes the owner
   * @param name its name, which is free
   * @param target its text, from 1 to Namei.PATH_MAX - 1 bytes
   * @throws ErrnoException EROFS, EPERM without this operation, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "symlink")
  public void symlink(Task current, byte[] name, byte[] target) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Gives an inode another name in a directory. From process context, with iRwsem of the directory
   * and then of the inode held exclusively.
   *
   * @param current the calling task
   * @param name the name, which is free
   * @param old an inode of the same filesystem, not a directory
   * @throws ErrnoException EROFS, EMLINK, EPERM without this operation, or an error of the
   *     filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "link")
  public void link(Task current, byte[] name, Inode old) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Removes an empty directory from a directory. From process context, with iRwsem of the directory
   * and then of the removed one held exclusively.
   *
   * @param current the calling task
   * @param name its name, which exists
   * @throws ErrnoException EROFS, ENOTEMPTY, EBUSY if a filesystem is mounted there, EPERM without
   *     this operation, or another error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "rmdir")
  public void rmdir(Task current, byte[] name) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Removes an entry other than a directory from a directory. Open files on it stay usable. From
   * process context, with iRwsem of the directory and then of the inode held exclusively. The
   * caller holds a reference of the inode.
   *
   * @param current the calling task
   * @param name its name, which exists
   * @throws ErrnoException EROFS, EBUSY, EPERM without this operation, or another error of the
   *     filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "unlink")
  public void unlink(Task current, byte[] name) throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Moves an entry of a directory to a name of the same or another directory, or exchanges the two.
   * A replaced entry has been checked: both are directories, or neither is. From process context,
   * with iRwsem of both directories held exclusively, and then of the inodes that the package
   * lists. The caller holds references of both inodes.
   *
   * @param current the calling task
   * @param oldName a name in this directory, which exists
   * @param newDir a directory of the same filesystem, not below the moved one
   * @param newName the name there; with RENAME_EXCHANGE it exists, with RENAME_NOREPLACE it is free
   * @param flags Fcntl.RENAME_* flags, a valid combination
   * @throws ErrnoException EROFS, ENOTEMPTY for a replaced directory with entries, EBUSY, EINVAL
   *     for flags that the filesystem does not support, EPERM without this operation, or another
   *     error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "rename")
  public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags)
      throws ErrnoException {
    throw unsupported(Errno.EPERM);
  }

  /**
   * Creates an unnamed regular file in a directory's filesystem (O_TMPFILE). From process context,
   * without locks.
   *
   * @param current the calling task, which becomes the owner
   * @param permissions mode bits
   * @return the new inode, with one reference for the caller
   * @throws ErrnoException EROFS, EOPNOTSUPP without this operation, or an error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "tmpfile")
  public Inode tmpfile(Task current, int permissions) throws ErrnoException {
    throw unsupported(Errno.EOPNOTSUPP);
  }

  // Extended attributes. Names include their prefix. Each char is a byte.

  /**
   * Reads an extended attribute. From process context, without locks.
   *
   * @param current the calling task
   * @param name its name
   * @return its value, which the caller may keep
   * @throws ErrnoException ENODATA if there is no such attribute, EOPNOTSUPP for an unknown prefix,
   *     or an error of the filesystem
   */
  @LinuxSource(file = "fs/xattr.c", name = "__vfs_getxattr")
  public byte[] getxattr(Task current, String name) throws ErrnoException {
    throw new ErrnoException(Errno.EOPNOTSUPP);
  }

  /**
   * Sets or removes an extended attribute. From process context, with iRwsem held exclusively.
   *
   * @param current the calling task
   * @param name its name
   * @param value its value, which the filesystem may keep; null removes it
   * @param flags Xattr.XATTR_CREATE, Xattr.XATTR_REPLACE or 0
   * @throws ErrnoException EEXIST, ENODATA, ENOSPC, EOPNOTSUPP for an unknown prefix, or an error
   *     of the filesystem
   */
  @LinuxSource(file = "fs/xattr.c", name = "__vfs_setxattr")
  public void setxattr(Task current, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    throw unsupported(Errno.EOPNOTSUPP);
  }

  /**
   * Lists the names of the extended attributes. From process context, without locks.
   *
   * @param current the calling task, which sees trusted attributes with CAP_SYS_ADMIN
   * @return the names, in the filesystem's order
   * @throws ErrnoException the error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "listxattr")
  public List<String> listxattr(Task current) throws ErrnoException {
    return List.of();
  }
}
