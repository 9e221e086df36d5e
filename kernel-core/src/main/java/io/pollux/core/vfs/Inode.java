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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A file, open or not. A filesystem extends it, and overrides the operations that it has.
 *
 * <p>{@link #iRwsem} orders I/O against changes of the file, and changes of a directory's names
 * against lookups. The package describes which locks the caller of an operation holds. {@link
 * #inodeDioBegin} counts direct I/O that is in flight after the lock was released.
 *
 * <p>References: an open file holds one, and so does a call while it uses an inode without a lock
 * of its directory. A name holds none; {@link #nlink} counts names. When both are 0, {@link
 * SuperBlock#evictInode} frees the inode.
 */
@LinuxSource(file = "include/linux/fs.h", name = "inode")
public abstract non-sealed class Inode extends InodeOperations {
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
  private boolean removed; // without a name, and in use; under iLock
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
  @Override
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
    if (removed) {
      sb.removeCount.getAndDecrement();
    }
  }

  /**
   * Counts an inode that lost its last name. Until it is freed, its filesystem can't become
   * read-only. Under iRwsem, by the holder of a reference.
   */
  @LinuxSource(file = "fs/inode.c", name = "drop_nlink")
  final void lostName() {
    lockdep();
    synchronized (iLock) {
      if (nlink() == 0 && !removed) {
        removed = true;
        sb.removeCount.getAndIncrement();
      }
    }
  }

  /** Undoes {@link #lostName} for an inode that got a name (O_TMPFILE). Under iRwsem. */
  @LinuxSource(file = "fs/inode.c", name = "inc_nlink")
  final void gotName() {
    lockdep();
    synchronized (iLock) {
      if (removed) {
        removed = false;
        sb.removeCount.getAndDecrement();
      }
    }
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

  /** Whether the file is marked immutable: nothing about it changes. From any context. */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_IMMUTABLE")
  protected boolean immutable() {
    return false;
  }

  /** Whether the file is marked append-only. From any context. */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_APPEND")
  protected boolean appendOnly() {
    return false;
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
