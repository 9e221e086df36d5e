// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import java.lang.foreign.MemorySegment;

/** A type of filesystem on a block device: the counterpart of file_system_type and mount_bdev. */
@LinuxSource(file = "include/linux/fs.h", name = "file_system_type")
public interface BdevFileSystem {
  /**
   * Bytes at the start of a device that {@link #recognises} needs: GFS2 has its superblock at 64
   * KiB.
   */
  int HEAD_BYTES = 68 << 10;

  /**
   * The name, as in /proc/filesystems.
   *
   * @return such as xfs
   */
  String name();

  /**
   * Returns whether a device has the magic number of this type. It may still fail to mount.
   *
   * @param head the first bytes of the device, up to HEAD_BYTES; fewer if the device is smaller
   * @return true if the magic number is there
   */
  boolean recognises(MemorySegment head);

  /**
   * Mounts a device. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param options the mount options
   * @return the filesystem, which uses the device until it is unmounted
   * @throws ErrnoException the reason it can't be mounted; the device is unchanged
   */
  @LinuxSource(file = "fs/super.c", name = "mount_bdev")
  SuperBlock mount(Task current, BlockDevice bdev, MountOptions options) throws ErrnoException;
}
