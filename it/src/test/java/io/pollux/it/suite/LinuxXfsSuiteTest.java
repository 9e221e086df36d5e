// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;
import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The suite over the XFS of the host's Linux: what the suite expects is what Linux does. */
class LinuxXfsSuiteTest extends FileSystemSuite {
  private static @Nullable HostMount mount;

  @BeforeAll
  static void mount() throws IOException, InterruptedException {
    mount = HostMount.xfs();
  }

  @AfterAll
  static void unmount() throws IOException {
    HostMount mounted = mount;
    if (mounted != null) {
      mounted.close();
    }
  }

  @Override
  protected SuiteFileSystem fileSystem() {
    HostMount mounted = Objects.requireNonNull(mount);
    return SuiteFileSystem.on("linux-xfs", mounted::newMachine)
        .with(Feature.WRITE, Feature.CREATE, Feature.ALLOCATE, Feature.DIRECTORIES)
        .with(Feature.HARD_LINKS, Feature.SYMLINKS, Feature.RENAME, Feature.RENAME_EXCHANGE)
        .with(Feature.MKNOD, Feature.TMPFILE, Feature.XATTR, Feature.ATTRIBUTES)
        .with(Feature.CHANGE_TIMES, Feature.HOLES, Feature.FALLOCATE, Feature.PUNCH_HOLE)
        .with(Feature.LARGE_FILES, Feature.DIRECT, Feature.NOWAIT, Feature.SEEK)
        .with(Feature.FIEMAP, Feature.REMOUNT);
  }
}
