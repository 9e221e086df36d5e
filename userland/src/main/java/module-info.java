// SPDX-License-Identifier: GPL-2.0-only

/**
 * What a program of this kernel links with: memory, files and rings, and the C header of the ABI. A program
 * does its I/O by {@code Program.syscall} and on memory that it mapped, and by nothing else.
 */
module io.pollux.userland {
  requires static transitive org.jspecify;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.uapi;

  exports io.pollux.userland;
  exports io.pollux.userland.header;
}
