// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;

/** Who wants to hear when a file's poll mask may have changed: the counterpart of poll_table. */
@FunctionalInterface
@LinuxSource(file = "include/linux/poll.h", name = {"poll_table", "poll_wait"})
public interface PollTable {
  /** There is data to read. */
  int POLLIN = 0x1;

  /** There is urgent data. */
  int POLLPRI = 0x2;

  /** There is room to write. */
  int POLLOUT = 0x4;

  /** An error; always told. */
  int POLLERR = 0x8;

  /** The other end is gone; always told. */
  int POLLHUP = 0x10;

  /** The descriptor is not open; told by poll(2) only. */
  int POLLNVAL = 0x20;

  /** Normal data to read. */
  int POLLRDNORM = 0x40;

  /** Room to write normal data. */
  int POLLWRNORM = 0x100;

  /**
   * Waits on a queue of the file. A file's poll method calls it for each queue on which it announces
   * changes, before it looks at its state.
   *
   * @param queue the queue
   */
  void pollWait(WaitQueue queue);
}
