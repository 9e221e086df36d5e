// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

/**
 * A running kernel with the filesystem under test, and a program on it. {@link SuiteFileSystem} has
 * machines of this kernel. A test of this project implements it on the host's Linux.
 */
public interface Machine extends AutoCloseable {
  /**
   * Makes a system call of the program.
   *
   * @param nr number of the call
   * @param arguments at most six; the others are 0
   * @return its result, or a negative errno
   */
  long syscall(int nr, long... arguments);

  /** Returns an empty or prepared directory of the filesystem, with its absolute path. */
  String directory();

  /**
   * Unmounts the filesystem and mounts it again. No file of it is open.
   *
   * @param readOnly whether to mount it read-only
   * @throws Exception if that fails
   */
  void remount(boolean readOnly) throws Exception;

  /** Ends the program and releases the filesystem. */
  @Override
  void close();
}
