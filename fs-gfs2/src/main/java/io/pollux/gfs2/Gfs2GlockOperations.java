// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/**
 * What a type of glock does when its state changes. All methods are called from process context, by
 * one task at a time for a glock, while there is no holder.
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_glock_operations")
interface Gfs2GlockOperations {
  /**
   * Called before the glock leaves a state: writes back what may not stay dirty, and waits for I/O
   * in flight.
   *
   * @param current the calling task
   * @param gl the glock
   * @param target the next state
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_sync")
  default void goSync(Task current, Gfs2Glock gl, int target) {}

  /**
   * Called when another node may change the object from now on: drops what is cached.
   *
   * @param gl the glock
   * @param metadata whether to drop the metadata, too (DIO_METADATA), or the data only
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_inval")
  default void goInval(Gfs2Glock gl, boolean metadata) {}

  /**
   * Called after the glock was granted, before any waiter wakes: reads back what was dropped.
   *
   * @param current the calling task
   * @param gl the glock
   * @return 0, or a negative errno, after which the glock is released
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_lock")
  default int goLock(Task current, Gfs2Glock gl) {
    return 0;
  }
}
