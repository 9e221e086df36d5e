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
 * <p>An unwritten extent is a hole, whatever the page cache has of it. In Linux it is data where a page of it is in
 * memory, since that may have been written to and not be on the disk yet. Here nothing is written into an unwritten
 * extent, so such a page holds zeroes and nothing else.
 */
public final class IomapSeek {
  private IomapSeek() {}

  /**
   * The first byte of data at or behind a position. From process context, with the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param offset the position; any value at all
   * @param ops the filesystem's mapping
   * @param most so many extents can lie in a row, at most; more are -EIO: then what maps the file goes in circles
   * @return a position, -ENXIO if there is no data behind it, or what mapping ran into
   */
  @LinuxSource(file = "fs/iomap.c", name = {"iomap_seek_data", "iomap_seek_data_actor"})
  public static long data(Task current, Inode inode, long offset, IomapOps ops, long most) {
    long found = find(current, inode, offset, true, ops, most);
    return found >= inode.size() ? -Errno.ENXIO : found;
  }

  /**
   * The first byte of a hole at or behind a position; there is one at the end of the file. From process context, with
   * the inode's lock held.
   *
   * @param current the calling task
   * @param inode the file
   * @param offset the position; any value at all
   * @param ops the filesystem's mapping
   * @param most as of {@link #data}
   * @return a position, -ENXIO if it is not inside the file, or what mapping ran into
   */
  @LinuxSource(file = "fs/iomap.c", name = {"iomap_seek_hole", "iomap_seek_hole_actor"})
  public static long hole(Task current, Inode inode, long offset, IomapOps ops, long most) {
    return find(current, inode, offset, false, ops, most);
  }

  private static long find(Task current, Inode inode, long offset, boolean data, IomapOps ops, long most) {
    long size = inode.size();
    if (offset < 0 || offset >= size) {
      return -Errno.ENXIO;
    }
    Iomap iomap = Iomap.SLAB.alloc(current);
    long pos = offset;
    long result = 0;
    for (long steps = 0; pos < size; steps++) { // each moves on by an extent
      if (steps > most) {
        result = -Errno.EIO;
        break;
      }
      result = ops.iomapBegin(current, inode, pos, size - pos, IomapOps.IOMAP_REPORT, iomap);
      if (result != 0 || isData(iomap) == data) {
        break;
      }
      long behind = iomap.offset() + iomap.length() - pos;
      assert behind > 0 && pos >= iomap.offset() : "an extent that does not cover the position";
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
