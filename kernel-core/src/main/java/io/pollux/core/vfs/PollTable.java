// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;

/** Registers a poller for changes of a file's poll mask: poll_table. */
@FunctionalInterface
@LinuxSource(
    file = "include/linux/poll.h",
    name = {"poll_table", "poll_wait"})
public interface PollTable {
  /**
   * Registers on a queue of the file. A file's poll method calls it for each queue on which it
   * announces changes, before it reads its state.
   *
   * @param queue the queue
   */
  void pollWait(WaitQueue queue);
}
