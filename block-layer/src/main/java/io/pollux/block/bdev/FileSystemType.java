// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A type of filesystem on a block device: the counterpart of file_system_type and mount_bdev. A
 * provider has a public constructor without parameters; {@link Providers} finds it. The package
 * describes how.
 */
@LinuxSource(file = "include/linux/fs.h", name = "file_system_type")
public interface FileSystemType {
  /**
   * Bytes at the start of a device that {@link #recognises} needs: GFS2 has its superblock at 64
   * KiB.
   */
  int HEAD_BYTES = 68 << 10;

  /**
   * The name, as in /proc/filesystems.
   *
   * @return such as xfs; {@link Providers} has the rules of names
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
   * Mounts a device. From process context. An exception other than ErrnoException is EIO for the
   * caller of the mount; the filesystem releases what it holds before it throws.
   *
   * @param current the calling task
   * @param bdev the device
   * @param readOnly whether to reject every write ({@code -o ro})
   * @param options options in the filesystem's own words; it refuses unknown ones by {@link
   *     Options#requireAllKnown}
   * @return the filesystem, which uses the device until it is unmounted
   * @throws ErrnoException the reason it can't be mounted; the device is unchanged
   */
  @LinuxSource(file = "fs/super.c", name = "mount_bdev")
  SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException;

  /**
   * Makes an empty filesystem on a device, whatever it contains. From process context.
   *
   * @param current the calling task
   * @param bdev the device; the caller has claimed it
   * @param options options in the filesystem's own words, as for {@link #mount}
   * @throws ErrnoException EOPNOTSUPP if this type can't; EINVAL for an option or the device's
   *     size; or the device's error
   */
  default void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    throw new ErrnoException(Errno.EOPNOTSUPP, "a filesystem of type " + name() + " can't be made");
  }

  /**
   * Cross-checks the filesystem on a device, without changing it. From process context.
   *
   * @param current the calling task
   * @param bdev the device; the caller has claimed it
   * @param options options in the filesystem's own words, as for {@link #mount}
   * @param damage receives one sentence for each contradiction, without a full stop
   * @throws ErrnoException EOPNOTSUPP if this type can't; or the reason it can't be checked further
   */
  default void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage)
      throws ErrnoException {
    throw new ErrnoException(
        Errno.EOPNOTSUPP, "a filesystem of type " + name() + " can't be checked");
  }
}
