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

/** XFS as a kind of filesystem: version 5 of the format, to be read, and written to in place. */
@LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_type")
public final class XfsFileSystem implements BdevFileSystem {
  /** The one there is. */
  public static final XfsFileSystem INSTANCE = new XfsFileSystem();

  private static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

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
   * Mounts a device.
   *
   * @param current the calling task
   * @param bdev the device
   * @param options read-only or not; with norecovery a dirty log is left alone, otherwise it is refused
   * @return the filesystem
   * @throws ErrnoException EINVAL if this is no XFS or one with features that are not supported, EROFS if its log is
   *     dirty, EACCES if it is to be written and the device can't be, EIO if the device is shorter than the
   *     filesystem, EUCLEAN if it is damaged, or the device's error
   */
  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, MountOptions options) throws ErrnoException {
    return XfsMount.mount(current, bdev, options);
  }
}
