// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;

/** The mapping operations of a filesystem. */
@LinuxSource(file = "include/linux/iomap.h", name = "iomap_ops")
public interface IomapOps {
  /** The caller is going to write the range: blocks are allocated for it. */
  int IOMAP_WRITE = 1 << 0;

  /** The caller is going to write zeroes. A hole and an unwritten extent may stay as they are. */
  int IOMAP_ZERO = 1 << 1;

  /** The caller only reports the extent and accesses no data. */
  int IOMAP_REPORT = 1 << 2;

  /** The caller handles a page fault. Nothing here passes it: files are not mapped into memory. */
  int IOMAP_FAULT = 1 << 3;

  /** The caller does direct I/O. */
  int IOMAP_DIRECT = 1 << 4;

  /** Do not block; return -EAGAIN instead, and change nothing. */
  int IOMAP_NOWAIT = 1 << 5;

  /**
   * Maps the extent at a position, and for IOMAP_WRITE allocates or reserves blocks for it. From
   * process context. Runs for every direct request, so it allocates no memory once the file's
   * extents are loaded.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte requested, not negative
   * @param length bytes requested, at least 1
   * @param flags IOMAP_*
   * @param iomap filled on return; it covers pos, and may be shorter or longer than requested
   * @return 0 or a negative errno; -ENOTBLK: direct I/O can't write here, and the page cache can
   */
  @LinuxSource(file = "include/linux/iomap.h", name = "iomap_begin")
  int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap);

  /**
   * Whether {@link #iomapEnd} must be called. A filesystem without one keeps the default, and the
   * read path pays nothing for it.
   */
  default boolean hasIomapEnd() {
    return false;
  }

  /**
   * Commits or releases what {@link #iomapBegin} reserved. Called once after each iomapBegin that
   * returned 0. From process context, with the same locks. Bios on the extent may be in flight.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos as for iomapBegin
   * @param length bytes that the caller was about to use: at most those requested, and inside the
   *     extent
   * @param written bytes that it used, from pos on; 0 after an error
   * @param flags as for iomapBegin
   * @param iomap as iomapBegin filled it
   * @return 0, or a negative errno, which is the result if nothing was written
   */
  @LinuxSource(file = "include/linux/iomap.h", name = "iomap_end")
  default int iomapEnd(
      Task current, Inode inode, long pos, long length, long written, int flags, Iomap iomap) {
    return 0;
  }
}
