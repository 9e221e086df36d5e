// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.buffer.BufCache;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.check.XfsCheck;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.log.XlogDevice;
import io.pollux.xfs.log.XlogFind;
import io.pollux.xfs.mkfs.XfsMkfs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/** XFS as a filesystem type: version 5 of the format, with its log. */
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
   * @param options norecovery: ignore a dirty log, otherwise recovered; requires readOnly
   * @return the filesystem
   * @throws ErrnoException EINVAL: an unknown option, not XFS, or unsupported features. EROFS: the
   *     log is dirty and the device read-only. EACCES: a writable mount of a read-only device. EIO:
   *     the device is shorter than the filesystem. EUCLEAN: it is damaged. Or the device's error
   */
  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    return XfsMount.mount(current, bdev, readOnly, options);
  }

  /**
   * Makes an empty filesystem. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param options as {@code XfsMkfs} describes them
   * @throws ErrnoException EINVAL: an option or the size of the device is invalid; or the device's
   *     error
   */
  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    XfsMkfs.make(current, bdev, options, System.currentTimeMillis());
  }

  /**
   * Cross-checks a filesystem without changing it. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param options norecovery: ignore a dirty log, otherwise refused
   * @param damage receives a sentence for each contradiction
   * @throws ErrnoException EINVAL: an unknown option, not XFS, or unsupported features. EROFS: the
   *     log is dirty. Or the device's error
   */
  @Override
  public void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage)
      throws ErrnoException {
    boolean norecovery = options.flag("norecovery");
    options.requireAllKnown(name());
    BufCache cache = new BufCache(bdev, 0, XfsError.EFSCORRUPTED);
    try {
      XfsSb sb = XfsMount.readSb(current, cache);
      if (!norecovery) {
        checkLog(current, cache, sb, damage);
      }
      XfsCheck.check(current, cache, sb, damage);
    } catch (ErrnoException e) {
      if (e.errno() != XfsError.EFSCORRUPTED) {
        throw e;
      }
      damage.accept(String.valueOf(e.getMessage()));
    } finally {
      cache.drop();
    }
  }

  private static void checkLog(Task current, BufCache cache, XfsSb sb, Consumer<String> damage)
      throws ErrnoException {
    try {
      XlogFind.requireClean(current, new XlogDevice(cache, sb));
    } catch (ErrnoException e) {
      if (e.errno() != XfsError.EFSCORRUPTED) {
        throw e;
      }
      damage.accept(String.valueOf(e.getMessage()));
    }
  }
}
