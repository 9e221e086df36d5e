// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;

/** The aio contexts of a process, for mm: they are destroyed before the memory is freed. */
@LinuxSource(file = "fs/aio.c", name = "kioctx_table")
public interface IoctxTable {
  /**
   * Destroys all remaining contexts and waits for their requests. From process context, at process
   * exit.
   */
  @LinuxSource(file = "fs/aio.c", name = "exit_aio")
  void exitAio();
}
