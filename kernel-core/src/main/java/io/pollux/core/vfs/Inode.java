// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A file, open or not: struct inode and its inode_operations. A filesystem extends it and overrides
 * the operations that it has. Each default fails as Linux does without the operation.
 *
 * <p>{@link #iRwsem} orders I/O against changes of the file, and changes of a directory's names
 * against lookups. The package describes which locks the caller of an operation holds. {@link
 * #inodeDioBegin} counts direct I/O that is in flight after the lock was released.
 *
 * <p>References: an open file holds one, and so does a call while it uses an inode without a lock
 * of its directory. A name holds none; {@link #nlink} counts names. When both are 0, {@link
 * SuperBlock#evictInode} frees the inode.
 */
@LinuxSource(
    file = "include/linux/fs.h",
    name = {"inode", "inode_operations"})
public abstract class Inode {
  private static final AtomicLong LAST_AGE = new AtomicLong();

  /**
   * Shared for reads and aligned direct writes, exclusive for changes of the file. Process context.
   */
  public final RwSemaphore iRwsem = new RwSemaphore(LockClass.I_RWSEM);

  private final AtomicInteger dioCount = new AtomicInteger();
  private final SuperBlock sb;
  private final long ino;
  private final long age = LAST_AGE.incrementAndGet(); // orders the locks of two inodes
  private final Object iLock = new Object();
  private int count; // i_count, under iLock
  private boolean freeing; // I_FREEING, under iLock
  private volatile int mode;
  private volatile boolean dead; // S_DEAD: a removed directory; changed under iRwsem
  private volatile boolean linkable; // I_LINKABLE; changed under iRwsem once it is open
  private volatile @Nullable FileLocks locks; // allocated by the first lock
  private volatile byte writeHint;

  /**
   * Creates an inode without a reference.
   *
   * @param sb the filesystem
   * @param ino the inode number
   * @param mode type and permissions
   */
  protected Inode(SuperBlock sb, long ino, int mode) {
    this.sb = sb;
    this.ino = ino;
    this.mode = mode;
  }

  /** Returns i_sb, the filesystem. */
  public final SuperBlock sb() {
    return sb;
  }

  /** Returns i_ino, the inode number. */
  public final long ino() {
    return ino;
  }

  /** Returns i_mode: type and permissions. */
  public final int mode() {
    return mode;
  }

  /**
   * Changes the permissions. By the filesystem, from {@link #setattr}.
   *
   * @param to type and permissions; the type stays the same
   */
  protected final void setMode(int to) {
    assert StatMode.isType(to, mode & StatMode.S_IFMT) : to;
    mode = to;
  }

  /** Returns i_uid, the owner. The default is root. */
  public int uid() {
    return 0;
  }

  /** Returns i_gid, the group. The default is root's. */
  public int gid() {
    return 0;
  }

  /** Returns i_nlink, the number of names. The default is 1. From any context. */
  protected int nlink() {
    return 1;
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.I_LOCK, iLock);
    }
  }

  /** Takes a reference. The caller has one, or a lock that keeps a name. From any context. */
  @LinuxSource(file = "fs/inode.c", name = "ihold")
  public final void ihold() {
    boolean there = igrab();
    assert there : "an inode is used that is being freed";
  }

  /**
   * Takes a reference, unless the inode is being freed. From any context.
   *
   * @return false if it is
   */
  @LinuxSource(file = "fs/inode.c", name = "igrab")
  public final boolean igrab() {
    lockdep();
    synchronized (iLock) {
      if (!freeing) {
        count++;
      }
      return !freeing;
    }
  }

  /**
   * Drops a reference. The last drop of an inode without a name frees it.
   *
   * @param current the calling task in process context; null in any other, where the filesystem
   *     must not sleep
   */
  @LinuxSource(
      file = "fs/inode.c",
      name = {"iput", "iput_final", "evict"})
  public final void iput(@Nullable Task current) {
    lockdep();
    synchronized (iLock) {
      count--;
      assert count >= 0 : "more references dropped than taken";
      if (count > 0 || freeing || nlink() != 0) {
        return;
      }
      freeing = true;
    }
    sb.evictInode(current, this);
  }

  /** Whether this is older than another inode; iRwsem of the older one is taken first. */
  final boolean isOlderThan(Inode other) {
    return age < other.age;
  }

  /** Whether this is a removed directory (IS_DEADDIR). */
  final boolean isDead() {
    return dead;
  }

  /** Marks a removed directory. Under iRwsem of it and of its parent. */
  final void kill() {
    dead = true;
  }

  /** Whether a file without a name may get its first one. */
  @LinuxSource(file = "include/linux/fs.h", name = "I_LINKABLE")
  final boolean linkable() {
    return linkable;
  }

  final void setLinkable(boolean to) {
    linkable = to;
  }

  /**
   * Whether this is of a type.
   *
   * @param type one of StatMode.S_IF*
   */
  public final boolean isType(int type) {
    return StatMode.isType(mode, type);
  }

  /**
   * Whether a write by a process has to remove the set-user-ID or set-group-ID bit.
   *
   * @param current the writing task
   */
  @LinuxSource(file = "fs/inode.c", name = "should_remove_suid")
  public final boolean shouldRemoveSuid(Task current) {
    // without group execute, S_ISGID is not set-group-ID
    int setGroup = StatMode.S_ISGID | 0010;
    boolean set = (mode & StatMode.S_ISUID) != 0 || (mode & setGroup) == setGroup;
    return set && !current.process().capable();
  }

  /** Returns i_size in bytes. */
  public abstract long size();

  /**
   * Sets i_size, after data was written beyond it. From process context with the file's lock held
   * exclusively, or from the completion of a direct write that extends the file. Does not sleep.
   *
   * @param bytes the new size
   * @throws IllegalStateException if the file never grows; this is the default
   */
  @LinuxSource(file = "include/linux/fs.h", name = "i_size_write")
  public void iSizeWrite(long bytes) {
    throw new IllegalStateException("a file that never grows: inode " + ino);
  }

  /** Returns i_fop, the operations of its open files. */
  public abstract FileOperations fop();

  /** Returns i_mapping, or null if the file is never cached. */
  public @Nullable InodeMapping mapping() {
    return null;
  }

  /**
   * Fills in the fields of struct stat other than st_dev, st_ino, st_mode, st_nlink, st_uid, st_gid
   * and st_size, which are already filled in. From process context.
   *
   * @param current the calling task
   * @param stat kernel address of a struct stat
   */
  @LinuxSource(file = "include/linux/fs.h", name = "getattr")
  protected abstract void getattr(Task current, long stat);

  /**
   * Fills a struct stat. From process context.
   *
   * @param current the calling task
   * @param stat kernel address of a zeroed struct stat
   * @throws ErrnoException EIO if the filesystem was shut down
   */
  @LinuxSource(
      file = "fs/stat.c",
      name = {"vfs_getattr", "generic_fillattr"})
  public final void fillStat(Task current, long stat) throws ErrnoException {
    int result = sb.enter(current);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
    Stat.stDev(stat, sb.dev());
    Stat.stIno(stat, ino);
    Stat.stMode(stat, mode);
    Stat.stNlink(stat, Integer.toUnsignedLong(nlink()));
    Stat.stUid(stat, uid());
    Stat.stGid(stat, gid());
    Stat.stSize(stat, size());
    getattr(current, stat);
  }

  /**
   * Fills in the filesystem's own times and attributes of statx, with their bits of stx_mask.
   *
   * @param statx kernel address of a struct statx with the fields of stat filled in
   * @param mask requested STATX_* bits; any value at all
   */
  @LinuxSource(file = "include/linux/stat.h", name = "kstat")
  public void fillStatx(long statx, int mask) {}

  /** Whether there is a {@link #fiemap}. */
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
   * Checks whether the task may access the file. The default goes by mode, owner and group. From
   * process context.
   *
   * @param current the calling task
   * @param mask Permission.MAY_* bits
   * @return 0, -EACCES, or another negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "permission")
  public int permission(Task current, int mask) {
    return Permission.generic(current, this, mask);
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
    return new ErrnoException(sb.readOnly() ? Errno.EROFS : errno);
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
   * @param name its name, which is there
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
   * @param name its name, which is there
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
   * @param oldName a name in this directory, which is there
   * @param newDir a directory of the same filesystem, not below the moved one
   * @param newName the name there; with RENAME_EXCHANGE it is there, with RENAME_NOREPLACE free
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

  // Extended attributes. Names are with their prefix, a char for each byte.

  /**
   * Reads an extended attribute. From process context, without locks.
   *
   * @param current the calling task
   * @param name its name
   * @return its value, which the caller may keep
   * @throws ErrnoException ENODATA if there is none of the name, EOPNOTSUPP for an unknown prefix,
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

  /**
   * Whether the attributes of a regular file permit an open for writing. An immutable file, for
   * example, does not. From process context.
   *
   * @param flags O_* flags
   * @return 0 or -EPERM
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"inode_permission", "may_open"})
  protected int mayWrite(int flags) {
    return 0;
  }

  /** Whether this is a link to a file, as in /proc/self/fd, instead of a link to a path. */
  boolean isMagic() {
    return false;
  }

  /** Returns the target of such a link. */
  @LinuxSource(file = "fs/namei.c", name = "nd_jump_link")
  Dentry jump() throws ErrnoException {
    throw new ErrnoException(Errno.EINVAL);
  }

  /** Returns the link text of a file that is in no directory. */
  @LinuxSource(file = "fs/d_path.c", name = "dynamic_dname")
  String anonymousName() {
    return "anon_inode:inode";
  }

  /** Returns the locks on this file, allocated on first use. */
  @LinuxSource(file = "fs/locks.c", name = "locks_get_lock_context")
  public final FileLocks locks() {
    FileLocks there = locks;
    if (there == null) {
      synchronized (this) {
        there = locks;
        if (there == null) {
          there = new FileLocks();
          locks = there;
        }
      }
    }
    return there;
  }

  @Nullable FileLocks locksIfAny() {
    return locks;
  }

  /**
   * Returns the program's hint on the lifetime of the data, 0 to Fcntl.RWH_WRITE_LIFE_EXTREME. It
   * is only stored.
   */
  @LinuxSource(file = "include/linux/fs.h", name = "i_write_hint")
  public final int writeHint() {
    return writeHint;
  }

  /**
   * Sets the hint on the lifetime of the data.
   *
   * @param hint 0 to Fcntl.RWH_WRITE_LIFE_EXTREME
   */
  public final void setWriteHint(int hint) {
    writeHint = (byte) hint;
  }

  /** Counts direct I/O in flight. */
  @LinuxSource(file = "include/linux/fs.h", name = "inode_dio_begin")
  public final void inodeDioBegin() {
    dioCount.getAndIncrement();
  }

  /** Drops the count of completed direct I/O. From any context. */
  @LinuxSource(file = "include/linux/fs.h", name = "inode_dio_end")
  public final void inodeDioEnd() {
    int left = dioCount.decrementAndGet();
    assert left >= 0 : "direct I/O ended twice";
  }

  /** Returns i_dio_count, the number of direct I/Os in flight. */
  public final int dioCount() {
    return dioCount.get();
  }
}
