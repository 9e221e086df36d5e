// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.Options;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskTarget;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Statfs;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A mounted filesystem. */
@LinuxSource(file = "include/linux/fs.h", name = "super_block")
public abstract class SuperBlock implements TaskTarget {
  private static final int DEFAULT_BLOCK = 4096;
  private static final int MAX_BLOCK = 1 << 16;
  private static final int DIO_WORKERS = 4;

  private final long dev;
  private volatile boolean readOnly;
  private volatile boolean readonlyRemount; // becoming read-only
  private boolean dead; // being unmounted; under sUmount
  private final int blockSize;
  private final MountUsers users = new MountUsers();
  private @Nullable WorkQueue dioDoneWq; // set before the first file is opened

  /** Inodes without a name that are in use: s_remove_count. From any context. */
  final AtomicLong removeCount = new AtomicLong();

  private final SbWriters writers = new SbWriters();
  private volatile @Nullable String mountedAt; // null for the root, and before the mount
  private volatile boolean isShutDown;

  /** Orders freezes and remounts: s_umount. Process context. */
  private final RwSemaphore sUmount = new RwSemaphore(LockClass.S_UMOUNT);

  /** Orders renames between directories: s_vfs_rename_mutex. Process context. */
  final RwSemaphore vfsRename = new RwSemaphore(LockClass.VFS_RENAME);

  /**
   * Creates a filesystem with blocks of 4096 bytes.
   *
   * @param dev number of its device, for st_dev
   * @param readOnly whether every write returns EROFS
   */
  protected SuperBlock(long dev, boolean readOnly) {
    this(dev, readOnly, DEFAULT_BLOCK);
  }

  /**
   * Creates a filesystem.
   *
   * @param dev number of its device, for st_dev
   * @param readOnly whether every write returns EROFS
   * @param blockSize bytes of a block, the unit of allocation; a power of two from 512 to 65536
   */
  protected SuperBlock(long dev, boolean readOnly, int blockSize) {
    if (Integer.bitCount(blockSize) != 1 || blockSize < 512 || blockSize > MAX_BLOCK) {
      throw new IllegalArgumentException("no filesystem has blocks of " + blockSize + " bytes");
    }
    this.dev = dev;
    this.readOnly = readOnly;
    this.blockSize = blockSize;
  }

  /** Returns s_blocksize, the unit of allocation in bytes. */
  @LinuxSource(file = "include/linux/fs.h", name = "s_blocksize")
  public final int blockSize() {
    return blockSize;
  }

  /**
   * Creates the work queue on which asynchronous direct writes complete if their completion sleeps.
   * A filesystem with direct writes calls it once, in mount. From process context.
   *
   * @param current the mounting task, of the kernel's own process
   * @param name the name of the queue's threads
   */
  @LinuxSource(file = "fs/direct-io.c", name = "sb_init_dio_done_wq")
  protected final void initDioDoneWq(Task current, String name) {
    assert dioDoneWq == null : "a second work queue";
    dioDoneWq = new WorkQueue(current.process(), name, DIO_WORKERS);
  }

  /**
   * Returns the work queue of {@link #initDioDoneWq}.
   *
   * @throws IllegalStateException if the filesystem has created none
   */
  @LinuxSource(file = "include/linux/fs.h", name = "s_dio_done_wq")
  public final WorkQueue dioDoneWq() {
    WorkQueue queue = dioDoneWq;
    if (queue == null) {
      throw new IllegalStateException(
          "a filesystem with direct writes calls initDioDoneWq when it is mounted");
    }
    return queue;
  }

  /**
   * Waits until every queued direct write has completed. A filesystem calls it first in {@link
   * #unmount}. From process context, when no file is open.
   */
  @LinuxSource(file = "fs/super.c", name = "generic_shutdown_super")
  protected final void drainDirectWrites() {
    WorkQueue queue = dioDoneWq;
    if (queue != null) {
      queue.flush();
    }
  }

  /** Returns the st_dev of all its files. */
  public final long dev() {
    return dev;
  }

  /** Whether writes are refused (SB_RDONLY). */
  public final boolean readOnly() {
    return readOnly;
  }

  /** Returns the count of what uses the filesystem. */
  public final MountUsers users() {
    return users;
  }

  /**
   * Makes the filesystem read-only or writable. By a remount, or by a filesystem that found damage.
   *
   * @param to whether every later write returns EROFS
   */
  protected final void setReadOnly(boolean to) {
    readOnly = to;
  }

  /** Whether opens for writing fail: the filesystem is read-only, or becomes so. */
  @LinuxSource(file = "fs/namespace.c", name = "mnt_is_readonly")
  final boolean refusesWrites() {
    return readOnly || readonlyRemount;
  }

  /**
   * Writes back all changes, unless the filesystem is read-only, frozen, busy with one of these
   * changes, or unmounted. Errors are kept for fsync. From process context, without locks.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/fs-writeback.c", name = "writeback_sb_inodes")
  public final void flush(Task current) {
    if (sUmount.downReadTrylock()) {
      try {
        if (!writers.frozen()) {
          syncMounted(current);
        }
      } finally {
        sUmount.upRead();
      }
    }
  }

  /**
   * Writes back all changes for sync(2), unless the filesystem is read-only or unmounted. Waits for
   * a remount, a freeze, and the start of an unmount. From process context, without locks.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/super.c", name = "iterate_supers")
  public final void syncIfMounted(Task current) {
    sUmount.downRead(current);
    try {
      syncMounted(current);
    } finally {
      sUmount.upRead();
    }
  }

  private void syncMounted(Task current) {
    if (!dead && !readOnly) {
      syncContained(current);
    }
  }

  /**
   * Waits for a {@link #flush} in progress, and prevents later ones. Called before {@link
   * #unmount}. From process context.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/super.c", name = "deactivate_super")
  public final void deactivate(Task current) {
    sUmount.downWrite(current);
    dead = true;
    sUmount.upWrite();
  }

  /** The action of a remount on a mounted filesystem. */
  @FunctionalInterface
  interface Remount {
    void run() throws ErrnoException;
  }

  /**
   * Runs a remount, one at a time. From process context.
   *
   * @param current the calling task
   * @param toReadOnly whether writers are refused while it runs
   * @param remount writes back the changes, and calls the filesystem
   * @throws ErrnoException EBUSY: the filesystem is frozen; or, to make it read-only, a change is
   *     in progress, or a file is open for writing, or removed and in use. Or the error of the
   *     remount
   */
  @LinuxSource(
      file = "fs/super.c",
      name = {"do_remount_sb", "sb_prepare_remount_readonly"})
  final void remounting(Task current, boolean toReadOnly, Remount remount) throws ErrnoException {
    sUmount.downWrite(current);
    try {
      if (writers.frozen()) {
        throw new ErrnoException(Errno.EBUSY, "the filesystem is frozen");
      }
      if (toReadOnly && !readOnly) {
        refuseWrites();
      }
      try {
        remount.run();
      } finally {
        readonlyRemount = false;
      }
    } finally {
      sUmount.upWrite();
    }
  }

  private void refuseWrites() throws ErrnoException {
    if (!writers.hold()) {
      throw new ErrnoException(Errno.EBUSY, "a change is in progress");
    }
    readonlyRemount = true; // first: an open counts itself before it checks this
    boolean open = users.writers() != 0 || removeCount.get() != 0;
    readonlyRemount = !open;
    writers.thaw();
    if (open) {
      throw new ErrnoException(Errno.EBUSY, "a file is open for writing, or open and removed");
    }
  }

  /** Records the directory that the filesystem covers. */
  final void setMountedAt(String path) {
    mountedAt = path;
  }

  /**
   * Shuts a mounted filesystem down: all later calls fail with EIO, except those that close its
   * files and unmount it. The root stays, because all paths begin there.
   */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_fsops.c", name = "xfs_do_force_shutdown")
  public final String shutDown() {
    String path = mountedAt;
    if (path == null || isShutDown) {
      return "";
    }
    isShutDown = true;
    return ", and " + path + " is shut down";
  }

  /** Whether all calls fail with EIO, because a method of the filesystem has thrown. */
  @LinuxSource(file = "fs/xfs/xfs_mount.h", name = "XFS_FORCED_SHUTDOWN")
  public final boolean isShutDown() {
    return isShutDown;
  }

  /**
   * Prepares a call of methods of this filesystem. From process context.
   *
   * @param current the calling task; an exception of its call shuts the filesystem down
   * @return 0, or -EIO if the filesystem was shut down
   */
  public final int enter(Task current) {
    current.setTarget(this);
    return isShutDown ? -Errno.EIO : 0;
  }

  /** Prepares as {@link #enter}, and throws EIO. */
  private void enterOrThrow(Task current) throws ErrnoException {
    int result = enter(current);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  // Changes and freezing.

  /**
   * Starts a change, and waits while the filesystem is frozen. {@link #dropWrite} must follow. From
   * process context, without locks of the filesystem.
   *
   * @param current the calling task
   * @throws ErrnoException EROFS, EIO after a shutdown, or EINTR if a signal interrupted the wait
   */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"mnt_want_write", "sb_start_write"})
  public final void wantWrite(Task current) throws ErrnoException {
    enterOrThrow(current);
    int result = writers.start(current);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
    if (refusesWrites()) {
      writers.end();
      throw new ErrnoException(Errno.EROFS);
    }
  }

  /** Ends a change. From any context. */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"mnt_drop_write", "sb_end_write"})
  public final void dropWrite() {
    writers.end();
  }

  /** Whether programs may freeze the filesystem. The default is false: it has no disk to settle. */
  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fsfreeze")
  public boolean canFreeze() {
    return false;
  }

  /**
   * Freezes the filesystem: waits for the changes in progress, writes everything back, and blocks
   * further changes until {@link #thaw}. Direct writes through an aio context are not blocked. From
   * process context.
   *
   * @param current the calling task
   * @return 0, -EBUSY if it is frozen, or the error of the write-back
   */
  @LinuxSource(file = "fs/super.c", name = "freeze_super")
  public final int freeze(Task current) {
    current.setTarget(this);
    sUmount.downWrite(current);
    try {
      return writers.freeze(current) ? settle(current) : -Errno.EBUSY;
    } finally {
      sUmount.upWrite();
    }
  }

  private int settle(Task current) {
    int result = -Errno.EIO; // if it throws
    try {
      result = sync(current);
      if (result == 0) {
        result = freezeFs(current);
      }
    } finally {
      if (result != 0) {
        writers.thaw();
      }
    }
    return result;
  }

  /**
   * Ends a freeze. From process context.
   *
   * @param current the calling task
   * @return 0, -EINVAL if the filesystem is not frozen, or an error of the filesystem, which then
   *     stays frozen
   */
  @LinuxSource(file = "fs/super.c", name = "thaw_super")
  public final int thaw(Task current) {
    sUmount.downWrite(current);
    try {
      if (!writers.frozen()) {
        return -Errno.EINVAL;
      }
      int result = unfreezeFs(current);
      if (result == 0) {
        writers.thaw();
      }
      return result;
    } finally {
      sUmount.upWrite();
    }
  }

  /**
   * Puts the disk into the state of a clean unmount. From process context, while no change is in
   * progress.
   *
   * @param current the calling task
   * @return 0, or a negative errno, which ends the freeze
   */
  @LinuxSource(file = "include/linux/fs.h", name = "freeze_fs")
  protected int freezeFs(Task current) {
    return 0;
  }

  /**
   * Undoes {@link #freezeFs}. From process context.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "unfreeze_fs")
  protected int unfreezeFs(Task current) {
    return 0;
  }

  /** Returns the options of the mount as text, "rw" or "ro" first, separated by commas. */
  @LinuxSource(file = "include/linux/fs.h", name = "show_options")
  public String showOptions() {
    return readOnly ? "ro" : "rw";
  }

  // Inodes.

  /**
   * Returns the errno of an operation that its inodes do not have. A filesystem that has the
   * operation on Linux, but not here, returns EOPNOTSUPP.
   *
   * @param errno the errno of Linux for a filesystem without the operation; the default
   */
  protected int unsupported(int errno) {
    return errno;
  }

  /**
   * Frees an inode that has lost its last name and its last reference, and what it holds on disk.
   * Called once for an inode, without locks.
   *
   * @param current the calling task in process context; null in any other, where the filesystem
   *     must not sleep and frees the inode later
   * @param inode an inode of this filesystem; {@link Inode#igrab} fails from now on
   */
  @LinuxSource(file = "include/linux/fs.h", name = "evict_inode")
  protected void evictInode(@Nullable Task current, Inode inode) {}

  /**
   * Writes the attributes of an inode to the disk. From process context.
   *
   * @param current the calling task
   * @param inode an inode of this filesystem
   * @param wait whether they must be durable on return
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "write_inode")
  public int writeInode(Task current, Inode inode, boolean wait) {
    return 0;
  }

  /** Returns the inode of the root directory. */
  public abstract Inode root();

  /**
   * Fills in the fields of struct statfs other than f_flags, and other than f_frsize if it equals
   * f_bsize. From process context.
   *
   * @param current the calling task
   * @param statfs kernel address of a zeroed struct statfs
   * @throws ErrnoException the error of the filesystem
   */
  @LinuxSource(file = "include/linux/fs.h", name = "statfs")
  protected abstract void statfs(Task current, long statfs) throws ErrnoException;

  /**
   * Fills in a struct statfs. From process context.
   *
   * @param current the calling task
   * @param statfs kernel address of a zeroed struct statfs
   * @throws ErrnoException the error of the filesystem
   */
  @LinuxSource(
      file = "fs/statfs.c",
      name = {"vfs_statfs", "calculate_f_flags"})
  public final void fillStatfs(Task current, long statfs) throws ErrnoException {
    enterOrThrow(current);
    statfs(current, statfs);
    if (Statfs.fFrsize(statfs) == 0) {
      Statfs.fFrsize(statfs, Statfs.fBsize(statfs));
    }
    long flags = Statfs.ST_VALID | Statfs.ST_NOATIME; // access times are not kept
    Statfs.fFlags(statfs, readOnly ? flags | Statfs.ST_RDONLY : flags);
  }

  /**
   * Writes back all changes and waits. From process context.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(
      file = "fs/sync.c",
      name = {"sync_filesystem", "sync_fs"})
  public int sync(Task current) {
    return 0; // read-only, or in memory only
  }

  /**
   * Writes back all changes for sync(2) and syncfs(2). An exception shuts the filesystem down. From
   * process context.
   *
   * @param current the calling task
   * @return 0 or a negative errno, -EIO after a shutdown
   */
  public final int syncContained(Task current) {
    int result = enter(current);
    try {
      return result != 0 ? result : sync(current);
    } catch (RuntimeException | Error e) {
      Oops.report("the sync of a filesystem", e, "it fails with EIO" + shutDown());
      current.abandonCall();
      return -Errno.EIO;
    }
  }

  /**
   * Prepares for a change between read-only and writable, and takes changed options. No file is
   * open for writing if it becomes read-only. By default it has no options. From process context.
   *
   * @param current the calling task
   * @param toReadOnly whether every write returns EROFS from now on
   * @param options options in the filesystem's own words
   * @throws ErrnoException the reason it can't be changed; nothing has changed then
   */
  @LinuxSource(file = "include/linux/fs.h", name = "remount_fs")
  public void remount(Task current, boolean toReadOnly, Options options) throws ErrnoException {
    options.requireAllKnown("this filesystem");
  }

  /**
   * Writes back all changes and releases the device. No file of the filesystem may be open. From
   * process context.
   *
   * @param current the calling task
   * @throws ErrnoException if a write failed
   */
  @LinuxSource(file = "fs/super.c", name = "kill_sb")
  public abstract void unmount(Task current) throws ErrnoException;
}
