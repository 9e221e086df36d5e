// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;
import io.pollux.xfs.XfsFileSystem;

/** The suite over an XFS that Pollux makes. What a power cut leaves needs xfs_repair so far. */
class XfsSuiteTest extends FileSystemSuite {
  @Override
  protected SuiteFileSystem fileSystem() {
    return SuiteFileSystem.made(new XfsFileSystem(), 64 << 20)
        .with(Feature.WRITE, Feature.CREATE, Feature.ALLOCATE, Feature.DIRECTORIES)
        .with(Feature.HARD_LINKS, Feature.SYMLINKS, Feature.RENAME, Feature.RENAME_EXCHANGE)
        .with(Feature.MKNOD, Feature.TMPFILE, Feature.ATTRIBUTES, Feature.CHANGE_TIMES)
        .with(Feature.HOLES, Feature.FALLOCATE, Feature.PUNCH_HOLE, Feature.LARGE_FILES)
        .with(Feature.FILLS_UP, Feature.DIRECT, Feature.POLLED, Feature.NOWAIT, Feature.SEEK)
        .with(Feature.FIEMAP, Feature.REMOUNT, Feature.DISK_ERRORS, Feature.CHECKSUMS)
        .with(Feature.XATTR, Feature.CHECK);
  }
}
