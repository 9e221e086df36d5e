// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;

/** A file that does what the test says. */
final class TestInode extends Inode {
  private final FileOperations ops;

  private TestInode(FileOperations ops) {
    super(new Ramfs(1), 9, StatMode.S_IFREG | 0600);
    this.ops = ops;
  }

  /** Opens a file with these operations, for direct reading and writing. */
  static File open(FileTable files, FileOperations ops) {
    return new File(files, new TestInode(ops), null, Fcntl.O_RDWR | Fcntl.O_DIRECT);
  }

  /**
   * Completes a request that such a file has queued, with 4,096 bytes. Returns 1, as an iopoll
   * does.
   */
  static int complete(Kiocb iocb) {
    KiComplete handler = iocb.kiComplete;
    assert handler != null : "a synchronous request";
    handler.complete(iocb, 4096, 0);
    return 1;
  }

  @Override
  public long size() {
    return 1 << 20;
  }

  @Override
  public FileOperations fop() {
    return ops;
  }

  @Override
  protected void getattr(long stat) {
    throw new AssertionError("nobody asked");
  }
}
