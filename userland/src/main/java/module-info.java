// SPDX-License-Identifier: GPL-2.0-only

/**
 * A library for programs of this kernel: memory, files, rings, and the C header of the ABI. It uses
 * only {@code Program.syscall} and memory that the program has mapped.
 */
module io.pollux.userland {
  requires static transitive org.jspecify;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.uapi;

  exports io.pollux.userland;
  exports io.pollux.userland.header;
}
