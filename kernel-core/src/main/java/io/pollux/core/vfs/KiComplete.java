// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** The completion handler of an asynchronous request, set by its submitter. */
@FunctionalInterface
@Patch(6)
@LinuxSource(file = "include/linux/fs.h", name = "ki_complete")
public interface KiComplete {
  /**
   * Completes a request. From any context; must not sleep. The handler owns the kiocb.
   *
   * @param iocb the request
   * @param ret bytes transferred or a negative errno
   * @param ret2 second result, 0 for file I/O
   */
  void complete(Kiocb iocb, long ret, long ret2);
}
