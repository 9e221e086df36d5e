// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.LinuxSource;

/**
 * Reports the extents of a file that is mapped to extents.
 *
 * <p>An extent that reaches outside the requested range is cut to whole blocks of the filesystem;
 * in Linux iomap_begin does that. Inline data is reported whole. The last extent of the range has
 * FIEMAP_EXTENT_LAST, so each extent is reported once the next one is known.
 */
@LinuxSource(file = "fs/iomap.c", name = "iomap_fiemap")
public final class IomapFiemap {
  private final Task current;
  private final FiemapExtentInfo fieinfo;
  private final long start;
  private final long end;

  // The extent found last, not reported yet.
  private Iomap.Type type = Iomap.Type.HOLE; // none
  private long offset;
  private long length;
  private long addr;
  private int flags;

  private IomapFiemap(Task current, FiemapExtentInfo fieinfo, long start, long end) {
    this.current = current;
    this.fieinfo = fieinfo;
    this.start = start;
    this.end = end;
  }

  /**
   * Reports the extents of a range. From process context, with the inode's lock held. Dirty pages
   * are written back first if the request has FIEMAP_FLAG_SYNC.
   *
   * @param current the calling task
   * @param inode the file
   * @param fieinfo the request
   * @param start first byte, not negative
   * @param length bytes, not negative; start + length does not overflow
   * @param ops the filesystem's mapping; -ENOENT from it stops the walk without an error
   * @param blockSize bytes of a block of the filesystem, a power of two
   * @param most limit of extents and holes in a file; more are -EIO, since the mapping has a loop
   * @return 0, -EBADR, -EFAULT, or the mapping's error
   */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_fiemap")
  public static int fiemap(
      Task current,
      Inode inode,
      FiemapExtentInfo fieinfo,
      long start,
      long length,
      IomapOps ops,
      int blockSize,
      long most) {
    int result = fieinfo.checkFlags(Fiemap.FIEMAP_FLAG_SYNC);
    if (result != 0) {
      return result;
    }
    long end = start + length;
    long partial = blockSize - 1L;
    long blocksEnd = end > Long.MAX_VALUE - partial ? Long.MAX_VALUE : (end + partial) & ~partial;
    IomapFiemap walk = new IomapFiemap(current, fieinfo, start & ~partial, blocksEnd);
    Iomap iomap = Iomap.SLAB.alloc(current);
    try {
      return walk.walk(inode, start, end, ops, iomap, most);
    } finally {
      Slab.free(iomap);
    }
  }

  private int walk(Inode inode, long from, long to, IomapOps ops, Iomap iomap, long most) {
    IomapActor actor = this::act;
    long pos = from;
    long result = 0;
    for (long steps = 0; pos < to; steps++) { // each step advances by one extent
      result =
          steps >= most
              ? -Errno.EIO
              : IomapApply.apply(
                  current, inode, pos, to - pos, IomapOps.IOMAP_REPORT, ops, iomap, actor);
      if (result <= 0) {
        break;
      }
      pos += result;
    }
    if (result < 0 && result != -Errno.ENOENT) {
      return (int) result;
    }
    return Math.min(report(Fiemap.FIEMAP_EXTENT_LAST), 0);
  }

  /** Reports the extent before this one, and keeps this one. Returns 0 if no more is wanted. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_fiemap_actor")
  private long act(Task task, Inode inode, long pos, long length, Iomap iomap) {
    if (iomap.type() == Iomap.Type.HOLE) {
      return length;
    }
    int result = report(0);
    long most = Long.MAX_VALUE - iomap.offset();
    keep(iomap, iomap.offset() + Math.min(iomap.length(), most));
    return result < 0 ? result : result == 0 ? length : 0;
  }

  /** Keeps an extent until it is known whether it is the last. */
  private void keep(Iomap iomap, long behind) {
    boolean whole = iomap.type() == Iomap.Type.INLINE;
    type = iomap.type();
    offset = whole ? iomap.offset() : Math.max(iomap.offset(), start);
    length = (whole ? behind : Math.min(behind, end)) - offset;
    addr = type == Iomap.Type.DELALLOC ? 0 : iomap.addr() + (offset - iomap.offset());
    flags = iomap.flags();
  }

  /** Reports the kept extent, if any. Returns 0, 1 if no further extent is wanted, or -EFAULT. */
  @LinuxSource(file = "fs/iomap.c", name = "iomap_to_fiemap")
  private int report(int last) {
    int kind =
        switch (type) {
          case HOLE -> -1;
          case MAPPED -> 0;
          case DELALLOC -> Fiemap.FIEMAP_EXTENT_DELALLOC | Fiemap.FIEMAP_EXTENT_UNKNOWN;
          case UNWRITTEN -> Fiemap.FIEMAP_EXTENT_UNWRITTEN;
          case INLINE -> Fiemap.FIEMAP_EXTENT_DATA_INLINE;
        };
    if (kind < 0) {
      return 0;
    }
    int merged = (flags & Iomap.IOMAP_F_MERGED) != 0 ? Fiemap.FIEMAP_EXTENT_MERGED : 0;
    int shared = (flags & Iomap.IOMAP_F_SHARED) != 0 ? Fiemap.FIEMAP_EXTENT_SHARED : 0;
    return fieinfo.fillNextExtent(current, offset, addr, length, kind | merged | shared | last);
  }
}
