// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import org.jspecify.annotations.Nullable;

/**
 * The descriptors of the host, for a C program with files of the host and of this kernel. A number
 * denotes one file: this kernel reserves each number on the host before it installs a file.
 */
public interface MachineFiles {
  /**
   * Reserves the lowest free number.
   *
   * @param from lower limit, not negative
   * @return the number, or a negative errno
   */
  int reserve(int from);

  /**
   * Reserves a number. A host file that has it is closed.
   *
   * @param fd not negative
   * @return the number, or a negative errno
   */
  int reserveAt(int fd);

  /**
   * Frees a number.
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

  /** Returns the host's pid of the process; 0 if it has none. */
  int pid();

  /**
   * Returns a file of the host as a file of this kernel.
   *
   * @param fd any value
   * @return the file, with one reference for the caller; null (EBADF) if there is none
   */
  @Nullable File fget(int fd);
}
