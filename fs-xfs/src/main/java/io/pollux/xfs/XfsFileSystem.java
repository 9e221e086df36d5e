// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** XFS as a filesystem type: version 5 of the format, read and written in place. */
@LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_type")
public final class XfsFileSystem implements BdevFileSystem {
  /** The only instance. */
  public static final XfsFileSystem INSTANCE = new XfsFileSystem();

  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private XfsFileSystem() {}

  @Override
  public String name() {
    return "xfs";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    return head.byteSize() >= BE32.byteSize() && head.get(BE32, 0) == XfsSb.MAGIC;
  }

  /**
   * Mounts a device. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param options read-only or not; with norecovery a dirty log is ignored, otherwise refused
   * @return the filesystem
   * @throws ErrnoException EINVAL: not XFS, or unsupported features. EROFS: the log is dirty.
   *     EACCES: a writable mount of a read-only device. EIO: the device is shorter than the
   *     filesystem. EUCLEAN: it is damaged. Or the device's error
   */
  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, MountOptions options)
      throws ErrnoException {
    return XfsMount.mount(current, bdev, options);
  }
}
