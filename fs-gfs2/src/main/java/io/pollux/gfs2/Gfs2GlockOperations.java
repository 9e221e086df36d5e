// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/**
 * What has to be done about the thing that a glock protects when the glock changes its state. All of it comes from
 * process context, from one task at a time for a glock, while nobody holds it.
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_glock_operations")
interface Gfs2GlockOperations {
  /**
   * The glock is about to leave a state: writes back what may not stay dirty, and waits for what is in flight.
   *
   * @param current the calling task
   * @param gl the glock
   * @param target where it goes
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_sync")
  default void goSync(Task current, Gfs2Glock gl, int target) {}

  /**
   * Somebody else may change it from now on: forgets what is cached.
   *
   * @param gl the glock
   * @param metadata whether of the metadata, too (DIO_METADATA), or of the data only
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_inval")
  default void goInval(Gfs2Glock gl, boolean metadata) {}

  /**
   * The glock was granted, and nobody was told yet: brings back in what was forgotten.
   *
   * @param current the calling task
   * @param gl the glock
   * @return 0, or a negative errno, and then it is given back
   */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "go_lock")
  default int goLock(Task current, Gfs2Glock gl) {
    return 0;
  }
}
