// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import org.jspecify.annotations.Nullable;

/**
 * The descriptors of the machine, for the table of a C program that has some of its files there and some here. A
 * number means one file: whatever this kernel installs takes its number from the machine first.
 */
public interface MachineFiles {
  /**
   * Takes the lowest free number.
   *
   * @param from the lowest that will do, not negative
   * @return the number, or a negative errno
   */
  int reserve(int from);

  /**
   * Takes a number, whatever of the machine's it named before; that is closed.
   *
   * @param fd not negative
   * @return the number, or a negative errno
   */
  int reserveAt(int fd);

  /**
   * Gives a number back.
   *
   * @param fd as reserved
   */
  void free(int fd);

  /**
   * Whether a descriptor of this kernel is closed on exec.
   *
   * @param fd as reserved
   * @return FD_CLOEXEC or 0
   */
  int getFd(int fd);

  /**
   * Sets or clears close-on-exec.
   *
   * @param fd as reserved
   * @param flags FD_CLOEXEC or 0
   */
  void setFd(int fd, int flags);

  /**
   * The number of the process.
   *
   * @return the host's pid; 0 if it has none
   */
  int pid();

  /**
   * One of the machine's own files, as a file of this kernel.
   *
   * @param fd any value at all
   * @return the file, with one reference for the caller; null (EBADF) if there is none
   */
  @Nullable File fget(int fd);
}
