// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Statfs;

/** A mounted filesystem. */
@LinuxSource(file = "include/linux/fs.h", name = "super_block")
public abstract class SuperBlock {
  private final long dev;
  private final boolean readOnly;

  /**
   * For filesystems.
   *
   * @param dev number of the device that it lives on, as stat tells it
   * @param readOnly whether every write is refused with EROFS
   */
  protected SuperBlock(long dev, boolean readOnly) {
    this.dev = dev;
    this.readOnly = readOnly;
  }

  /**
   * The device.
   *
   * @return st_dev of every file in it
   */
  public final long dev() {
    return dev;
  }

  /**
   * Whether it refuses writes.
   *
   * @return SB_RDONLY
   */
  public final boolean readOnly() {
    return readOnly;
  }

  /**
   * The root directory.
   *
   * @return its inode
   */
  public abstract Inode root();

  /**
   * Fills what statfs tells beyond f_flags, and f_frsize where that is f_bsize. From process context.
   *
   * @param current the calling task
   * @param statfs kernel address of a zeroed struct statfs
   * @throws ErrnoException if it can't be found out
   */
  @LinuxSource(file = "include/linux/fs.h", name = "statfs")
  protected abstract void statfs(Task current, long statfs) throws ErrnoException;

  /**
   * Fills a struct statfs. From process context.
   *
   * @param current the calling task
   * @param statfs kernel address of a zeroed struct statfs
   * @throws ErrnoException if it can't be found out
   */
  @LinuxSource(file = "fs/statfs.c", name = {"vfs_statfs", "calculate_f_flags"})
  public final void fillStatfs(Task current, long statfs) throws ErrnoException {
    statfs(current, statfs);
    if (Statfs.fFrsize(statfs) == 0) {
      Statfs.fFrsize(statfs, Statfs.fBsize(statfs));
    }
    long flags = Statfs.ST_VALID | Statfs.ST_NOATIME; // nothing here keeps access times
    Statfs.fFlags(statfs, readOnly ? flags | Statfs.ST_RDONLY : flags);
  }

  /**
   * Writes back everything that changed, and waits for it. From process context.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/sync.c", name = "sync_filesystem")
  public int sync(Task current) {
    return 0; // read-only, or in memory only
  }

  /**
   * Writes back what is left and lets go of the device. No file of it may be open. From process context.
   *
   * @param current the calling task
   * @throws ErrnoException if something could not be written
   */
  @LinuxSource(file = "fs/super.c", name = "kill_sb")
  public abstract void unmount(Task current) throws ErrnoException;
}
