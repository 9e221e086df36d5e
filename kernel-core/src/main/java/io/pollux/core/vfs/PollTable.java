// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;

/** Who wants to hear when a file's poll mask may have changed: the counterpart of poll_table. */
@FunctionalInterface
@LinuxSource(file = "include/linux/poll.h", name = {"poll_table", "poll_wait"})
public interface PollTable {
  /**
   * Waits on a queue of the file. A file's poll method calls it for each queue on which it announces
   * changes, before it looks at its state.
   *
   * @param queue the queue
   */
  void pollWait(WaitQueue queue);
}
