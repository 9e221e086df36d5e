// SPDX-License-Identifier: GPL-2.0-only

/** The system call table, and the kernel that programs run on. */
module io.pollux.syscalls {
  requires static transitive org.jspecify;
  requires transitive io.pollux.aio;
  requires transitive io.pollux.block;

  exports io.pollux.syscalls;
}
