// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;

/**
 * What a submitting task holds back until its batch is whole. block-layer implements it; a submitter that knows no block
 * device uses it through this.
 *
 * <p>Plugs do not nest: inside another, {@link #start} does nothing, and the outer one holds the requests. All methods are
 * called in process context, by the task's own thread.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_plug")
public interface TaskPlug extends SleepHook {
  /**
   * Holds the task's requests back from now on.
   *
   * @param current the calling task
   * @return whether this plug is the one that holds; only then is it to be finished
   */
  boolean start(Task current);

  /**
   * Submits everything held, and holds nothing back any more.
   *
   * @param current the calling task, whose plug this is
   */
  void finish(Task current);

  /**
   * Sets what is called before the task sleeps with this plug.
   *
   * @param onSleep the callback, until {@link #finish}
   */
  void setCallback(SleepHook onSleep);
}
