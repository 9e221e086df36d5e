// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * A log's state for a buffer: struct xfs_buf_log_item of XFS, struct gfs2_bufdata of GFS2. The log
 * attaches it to the buffer, which calls it when it is written in place.
 */
@LinuxSource(file = "fs/xfs/xfs_buf_item.h", name = "xfs_buf_log_item")
public interface BufLogItem {
  /**
   * Called before the buffer is written in place, on the copy that is verified and written next.
   * From process context, with the buffer's lock.
   *
   * @param copy the contents, in which the log stores the position of the last change
   * @throws ErrnoException if the contents are damaged; the buffer is not written then
   */
  default void writing(BufEdit copy) throws ErrnoException {}

  /**
   * Called after the buffer was written in place, or the write failed. From process context, with
   * the buffer's lock.
   *
   * @param buf the buffer
   * @param status 0 if it is clean now; a negative errno if it stays dirty
   */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_iodone")
  void written(Buf buf, int status);
}
