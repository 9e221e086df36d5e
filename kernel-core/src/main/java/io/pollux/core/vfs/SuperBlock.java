// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

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
   * Writes back what is left and lets go of the device. No file of it may be open. From process context.
   *
   * @param current the calling task
   * @throws ErrnoException if something could not be written
   */
  @LinuxSource(file = "fs/super.c", name = "kill_sb")
  public abstract void unmount(Task current) throws ErrnoException;
}
