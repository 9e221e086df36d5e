// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/** Where the pages of a file come from and go to: what the floor above implements. */
@LinuxSource(file = "include/linux/fs.h", name = "address_space_operations")
public interface PageIo {
  /**
   * The size of the file. Nothing beyond it is read or written.
   *
   * @return bytes
   */
  @LinuxSource(file = "include/linux/fs.h", name = "i_size_read")
  long size();

  /**
   * Fills pages that follow each other in the file, and waits until they are filled. What lies beyond the end of
   * the file is filled with zeroes. From process context, with the pages locked.
   *
   * @param current the calling task
   * @param index the first page's number in the file, inside the file
   * @param addresses where the pages are
   * @param count how many, from 1 to {@link PageCache#MAX_RUN}
   * @return 0, or a negative errno, and then all of them count as not filled
   */
  @LinuxSource(file = "include/linux/fs.h", name = "readpages")
  int readPages(Task current, long index, long[] addresses, int count);

  /**
   * Writes pages that follow each other in the file, and waits until they are written. What lies beyond the end of
   * the file stays behind. From process context, with the pages locked.
   *
   * @param current the calling task
   * @param index the first page's number in the file, inside the file
   * @param addresses where the pages are
   * @param count how many, from 1 to {@link PageCache#MAX_RUN}
   * @return 0, or a negative errno
   */
  @LinuxSource(file = "include/linux/fs.h", name = "writepages")
  int writePages(Task current, long index, long[] addresses, int count);
}
