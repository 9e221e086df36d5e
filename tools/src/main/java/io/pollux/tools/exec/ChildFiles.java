// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.vfs.File;
import io.pollux.core.vfs.MachineFiles;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a process that the program has started. The C side asks the process to reserve
 * and free its numbers. The kernel cannot use host files of such a process.
 */
final class ChildFiles implements MachineFiles {
  private final GuestFiles numbers;
  private final int pid;

  /**
   * Creates the descriptors.
   *
   * @param numbers calls on descriptors of the process that the calling thread serves
   * @param pid the process's pid on the host
   */
  ChildFiles(GuestFiles numbers, int pid) {
    this.numbers = numbers;
    this.pid = pid;
  }

  @Override
  public int reserve(int from) {
    return numbers.reserve(from);
  }

  @Override
  public int reserveAt(int fd) {
    return numbers.reserveAt(fd);
  }

  @Override
  public void free(int fd) {
    numbers.free(fd);
  }

  @Override
  public int getFd(int fd) {
    return numbers.getFd(fd);
  }

  @Override
  public void setFd(int fd, int flags) {
    numbers.setFd(fd, flags);
  }

  @Override
  public int pid() {
    return pid;
  }

  @Override
  public @Nullable File fget(int fd) {
    return null;
  }
}
