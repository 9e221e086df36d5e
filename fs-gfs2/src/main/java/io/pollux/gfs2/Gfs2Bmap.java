// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.uapi.LinuxSource;

/**
 * Maps a block of a file to a block of the device, down the tree of pointers. The inode has the
 * topmost pointers. All data is at one depth, so a walk takes as many steps as the tree is high,
 * whatever the blocks contain.
 */
@LinuxSource(file = "fs/gfs2/bmap.c")
final class Gfs2Bmap {
  private Gfs2Bmap() {}

  /**
   * Maps the stretch of a file around a block, from the cache if it is there. From process context,
   * with the file's glock held.
   *
   * @param current the calling task
   * @param ip the file, not stuffed
   * @param fileBlock the block in the file, not negative
   * @return a stretch that covers the block
   * @throws ErrnoException EIO if the tree is damaged, or the device's error
   */
  static Gfs2Extents map(Task current, Gfs2Inode ip, long fileBlock) throws ErrnoException {
    Gfs2ExtentCache cache = ip.extentCache();
    assert cache != null : "stuffed";
    Gfs2Extents extents = cache.find(fileBlock);
    if (extents == null) {
      extents = walkTraced(current, ip, fileBlock);
      cache.put(fileBlock, extents);
    }
    return extents;
  }

  private static Gfs2Extents walkTraced(Task current, Gfs2Inode ip, long fileBlock)
      throws ErrnoException {
    try {
      Gfs2Extents extents = walk(current, ip, fileBlock);
      if (Trace.on()) {
        Gfs2Trace.bmap(current, ip, fileBlock, extents, 0);
      }
      return extents;
    } catch (ErrnoException e) {
      if (Trace.on()) {
        Gfs2Trace.bmap(current, ip, fileBlock, null, -e.errno());
      }
      throw e;
    }
  }

  @LinuxSource(
      file = "fs/gfs2/bmap.c",
      name = {"gfs2_iomap_get", "find_metapath", "lookup_metapath"})
  private static Gfs2Extents walk(Task current, Gfs2Inode ip, long fileBlock)
      throws ErrnoException {
    Gfs2Sbd sdp = ip.sdp();
    Gfs2Sb sb = sdp.sb();
    int height = ip.dinode().height();
    assert height > 0 : "a walk in a file without a tree";
    if (fileBlock >= sb.heightBlocks(height)) {
      return Gfs2Extents.hole(sb.heightBlocks(height), Long.MAX_VALUE);
    }
    BufData block = ip.readDinode(current);
    int at = Gfs2Sb.DINODE_BYTES;
    int count = sb.diptrs;
    long start = 0;
    for (int below = height - 1; below > 0; below--) {
      long span = span(sb, below);
      long index = (fileBlock - start) / span;
      if (index >= count) {
        // the tree is higher than the largest file needs
        return Gfs2Extents.hole(start + count * span, Long.MAX_VALUE);
      }
      long pointer = block.i64(at + (int) index * Long.BYTES);
      if (pointer == Gfs2Extents.HOLE) {
        return hole(block, at, count, (int) index, start, span);
      }
      if (!sdp.rgrps().hasData(pointer)) {
        throw block.corrupt(
            "points to block " + Long.toUnsignedString(pointer) + ", where no tree is");
      }
      start += index * span;
      block =
          sdp.readMeta(
              current, ip.glock(), pointer, Gfs2Meta.INDIRECT, () -> ip.what() + ", its tree");
      at = Gfs2Meta.HEADER_BYTES;
      count = sb.inptrs;
    }
    return Gfs2Extents.ofPointers(block, at, count, start, sdp.rgrps());
  }

  /** Blocks of a file below one pointer that has this many levels of pointers below it. */
  private static long span(Gfs2Sb sb, int levels) {
    long span = 1;
    for (int i = 0; i < levels; i++) {
      span *= sb.inptrs; // no overflow at any height that a file needs
    }
    return span;
  }

  /** The hole around a null pointer, extended over its null neighbours. */
  @LinuxSource(
      file = "fs/gfs2/bmap.c",
      name = {"gfs2_hole_size", "gfs2_extent_length"})
  private static Gfs2Extents hole(
      BufData block, int at, int count, int index, long start, long span) throws ErrnoException {
    int from = index;
    while (from > 0 && block.i64(at + (from - 1) * Long.BYTES) == Gfs2Extents.HOLE) {
      from--;
    }
    int to = index + 1;
    while (to < count && block.i64(at + to * Long.BYTES) == Gfs2Extents.HOLE) {
      to++;
    }
    return Gfs2Extents.hole(start + from * span, start + to * span);
  }
}
