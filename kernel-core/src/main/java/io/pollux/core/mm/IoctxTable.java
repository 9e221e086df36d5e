// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;

/** The aio contexts of a process as mm sees them: something to be ended before the memory goes. */
@LinuxSource(file = "fs/aio.c", name = "kioctx_table")
public interface IoctxTable {
  /** Ends every context that is left and waits for its requests. From process context, at process exit. */
  @LinuxSource(file = "fs/aio.c", name = "exit_aio")
  void exitAio();
}
