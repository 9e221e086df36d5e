// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** XFS as a filesystem type: version 5 of the format, read and written in place. */
@LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_type")
public final class XfsFileSystem implements FileSystemType {
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Creates the provider. */
  public XfsFileSystem() {}

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
   * @param readOnly whether to reject every write
   * @param options norecovery: ignore a dirty log, otherwise refused; requires readOnly
   * @return the filesystem
   * @throws ErrnoException EINVAL: an unknown option, not XFS, or unsupported features. EROFS: the
   *     log is dirty. EACCES: a writable mount of a read-only device. EIO: the device is shorter
   *     than the filesystem. EUCLEAN: it is damaged. Or the device's error
   */
  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    return XfsMount.mount(current, bdev, readOnly, options);
  }
}
