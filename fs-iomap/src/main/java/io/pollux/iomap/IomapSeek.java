// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Finds data and holes in a file that is mapped to extents.
 *
 * <p>An unwritten or reserved extent is data where a dirty page of it is cached, and a hole
 * elsewhere.
 */
@Differs(
    kind = Differs.Kind.OURS,
    why =
        "A clean page over an unwritten extent is a hole. Linux reports data for every cached"
            + " page, so that a read changes what a seek finds.",
    test = "IomapSeekTest#aCleanPageOverAnUnwrittenExtentIsAHole")
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
  @LinuxSource(file = "fs/iomap.c", name = "iomap_seek_data")
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
  @LinuxSource(file = "fs/iomap.c", name = "iomap_seek_hole")
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
    Iomap later = Iomap.SLAB.alloc(current);
    IomapActor actor = data ? IomapSeek::dataActor : IomapSeek::holeActor;
    long pos = offset;
    long result = 0;
    for (long steps = 0; pos < size; steps++) { // a step passes an extent, or maps it again
      if (steps >= most) {
        result = -Errno.EIO;
        break;
      }
      long length = size - pos;
      result =
          IomapApply.apply(current, inode, pos, length, IomapOps.IOMAP_REPORT, ops, iomap, actor);
      if (result < 0) {
        break;
      }
      long span = IomapApply.span(pos, length, iomap);
      if (isUnwritten(iomap)) {
        // Write-back may have cleaned pages and converted their blocks since the extent was mapped.
        long still =
            IomapApply.apply(
                current,
                inode,
                pos,
                length,
                IomapOps.IOMAP_REPORT,
                ops,
                later,
                IomapSeek::unwrittenActor);
        if (still < 0) {
          result = still;
          break;
        }
        if (still < Math.min(result + 1, span)) {
          continue;
        }
      }
      pos += result;
      if (result < span) {
        break; // found inside the extent
      }
    }
    Slab.free(later);
    Slab.free(iomap);
    return result < 0 ? result : pos;
  }

  /** Returns the bytes up to the first data of an extent, or all of its bytes. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_seek_data_actor")
  private static long dataActor(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return switch (iomap.type()) {
      case MAPPED, INLINE -> 0;
      case HOLE -> length;
      case DELALLOC, UNWRITTEN -> bytesTo(current, inode, pos, length, true);
    };
  }

  /** Returns the bytes up to the first hole of an extent, or all of its bytes. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_seek_hole_actor")
  private static long holeActor(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return switch (iomap.type()) {
      case MAPPED, INLINE -> length;
      case HOLE -> 0;
      case DELALLOC, UNWRITTEN -> bytesTo(current, inode, pos, length, false);
    };
  }

  private static boolean isUnwritten(Iomap iomap) {
    return iomap.type() == Iomap.Type.UNWRITTEN || iomap.type() == Iomap.Type.DELALLOC;
  }

  /** Returns the bytes of an unwritten or reserved extent, and 0 for others. */
  private static long unwrittenActor(
      Task current, Inode inode, long pos, long length, Iomap iomap) {
    return isUnwritten(iomap) ? length : 0;
  }

  private static long bytesTo(Task current, Inode inode, long pos, long length, boolean dirty) {
    Mapping mapping = Mapping.of(inode);
    long found =
        mapping == null
            ? (dirty ? -1 : pos)
            : mapping.seekDirty(current, pos, pos + length - 1, dirty);
    return found < 0 ? length : found - pos;
  }
}
