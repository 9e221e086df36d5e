// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;

/** The mapping operations of a filesystem. */
@LinuxSource(file = "include/linux/iomap.h", name = "iomap_ops")
public interface IomapOps {
  /** The caller is going to write the range. */
  int IOMAP_WRITE = 1 << 0;

  /** The caller only reports the extent and accesses no data. */
  int IOMAP_REPORT = 1 << 2;

  /** The caller does direct I/O. */
  int IOMAP_DIRECT = 1 << 4;

  /** Do not block; return -EAGAIN instead. */
  int IOMAP_NOWAIT = 1 << 5;

  /**
   * Maps the extent at a position. From process context. Runs for every direct request, so it
   * allocates nothing once the file's extents are in memory.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte requested, not negative
   * @param length bytes requested, at least 1
   * @param flags IOMAP_*
   * @param iomap filled on return; it covers pos, and may be shorter or longer than requested
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "include/linux/iomap.h", name = "iomap_begin")
  int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap);
}
