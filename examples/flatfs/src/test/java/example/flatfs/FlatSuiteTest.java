// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;

/** The behaviours of filesystems, as far as flatfs has them. */
class FlatSuiteTest extends FileSystemSuite {
  @Override
  protected SuiteFileSystem fileSystem() {
    return SuiteFileSystem.made(new FlatFs(), 24 << 20)
        .withFiles(24)
        .with(Feature.WRITE, Feature.CREATE, Feature.ALLOCATE, Feature.RENAME)
        .with(Feature.ATTRIBUTES, Feature.LARGE_FILES, Feature.FILLS_UP)
        .with(Feature.HOLES, Feature.SEEK, Feature.FIEMAP)
        .with(Feature.DIRECT, Feature.POLLED, Feature.NOWAIT)
        .with(Feature.REMOUNT, Feature.DURABLE, Feature.DURABLE_NAMES)
        .with(Feature.DISK_ERRORS, Feature.CHECKSUMS, Feature.CHECK);
  }
}
