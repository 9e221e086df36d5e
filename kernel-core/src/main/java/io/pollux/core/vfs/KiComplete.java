// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** What happens when an asynchronous request is done: the handler that its submitter assigned. */
@FunctionalInterface
@Patch(6)
@LinuxSource(file = "include/linux/fs.h", name = "ki_complete")
public interface KiComplete {
  /**
   * Takes a result. From any context; must not sleep. The kiocb belongs to the handler again.
   *
   * @param iocb the request
   * @param ret bytes moved or a negative errno
   * @param ret2 second result, 0 for file I/O
   */
  void complete(Kiocb iocb, long ret, long ret2);
}
