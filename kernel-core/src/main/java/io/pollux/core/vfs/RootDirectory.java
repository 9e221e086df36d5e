// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/**
 * The root directory of a filesystem, without size, times or owner of its own. The filesystem adds
 * {@link #lookup} and {@link #list}, and the operations that change names.
 */
@LinuxSource(file = "fs/libfs.c", name = "simple_dir_operations")
public abstract class RootDirectory extends Inode implements FileOperations {
  /** The inode number. */
  public static final int INO = 1;

  /**
   * Creates a directory without a reference.
   *
   * @param sb the filesystem
   * @param permissions mode bits
   */
  protected RootDirectory(SuperBlock sb, int permissions) {
    super(sb, INO, StatMode.S_IFDIR | permissions);
  }

  /**
   * Lists the entries, other than "." and "..", until the context is full. From process context,
   * without locks.
   *
   * @param context receives the entries from its position on, which is at least {@link
   *     DirContext#AFTER_DOTS}
   */
  protected abstract void list(DirContext context);

  @Override
  public final int iterateShared(Task current, File file, DirContext context) {
    if (context.emitDots(INO, INO)) {
      list(context);
    }
    return 0;
  }

  @Override
  public final boolean hasFsync() {
    return true;
  }

  /** Syncs the filesystem. */
  @Override
  public final int fsync(Task current, File file, long start, long end, boolean datasync) {
    return sb().sync(current);
  }

  @Override
  public final long size() {
    return 0;
  }

  @Override
  protected final int nlink() {
    return 2;
  }

  @Override
  public final FileOperations fop() {
    return this;
  }

  @Override
  protected final void getattr(Task current, long stat) {
    Stat.stBlksize(stat, sb().blockSize());
  }
}
