// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;

/** Handles one extent of a walk ({@link IomapApply}). */
@FunctionalInterface
@LinuxSource(file = "include/linux/iomap.h", name = "iomap_actor_t")
interface IomapActor {
  /**
   * Handles a part of an extent. From process context.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte, in the extent
   * @param length bytes in the extent, at least 1
   * @param iomap the extent
   * @return bytes handled, or a negative errno. 0 stops the walk.
   */
  long act(Task current, Inode inode, long pos, long length, Iomap iomap);
}
