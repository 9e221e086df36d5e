// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

/** Something that takes system calls. Its memory is the memory of this Java process. */
interface Machine extends AutoCloseable {
  String name();

  /** Where the disk is. */
  String diskPath();

  /** A system call; the result is not negative, or a negative errno. */
  long syscall(int nr, long a0, long a1, long a2, long a3, long a4, long a5);

  default long syscall(int nr, long a0, long a1, long a2) {
    return syscall(nr, a0, a1, a2, 0, 0, 0);
  }

  /** Checks, when all contexts and eventfds are gone, that the program left nothing behind. */
  void assertNothingIsHeld();

  /** The program has its files open: what keeps the disk alive only for that can go. */
  default void opened() {}

  @Override
  void close();
}
