// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/** Reads and writes the pages of a file. Implemented by the filesystem or block device. */
@LinuxSource(file = "include/linux/fs.h", name = "address_space_operations")
public interface PageIo {
  /** Returns the size of the file in bytes. Nothing beyond it is read or written. */
  @LinuxSource(file = "include/linux/fs.h", name = "i_size_read")
  long size();

  /**
   * Extends the file, after data was copied into a page beyond its end. From process context, with
   * that page locked; does not sleep. A file that only other calls extend keeps this default.
   *
   * @param end the new size in bytes, larger than {@link #size}
   */
  @LinuxSource(file = "include/linux/fs.h", name = "i_size_write")
  default void writeSize(long end) {
    throw new IllegalStateException("a write beyond the end of a file that cannot grow");
  }

  /**
   * Reads consecutive pages of the file and waits. The part beyond the end of the file is filled
   * with zeroes. From process context, with the pages locked.
   *
   * @param current the calling task
   * @param index number of the first page, inside the file
   * @param addresses addresses of the pages
   * @param count number of pages, from 1 to {@link PageCache#MAX_RUN}
   * @return 0, or a negative errno; then no page counts as read
   */
  @LinuxSource(file = "include/linux/fs.h", name = "readpages")
  int readPages(Task current, long index, long[] addresses, int count);

  /**
   * Writes consecutive pages of the file and waits. The part beyond the end of the file is not
   * written. From process context, with the pages locked.
   *
   * @param current the calling task
   * @param index number of the first page, inside the file
   * @param addresses addresses of the pages
   * @param count number of pages, from 1 to {@link PageCache#MAX_RUN}
   * @return 0, or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "writepages")
  int writePages(Task current, long index, long[] addresses, int count);
}
