// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * What a filesystem does when the bios of a direct request have completed: it converts unwritten
 * extents, maps copied blocks, and sets the file's size.
 *
 * <p>It runs before the pages of the range are dropped, before i_dio_count drops, and before the
 * request completes. So a reader that finds no page of the range reads the new data from the
 * device, and a task that has waited for i_dio_count sees the extents and the size.
 */
@FunctionalInterface
@LinuxSource(file = "include/linux/iomap.h", name = "iomap_dio_end_io_t")
public interface IomapDioEnd {
  /** In the flags: the request wrote to an unwritten extent. */
  int IOMAP_DIO_UNWRITTEN = 1 << 30;

  /** In the flags: the request wrote to blocks that replace shared ones. */
  int IOMAP_DIO_COW = 1 << 31;

  /**
   * Finishes a request. The locks of its submission may have been released.
   *
   * @param current the calling task; null in completion context, only if {@link #sleeps} is false
   * @param iocb the request; its kiPos is still the first byte of the request
   * @param bytes bytes that the bios and copies cover, from kiPos on
   * @param error 0, or the first error of the request as a negative errno
   * @param flags IOMAP_DIO_*
   * @return 0, or a negative errno, with which the request fails
   */
  int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags);

  /**
   * Whether {@link #endIo} may sleep. Then the superblock's work queue runs it for an asynchronous
   * request. Called from any context; does not sleep.
   *
   * @param iocb the request
   * @param bytes as for endIo
   * @param error as for endIo
   * @param flags as for endIo
   */
  @Differs(
      patch = 5,
      kind = Differs.Kind.OURS,
      why =
          "The filesystem says whether the completion of a direct request sleeps. In Linux each"
              + " asynchronous write completes on a work queue, an overwrite too.",
      test = "IomapDioEndTest#anEndThatDoesNotSleepRunsInTheCompletion")
  default boolean sleeps(Kiocb iocb, long bytes, int error, int flags) {
    return true;
  }

  /**
   * Returns the batch that finishes a request together with others, instead of {@link #endIo}.
   * IomapDio calls it only for an asynchronous request that is not durable and whose end sleeps.
   * From any context; does not sleep.
   *
   * @param iocb the request
   * @return a batch of the mount, or null if endIo finishes the request
   */
  default @Nullable IomapDioBatch batch(Kiocb iocb) {
    return null;
  }
}
