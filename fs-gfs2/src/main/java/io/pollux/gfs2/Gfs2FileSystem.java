// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** GFS2 as a filesystem type: for one node, read and written in place. */
@LinuxSource(file = "fs/gfs2/ops_fstype.c", name = "gfs2_fs_type")
public final class Gfs2FileSystem implements FileSystemType {
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Creates the provider. */
  public Gfs2FileSystem() {}

  @Override
  public String name() {
    return "gfs2";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    return head.byteSize() >= Gfs2Sb.POSITION + Gfs2Meta.HEADER_BYTES
        && head.get(BE32, Gfs2Sb.POSITION) == Gfs2Meta.MAGIC
        && head.get(BE32, Gfs2Sb.POSITION + 4) == Gfs2Meta.METATYPE_SB;
  }

  /**
   * Mounts a device. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param readOnly whether to reject every write
   * @param options norecovery: ignore dirty journals, otherwise refused; requires readOnly
   * @return the filesystem
   * @throws ErrnoException EINVAL: an unknown option, not GFS2, an unsupported format, or a
   *     cluster's. EROFS: a journal is dirty. EACCES: a writable mount of a read-only device. EIO:
   *     it is damaged, or larger than the device. Or the device's error
   */
  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    return Gfs2Sbd.mount(current, bdev, readOnly, options, LockNolock.INSTANCE);
  }
}
