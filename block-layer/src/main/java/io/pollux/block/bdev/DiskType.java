// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;

/**
 * A type of disk: a driver, and how a disk of it is described. A provider has a public constructor
 * without parameters; {@link Providers} finds it. The package describes how.
 */
public interface DiskType {
  /**
   * The name, as in {@code --disk NAME}.
   *
   * @return such as ram; {@link Providers} has the rules of names
   */
  String name();

  /**
   * Returns how large each lower disk must be for a disk of a size. Called before lower disks are
   * opened that have no size of their own.
   *
   * @param bytes size of the disk
   * @param lower number of lower disks, at least 1
   * @return bytes, at least 1
   */
  default long lowerBytes(long bytes, int lower) {
    return bytes;
  }

  /**
   * Checks a description before a disk is opened, so that a command can refuse it before it starts
   * anything. {@link #open} checks it too. The default checks nothing.
   *
   * @param options parameters in the type's own words
   * @param lower number of lower disks
   * @throws ErrnoException EINVAL for a parameter that is unknown or has a bad value, or for the
   *     number of lower disks
   */
  default void checkOptions(Options options, int lower) throws ErrnoException {}

  /**
   * Opens a disk. From process context; may do I/O on the lower disks. If this throws, the caller
   * closes the lower disks.
   *
   * @param current the calling task
   * @param parameters its description
   * @return the disk, which closes the lower disks when it is closed
   * @throws ErrnoException EINVAL for a parameter or for the number of lower disks, or the reason
   *     that it can't be opened
   */
  OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException;
}
