// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;

/**
 * Holds the requests of a submitting task until its batch is complete. block-layer implements it; a
 * submitter without knowledge of block devices uses this interface.
 *
 * <p>Plugs do not nest: inside another plug, {@link #start} does nothing, and the outer plug holds
 * the requests. All methods are called in process context, by the task's own thread.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_plug")
public interface TaskPlug extends SleepHook {
  /**
   * Starts to hold the task's requests.
   *
   * @param current the calling task
   * @return whether this plug holds them; only then the caller finishes it
   */
  boolean start(Task current);

  /**
   * Submits everything held and stops holding requests.
   *
   * @param current the calling task, which owns this plug
   */
  void finish(Task current);

  /**
   * Sets the callback that is called before the task sleeps with this plug.
   *
   * @param onSleep the callback, until {@link #finish}
   */
  void setCallback(SleepHook onSleep);
}
