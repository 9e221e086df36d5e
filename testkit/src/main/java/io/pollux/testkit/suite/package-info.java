// SPDX-License-Identifier: GPL-2.0-only

/**
 * Behaviours of every filesystem and of every disk. A test extends {@link
 * io.pollux.testkit.suite.FileSystemSuite} and describes a filesystem by {@link
 * io.pollux.testkit.suite.SuiteFileSystem}: how to make it, and its {@link
 * io.pollux.testkit.suite.Feature features}. It inherits each behaviour as a test.
 *
 * <p>{@link io.pollux.testkit.suite.DiskSuite} is the same for disks: {@link
 * io.pollux.testkit.suite.SuiteDisk} describes a disk, with its {@link
 * io.pollux.testkit.suite.DiskFeature features}.
 *
 * <p>Expected results are Linux's. The project runs the suite also on the host's own XFS and tmpfs.
 */
@NullMarked
package io.pollux.testkit.suite;

import org.jspecify.annotations.NullMarked;
