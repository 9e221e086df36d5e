// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A file, open or not: struct inode and its inode_operations. A filesystem extends it.
 *
 * <p>{@link #iRwsem} orders I/O against changes of the file. {@link #inodeDioBegin} counts direct
 * I/O that is in flight after the lock was released.
 */
@LinuxSource(
    file = "include/linux/fs.h",
    name = {"inode", "inode_operations"})
public abstract class Inode {
  /**
   * Shared for reads and aligned direct writes, exclusive for changes of the file. Process context.
   */
  public final RwSemaphore iRwsem = new RwSemaphore(LockClass.I_RWSEM);

  private final AtomicInteger dioCount = new AtomicInteger();
  private final SuperBlock sb;
  private final long ino;
  private final int mode;
  private volatile @Nullable FileLocks locks; // allocated by the first lock
  private volatile byte writeHint;

  /**
   * Creates an inode.
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
   * Fills in the fields of struct stat other than st_dev, st_ino, st_mode and st_size, which are
   * already filled in.
   *
   * @param stat kernel address of a zeroed struct stat
   */
  @LinuxSource(file = "include/linux/fs.h", name = "getattr")
  protected abstract void getattr(long stat);

  /**
   * Fills a struct stat.
   *
   * @param stat kernel address of a zeroed struct stat
   */
  @LinuxSource(file = "fs/stat.c", name = "generic_fillattr")
  public final void fillStat(long stat) {
    Stat.stDev(stat, sb.dev());
    Stat.stIno(stat, ino);
    Stat.stMode(stat, mode);
    Stat.stSize(stat, size());
    getattr(stat);
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
   * Finds an entry of a directory. From process context.
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
   * Creates a regular file in a directory. From process context.
   *
   * @param current the calling task
   * @param name its name
   * @param permissions mode bits
   * @return the new inode
   * @throws ErrnoException EROFS, EEXIST, or another error of the filesystem
   */
  public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EPERM);
  }

  /**
   * Creates a directory in a directory. From process context.
   *
   * @param current the calling task
   * @param name its name
   * @param permissions mode bits
   * @throws ErrnoException EROFS, EEXIST, or another error of the filesystem
   */
  public void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EPERM);
  }

  /**
   * Removes an empty directory from a directory. From process context.
   *
   * @param current the calling task
   * @param name its name
   * @throws ErrnoException EROFS, ENOENT, ENOTDIR, ENOTEMPTY, EBUSY if a filesystem is mounted
   *     there, or another error of the filesystem
   */
  public void rmdir(Task current, byte[] name) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EPERM);
  }

  /**
   * Removes an entry other than a directory from a directory. Open files on it stay usable. From
   * process context.
   *
   * @param current the calling task
   * @param name its name
   * @throws ErrnoException EROFS, ENOENT, EISDIR, EBUSY, or another error of the filesystem
   */
  public void unlink(Task current, byte[] name) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EPERM);
  }

  /**
   * Sets the size of a regular file: truncates it, or extends it by a hole. From process context.
   *
   * @param current the calling task
   * @param bytes its new size, not negative
   * @throws ErrnoException EROFS, or another error of the filesystem
   */
  @LinuxSource(file = "fs/open.c", name = "do_truncate")
  public void setSize(Task current, long bytes) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EPERM);
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

  /**
   * Whether the file has lost its last name, its last user and its data. Checked after an open,
   * because it may happen between lookup and open.
   */
  @LinuxSource(file = "include/linux/fs.h", name = "I_FREEING")
  protected boolean evicted() {
    return false;
  }

  /**
   * Creates an unnamed regular file in a directory's filesystem (O_TMPFILE). From process context.
   *
   * @param current the calling task
   * @param permissions mode bits
   * @return the new inode
   * @throws ErrnoException EROFS, EOPNOTSUPP, or another error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "tmpfile")
  public Inode tmpfile(Task current, int permissions) throws ErrnoException {
    throw new ErrnoException(sb.readOnly() ? Errno.EROFS : Errno.EOPNOTSUPP);
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

  /** Whether the file has no name left. */
  final boolean nameless() {
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      fillStat(stat);
      return Stat.stNlink(stat) == 0;
    }
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
