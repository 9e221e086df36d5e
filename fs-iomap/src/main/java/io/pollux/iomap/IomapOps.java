// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;

/** What a filesystem does to have its files mapped. */
@LinuxSource(file = "include/linux/iomap.h", name = "iomap_ops")
public interface IomapOps {
  /** The range is going to be written. */
  int IOMAP_WRITE = 1 << 0;

  /** What is there is only reported. */
  int IOMAP_REPORT = 1 << 2;

  /** For direct I/O. */
  int IOMAP_DIRECT = 1 << 4;

  /** Do not block: EAGAIN. */
  int IOMAP_NOWAIT = 1 << 5;

  /**
   * Tells the extent at a position. From process context; on the way of every direct request, so it
   * allocates nothing once the file's extents are in memory.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte asked for, not negative
   * @param length bytes asked for, at least 1
   * @param flags IOMAP_*
   * @param iomap to be filled; it must cover pos, and it may be longer or shorter than what is asked for
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/iomap.h", name = "iomap_begin")
  int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap);
}
