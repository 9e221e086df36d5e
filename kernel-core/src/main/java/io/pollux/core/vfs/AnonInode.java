// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.Statfs;

/**
 * The inode of a file that is in no directory: an eventfd, a pipe. It holds the state that its
 * files share, and is freed with their last reference.
 */
@LinuxSource(file = "fs/anon_inodes.c", name = "anon_inode_inode")
public abstract class AnonInode extends Inode {
  private static final int BLOCK_SIZE = 4096;

  /** The filesystem of all such inodes. It is immutable, so all kernels share it. */
  private static final SuperBlock FILE_SYSTEM = new AnonFileSystem();

  /**
   * Creates an inode.
   *
   * @param mode type and permissions
   */
  protected AnonInode(int mode) {
    super(FILE_SYSTEM, 1, mode);
  }

  @Override
  public final long size() {
    return 0;
  }

  @Override
  protected final void getattr(Task current, long stat) {
    Stat.stBlksize(stat, BLOCK_SIZE);
  }

  /** A filesystem without a tree and without a device. */
  private static final class AnonFileSystem extends SuperBlock {
    private static final long DEV = 2;
    private static final long ANON_INODE_FS_MAGIC = 0x0904_1934;

    AnonFileSystem() {
      super(DEV, false);
    }

    @Override
    public Inode root() {
      throw new UnsupportedOperationException("a filesystem without a tree");
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_statfs")
    protected void statfs(Task current, long statfs) {
      Statfs.fType(statfs, ANON_INODE_FS_MAGIC);
      Statfs.fBsize(statfs, BLOCK_SIZE);
      Statfs.fNamelen(statfs, Namei.NAME_MAX);
    }

    @Override
    public void unmount(Task current) {}
  }
}
