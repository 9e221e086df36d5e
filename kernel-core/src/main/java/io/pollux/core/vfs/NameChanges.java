// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/** Creates, links and removes names: the part of {@link Namei} that changes directories. */
@LinuxSource(file = "fs/namei.c")
abstract class NameChanges {
  /** Starts a walk. */
  abstract Walk walk(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException;

  /** Returns the mounts: a covered directory can be neither removed nor renamed. */
  abstract MountTable mounts();

  /** Creates the inode of a free name. */
  private interface Maker {
    void make(Inode directory, byte[] name) throws ErrnoException;
  }

  /** Looks a name up. The caller holds iRwsem of the directory. Returns null if it is free. */
  @LinuxSource(file = "fs/namei.c", name = "__lookup_hash")
  static @Nullable Inode find(Task current, Inode directory, byte[] name) throws ErrnoException {
    try {
      return directory.lookup(current, name);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      return null;
    }
  }

  /** Checks that a path names nothing, and creates its inode. */
  @LinuxSource(file = "fs/namei.c", name = "filename_create")
  private static void make(Task current, Walk walk, boolean directory, Maker maker)
      throws ErrnoException {
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(Errno.EEXIST);
    }
    Inode parent = walk.at().inode();
    ErrnoException refused = null; // reported only if the name is free
    try {
      parent.sb().wantWrite(current);
    } catch (ErrnoException e) {
      refused = e;
    }
    try {
      parent.iRwsem.downWrite(current);
      try {
        if (find(current, parent, name) != null) {
          throw new ErrnoException(Errno.EEXIST);
        }
        if (!directory && walk.slash()) {
          throw new ErrnoException(Errno.ENOENT);
        }
        if (refused != null) {
          throw refused;
        }
        maker.make(parent, name);
      } finally {
        parent.iRwsem.upWrite();
      }
    } finally {
      if (refused == null) {
        parent.sb().dropWrite();
      }
    }
  }

  /**
   * Creates a directory. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @param permissions mode bits, less those of the umask
   * @throws ErrnoException EEXIST, EROFS, EACCES, or another error of the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_mkdirat", "vfs_mkdir"})
  public final void mkdir(Task current, @Nullable Dentry base, byte[] path, int permissions)
      throws ErrnoException {
    int mode = permissions & (StatMode.S_IRWXUGO | StatMode.S_ISVTX);
    make(
        current,
        walk(current, base, path),
        true,
        (directory, name) -> {
          Permission.mayCreate(current, directory);
          directory.mkdir(current, name, mode & ~directory.creationMask(current));
        });
  }

  /**
   * Checks the type of a file to create.
   *
   * @param mode type and permissions; any value
   * @throws ErrnoException EPERM for a directory, EINVAL for an unknown type
   */
  @LinuxSource(file = "fs/namei.c", name = "may_mknod")
  public static void mayMknod(int mode) throws ErrnoException {
    switch (mode & StatMode.S_IFMT) {
      case 0,
          StatMode.S_IFREG,
          StatMode.S_IFCHR,
          StatMode.S_IFBLK,
          StatMode.S_IFIFO,
          StatMode.S_IFSOCK -> {}
      case StatMode.S_IFDIR -> throw new ErrnoException(Errno.EPERM);
      default -> throw new ErrnoException(Errno.EINVAL);
    }
  }

  /**
   * Creates a regular file, a device node, a fifo or a socket. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @param mode type and permissions, less those of the umask; any value
   * @param rdev the number of a device, as in struct stat; any value
   * @throws ErrnoException EINVAL for an unknown type, EPERM for a directory, or for a device
   *     without CAP_MKNOD; EEXIST, EROFS, EACCES, or another error of the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_mknodat", "may_mknod", "vfs_mknod"})
  public final void mknod(Task current, @Nullable Dentry base, byte[] path, int mode, long rdev)
      throws ErrnoException {
    mayMknod(mode);
    int type = mode & StatMode.S_IFMT;
    boolean device = type == StatMode.S_IFCHR || type == StatMode.S_IFBLK;
    int wanted = mode & StatMode.S_IALLUGO;
    make(
        current,
        walk(current, base, path),
        false,
        (directory, name) -> {
          Permission.mayCreate(current, directory);
          int permissions = Attr.prepareMode(current, directory, wanted);
          if (type == 0 || type == StatMode.S_IFREG) {
            directory.create(current, name, permissions).iput(current);
            return;
          }
          if (device && !current.cred().capable(Capability.CAP_MKNOD)) {
            throw new ErrnoException(Errno.EPERM);
          }
          directory.mknod(current, name, type | permissions, device ? rdev : 0);
        });
  }

  /**
   * Creates a symbolic link. From process context.
   *
   * @param current the calling task
   * @param target its text
   * @param base start of a relative path, or null for the root
   * @param path the path of the link
   * @throws ErrnoException ENOENT for an empty text, EEXIST, EROFS, EACCES, or another error of the
   *     filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_symlinkat", "vfs_symlink"})
  public final void symlink(Task current, byte[] target, @Nullable Dentry base, byte[] path)
      throws ErrnoException {
    if (target.length == 0) {
      throw new ErrnoException(Errno.ENOENT);
    }
    make(
        current,
        walk(current, base, path),
        false,
        (directory, name) -> {
          Permission.mayCreate(current, directory);
          directory.symlink(current, name, target);
        });
  }

  /**
   * Gives an inode another name. From process context.
   *
   * @param current the calling task
   * @param old the inode
   * @param base start of a relative path, or null for the root
   * @param path the new path
   * @throws ErrnoException EPERM for a directory and for an immutable or append-only file; EXDEV,
   *     EEXIST, EROFS, EACCES; ENOENT for an inode that has lost its last name; or another error of
   *     the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_linkat", "vfs_link"})
  public final void link(Task current, Inode old, @Nullable Dentry base, byte[] path)
      throws ErrnoException {
    if (!old.igrab()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    try {
      make(current, walk(current, base, path), false, (dir, name) -> link(current, old, dir, name));
    } finally {
      old.iput(current);
    }
  }

  private static void link(Task current, Inode old, Inode directory, byte[] name)
      throws ErrnoException {
    if (old.sb() != directory.sb()) {
      throw new ErrnoException(Errno.EXDEV);
    }
    Permission.mayCreate(current, directory);
    if (old.immutable() || old.appendOnly() || old.isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.EPERM);
    }
    old.iRwsem.downWriteNested(current, LockClass.I_RWSEM_CHILD);
    try {
      if (old.nlink() == 0 && !old.linkable()) {
        throw new ErrnoException(Errno.ENOENT);
      }
      directory.link(current, name, old);
      old.gotName();
      old.setLinkable(false); // a file that lost its names gets no new one
    } finally {
      old.iRwsem.upWrite();
    }
  }

  /**
   * Removes an empty directory. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @throws ErrnoException EROFS, ENOTDIR, ENOTEMPTY, EBUSY, EINVAL for ".", EACCES, or another
   *     error of the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_rmdir", "vfs_rmdir"})
  public final void rmdir(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException {
    Walk walk = walk(current, base, path);
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(
          switch (name.length) {
            case 0 -> Errno.EBUSY;
            case 1 -> Errno.EINVAL;
            default -> Errno.ENOTEMPTY;
          });
    }
    Inode parent = walk.at().inode();
    remove(
        current,
        walk.at(),
        name,
        victim -> {
          Permission.mayDelete(current, parent, victim, true);
          victim.iRwsem.downWriteNested(current, LockClass.I_RWSEM_CHILD);
          try {
            mounts().checkNotCovered(victim); // a mount holds iRwsem
            parent.rmdir(current, name);
            victim.kill();
          } finally {
            victim.iRwsem.upWrite();
          }
        });
  }

  /** Removes an inode from a directory. */
  private interface Remover {
    void remove(Inode victim) throws ErrnoException;
  }

  private static void remove(Task current, Dentry directory, byte[] name, Remover remover)
      throws ErrnoException {
    Inode parent = directory.inode();
    Inode victim = null;
    parent.sb().wantWrite(current);
    try {
      parent.iRwsem.downWrite(current);
      try {
        Inode found = parent.lookup(current, name);
        found.ihold();
        victim = found;
        remover.remove(found);
        found.lostName();
        directory.dropChild(Dentry.name(name));
      } finally {
        parent.iRwsem.upWrite();
      }
    } finally {
      if (victim != null) {
        victim.iput(current); // frees it, without the locks
      }
      parent.sb().dropWrite();
    }
  }

  /**
   * Removes a name that is not a directory. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @throws ErrnoException EROFS, EISDIR, EBUSY, EACCES, or another error of the filesystem
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_unlinkat", "vfs_unlink"})
  public final void unlink(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException {
    Walk walk = walk(current, base, path);
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(Errno.EISDIR);
    }
    Inode parent = walk.at().inode();
    remove(
        current,
        walk.at(),
        name,
        victim -> {
          boolean directory = victim.isType(StatMode.S_IFDIR);
          if (walk.slash()) {
            throw new ErrnoException(directory ? Errno.EISDIR : Errno.ENOTDIR);
          }
          Permission.mayDelete(current, parent, victim, false);
          victim.iRwsem.downWriteNested(current, LockClass.I_RWSEM_CHILD);
          try {
            parent.unlink(current, name);
          } finally {
            victim.iRwsem.upWrite();
          }
        });
  }

  /**
   * Checks the flags of a rename.
   *
   * @param flags Fcntl.RENAME_* flags; any value
   * @throws ErrnoException EINVAL
   */
  @LinuxSource(file = "fs/namei.c", name = "do_renameat2")
  public static void checkRenameFlags(int flags) throws ErrnoException {
    int others = Fcntl.RENAME_NOREPLACE | Fcntl.RENAME_WHITEOUT;
    boolean exchange = (flags & Fcntl.RENAME_EXCHANGE) != 0;
    if ((flags & ~(others | Fcntl.RENAME_EXCHANGE)) != 0 || (exchange && (flags & others) != 0)) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /**
   * Moves a name, or exchanges two. From process context.
   *
   * @param current the calling task
   * @param oldBase start of a relative old path, or null for the root
   * @param oldPath the old path
   * @param newBase start of a relative new path, or null for the root
   * @param newPath the new path
   * @param flags Fcntl.RENAME_* flags; any value
   * @throws ErrnoException EINVAL, EXDEV, EBUSY, ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EROFS,
   *     EACCES, EPERM, or another error of the filesystem
   */
  @LinuxSource(file = "fs/namei.c", name = "do_renameat2")
  public final void rename(
      Task current,
      @Nullable Dentry oldBase,
      byte[] oldPath,
      @Nullable Dentry newBase,
      byte[] newPath,
      int flags)
      throws ErrnoException {
    checkRenameFlags(flags);
    Walk from = walk(current, oldBase, oldPath);
    byte[] oldName = from.toLast();
    Walk to = walk(current, newBase, newPath);
    byte[] newName = to.toLast();
    if (from.at().inode().sb() != to.at().inode().sb()) {
      throw new ErrnoException(Errno.EXDEV);
    }
    if (Walk.isSpecial(oldName)) {
      throw new ErrnoException(Errno.EBUSY);
    }
    if (Walk.isSpecial(newName)) {
      boolean noReplace = (flags & Fcntl.RENAME_NOREPLACE) != 0;
      throw new ErrnoException(noReplace ? Errno.EEXIST : Errno.EBUSY);
    }
    new Rename(current, mounts(), from, oldName, to, newName, flags).run();
  }
}
