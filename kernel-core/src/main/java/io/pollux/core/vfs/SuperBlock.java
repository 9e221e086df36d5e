// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WorkQueue;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Statfs;
import org.jspecify.annotations.Nullable;

/** A mounted filesystem. */
@LinuxSource(file = "include/linux/fs.h", name = "super_block")
public abstract class SuperBlock {
  private static final int DEFAULT_BLOCK = 4096;
  private static final int DIO_WORKERS = 4;

  private final long dev;
  private volatile boolean readOnly;
  private final int blockSize;
  private final MountUsers users = new MountUsers();
  private @Nullable WorkQueue dioDoneWq; // set before the first file is opened

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
   * @param blockSize bytes of a block, the unit of allocation; a power of two, at least 512
   */
  protected SuperBlock(long dev, boolean readOnly, int blockSize) {
    assert Integer.bitCount(blockSize) == 1 && blockSize >= 512 : blockSize;
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

  final void setReadOnly(boolean now) {
    readOnly = now;
  }

  /** Returns the count of what uses the filesystem. */
  public final MountUsers users() {
    return users;
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
  @LinuxSource(file = "fs/sync.c", name = "sync_filesystem")
  public int sync(Task current) {
    return 0; // read-only, or in memory only
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
