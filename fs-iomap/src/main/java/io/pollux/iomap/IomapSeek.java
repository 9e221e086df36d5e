// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Finds data and holes in a file that is mapped to extents.
 *
 * <p>An unwritten extent is a hole, whatever the page cache holds of it. Linux reports data where a
 * page of it is cached, since that page may be dirty. Here no write reaches an unwritten extent, so
 * such a page holds only zeroes.
 */
public final class IomapSeek {
  private IomapSeek() {}

  /**
   * Finds the first byte of data at or after a position. From process context, with the inode's
   * lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param offset the position; may be any value
   * @param ops the filesystem's mapping
   * @param most limit of consecutive extents; more are -EIO, since the mapping has a loop
   * @return a position, -ENXIO if there is no data at or after it, or the mapping's error
   */
  @LinuxSource(
      file = "fs/iomap.c",
      name = {"iomap_seek_data", "iomap_seek_data_actor"})
  public static long data(Task current, Inode inode, long offset, IomapOps ops, long most) {
    long found = find(current, inode, offset, true, ops, most);
    return found >= inode.size() ? -Errno.ENXIO : found;
  }

  /**
   * Finds the first byte of a hole at or after a position. The end of the file is a hole. From
   * process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param offset the position; may be any value
   * @param ops the filesystem's mapping
   * @param most limit of consecutive extents, as for {@link #data}
   * @return a position, -ENXIO if the offset is outside the file, or the mapping's error
   */
  @LinuxSource(
      file = "fs/iomap.c",
      name = {"iomap_seek_hole", "iomap_seek_hole_actor"})
  public static long hole(Task current, Inode inode, long offset, IomapOps ops, long most) {
    return find(current, inode, offset, false, ops, most);
  }

  private static long find(
      Task current, Inode inode, long offset, boolean data, IomapOps ops, long most) {
    long size = inode.size();
    if (offset < 0 || offset >= size) {
      return -Errno.ENXIO;
    }
    Iomap iomap = Iomap.SLAB.alloc(current);
    long pos = offset;
    long result = 0;
    for (long steps = 0; pos < size; steps++) { // each step advances by one extent
      if (steps >= most) {
        result = -Errno.EIO;
        break;
      }
      result = ops.iomapBegin(current, inode, pos, size - pos, IomapOps.IOMAP_REPORT, iomap);
      if (result != 0 || isData(iomap) == data) {
        break;
      }
      iomap.checkCovers(pos);
      long behind = iomap.offset() + iomap.length() - pos;
      pos += Math.min(behind, size - pos);
    }
    Slab.free(iomap);
    return result != 0 ? result : pos;
  }

  private static boolean isData(Iomap iomap) {
    return switch (iomap.type()) {
      case MAPPED, INLINE -> true;
      case HOLE, UNWRITTEN -> false;
    };
  }
}
