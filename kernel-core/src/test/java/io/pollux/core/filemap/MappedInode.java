// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;

/** An inode that has pages and no operations. */
final class MappedInode extends Inode {
  private static final FileTable TABLE = new FileTable();

  private final Mapping mapping;

  private MappedInode(Mapping mapping) {
    super(new Ramfs(1), 7, StatMode.S_IFREG | 0600);
    this.mapping = mapping;
  }

  /** An open file with these pages. */
  static File open(Mapping mapping) {
    return new File(TABLE, new MappedInode(mapping), null, Fcntl.O_RDWR);
  }

  @Override
  public long size() {
    return mapping.size();
  }

  @Override
  public Mapping mapping() {
    return mapping;
  }

  @Override
  public FileOperations fop() {
    return new FileOperations() {};
  }

  @Override
  protected void getattr(long stat) {}
}
