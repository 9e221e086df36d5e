// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.locks.LockSupport;

/** Waits for the direct requests on a file ({@link IomapDio}). */
public final class InodeDioWait {
  private static final long DIO_NAP_NANOS = 20_000;

  private InodeDioWait() {}

  /**
   * Waits until no direct I/O is in flight on a file, and polls for it meanwhile. The submitters
   * may poll only after the caller continues, or the caller may be a submitter itself. In C both
   * cases deadlock. From process context, with locks held that keep new direct I/O out.
   *
   * @param current the calling task
   * @param inode the file
   * @param bdev its data device
   * @param interruptible whether an interrupt stops the wait
   * @return 0 or -EINTR
   */
  @Differs(
      patch = 5,
      kind = Differs.Kind.FIXES,
      why =
          "A task that waits for direct I/O in flight polls for it. In the posting a task that"
              + " waits for its own polled request waits for ever.",
      test = "IomapOverwriteTest#aTaskThatWaitsForItsOwnPolledRequestPollsForIt")
  @LinuxSource(file = "fs/inode.c", name = "inode_dio_wait")
  public static int awaitNone(Task current, Inode inode, BlockDevice bdev, boolean interruptible) {
    if (inode.dioCount() == 0) {
      return 0;
    }
    current.aboutToSleep();
    while (inode.dioCount() != 0) { // terminates: I/O in flight completes, by itself or here
      if (interruptible && current.signalPending()) {
        return -Errno.EINTR;
      }
      if (bdev.queue().pollAll() == 0) {
        LockSupport.parkNanos(DIO_NAP_NANOS);
      }
    }
    return 0;
  }
}
