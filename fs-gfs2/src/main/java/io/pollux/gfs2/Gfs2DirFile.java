// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.uapi.LinuxSource;

/** The file operations of directories. */
@LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_dir_fops")
final class Gfs2DirFile implements FileOperations {
  static final Gfs2DirFile OPERATIONS = new Gfs2DirFile();

  private Gfs2DirFile() {}

  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_readdir")
  public int iterateShared(Task current, File file, DirContext context) {
    Gfs2Inode dip = (Gfs2Inode) file.inode();
    try {
      Gfs2Holder gh = dip.lock(current, LmState.SHARED);
      try {
        Gfs2Dir.list(current, dip, context);
      } finally {
        Gfs2Inode.unlock(current, gh);
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    return 0; // a directory is never written
  }
}
