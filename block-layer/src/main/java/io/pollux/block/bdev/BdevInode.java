// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/** The inode of a block device node, such as /dev/ram0: its size is the device's. */
@LinuxSource(file = "fs/block_dev.c", name = "bdev_inode")
public final class BdevInode extends Inode {
  private static final int BLOCK_SIZE = 4096;

  private final BlockDevice bdev;

  /**
   * Makes an inode.
   *
   * @param sb the filesystem that has the node
   * @param ino its inode number there
   * @param bdev the device
   */
  public BdevInode(SuperBlock sb, long ino, BlockDevice bdev) {
    super(sb, ino, StatMode.S_IFBLK | 0660);
    this.bdev = bdev;
  }

  /** {@return the device} */
  @LinuxSource(file = "include/linux/fs.h", name = "I_BDEV")
  public BlockDevice bdev() {
    return bdev;
  }

  @Override
  public long size() {
    return bdev.bytes();
  }

  @Override
  public Mapping mapping() {
    return bdev.mapping();
  }

  @Override
  public FileOperations fop() {
    return DefBlkFops.INSTANCE;
  }

  @Override
  protected void getattr(Task current, long stat) {
    Stat.stRdev(stat, bdev.dev());
    Stat.stSize(stat, 0); // as in Linux; ioctl and lseek return the size
    Stat.stBlksize(stat, BLOCK_SIZE);
  }
}
