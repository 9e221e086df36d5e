// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.block.BlockDevice;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Statfs;

/** A mounted filesystem. Each write is EROFS. */
final class MyFsSuper extends SuperBlock {
  final BlockDevice bdev;
  private final MyFsDir root = new MyFsDir(this);

  MyFsSuper(BlockDevice bdev) {
    super(bdev.dev(), true, MyFs.BLOCK);
    this.bdev = bdev;
  }

  void add(Table.Entry entry) {
    int ino = root.files.size() + 2;
    root.files.put(entry.name(), new MyFsFile(this, ino, entry));
  }

  @Override
  public Inode root() {
    return root;
  }

  @Override
  protected void statfs(Task current, long statfs) {
    Statfs.fType(statfs, MyFs.MAGIC);
    Statfs.fBsize(statfs, MyFs.BLOCK);
    Statfs.fBlocks(statfs, bdev.bytes() / MyFs.BLOCK);
    Statfs.fFiles(statfs, root.files.size());
    Statfs.fNamelen(statfs, Table.MAX_NAME);
  }

  @Override
  public void unmount(Task current) {
    for (MyFsFile file : root.files.values()) {
      file.mapping().truncateRange(current, 0, Long.MAX_VALUE);
    }
    bdev.pageCache().trim();
  }
}
