// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Maps one extent, lets an actor handle it, and ends the mapping. Callers loop over it until their
 * range is done.
 *
 * <p>A filesystem's method that throws, or that returns an extent without the position, fails this
 * step with EIO. A sentence names it ({@link Oops}).
 */
@LinuxSource(file = "fs/iomap.c", name = "iomap_apply")
final class IomapApply {
  private IomapApply() {}

  /**
   * Handles the extent at a position. From process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte
   * @param length bytes wanted, at least 1; pos + length does not overflow
   * @param flags IomapOps.IOMAP_*
   * @param ops the filesystem's mapping
   * @param iomap filled by the mapping
   * @param actor handles the extent
   * @return the actor's result, or a negative errno if the actor handled nothing
   */
  static long apply(
      Task current,
      Inode inode,
      long pos,
      long length,
      int flags,
      IomapOps ops,
      Iomap iomap,
      IomapActor actor) {
    int begun = begin(current, inode, pos, length, flags, ops, iomap);
    if (begun != 0) {
      return begun;
    }
    long span = span(pos, length, iomap);
    long done = -Errno.EIO;
    try {
      done = actor.act(current, inode, pos, span, iomap);
    } catch (Throwable e) {
      Oops.report("the I/O on an extent", e, "it fails with EIO");
    }
    return end(current, inode, pos, span, done, flags, ops, iomap);
  }

  /** Maps the extent at a position. Returns 0 or a negative errno. */
  static int begin(
      Task current, Inode inode, long pos, long length, int flags, IomapOps ops, Iomap iomap) {
    try {
      int result = ops.iomapBegin(current, inode, pos, length, flags, iomap);
      if (result == 0) {
        iomap.checkCovers(pos);
      } else if (result > 0) {
        throw new IllegalStateException("iomapBegin returned " + result);
      }
      return result;
    } catch (Throwable e) {
      Oops.report("the mapping of a file", e, "the request fails with EIO" + inode.sb().shutDown());
      return -Errno.EIO;
    }
  }

  /** Returns how many bytes of a range are in the extent at its start. */
  static long span(long pos, long length, Iomap iomap) {
    return Math.min(length, iomap.length() - (pos - iomap.offset()));
  }

  /** Ends the mapping of an extent. Returns what the actor returned, or an errno instead of 0. */
  static long end(
      Task current,
      Inode inode,
      long pos,
      long span,
      long done,
      int flags,
      IomapOps ops,
      Iomap iomap) {
    if (!ops.hasIomapEnd()) {
      return done;
    }
    try {
      int result = ops.iomapEnd(current, inode, pos, span, Math.max(done, 0), flags, iomap);
      return done != 0 ? done : result;
    } catch (Throwable e) {
      Oops.report(
          "the end of a file's mapping", e, "the request fails with EIO" + inode.sb().shutDown());
      return -Errno.EIO;
    }
  }
}
