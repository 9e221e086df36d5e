// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;

/** The suite over ramfs, the root filesystem. */
class RamfsSuiteTest extends FileSystemSuite {
  @Override
  protected SuiteFileSystem fileSystem() {
    return SuiteFileSystem.ofRoot()
        .with(Feature.WRITE, Feature.CREATE, Feature.ALLOCATE, Feature.DIRECTORIES)
        .with(Feature.HARD_LINKS, Feature.SYMLINKS, Feature.RENAME, Feature.RENAME_EXCHANGE)
        .with(Feature.MKNOD, Feature.TMPFILE, Feature.XATTR, Feature.ATTRIBUTES)
        .with(Feature.CHANGE_TIMES, Feature.HOLES, Feature.FALLOCATE, Feature.PUNCH_HOLE)
        .with(Feature.LARGE_FILES, Feature.SEEK);
  }
}
