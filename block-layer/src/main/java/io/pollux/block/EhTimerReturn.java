// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/** What {@link BlkMqOps#timeout} has done with a request. */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_eh_timer_return")
public enum EhTimerReturn {
  /** The driver has completed the request, or another thread has. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLK_EH_DONE")
  DONE,
  /** The driver still has the request, which gets the whole time again. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLK_EH_RESET_TIMER")
  RESET_TIMER
}
