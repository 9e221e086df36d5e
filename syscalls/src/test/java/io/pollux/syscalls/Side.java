// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

/** One of two kernels that a test compares: an empty tree, and memory for arguments. */
interface Side {
  /** Size of the memory in bytes. */
  int MEMORY = 1 << 20;

  /** Makes a system call. Returns its result, or a negative errno. */
  long syscall(int nr, long... arguments);

  /** Returns the address of the memory. */
  long memory();

  /** Closes what the side has, and checks that nothing is left. */
  void close() throws Exception;
}
