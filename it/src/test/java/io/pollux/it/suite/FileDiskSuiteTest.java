// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.block.QueueLimits;
import io.pollux.block.driver.HostDisk;
import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

/** A file of the host as a disk. What it can do depends on the host. */
final class FileDiskSuiteTest extends DiskSuite {
  private final Path directory;

  FileDiskSuiteTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @Override
  protected SuiteDisk disk() throws IOException {
    Path file = directory.resolve("disk.img");
    if (Files.notExists(file)) {
      Files.write(file, new byte[4 << 20]);
    }
    SuiteDisk disk =
        SuiteDisk.of("file", "file:path=" + file)
            .with(
                DiskFeature.STORES,
                DiskFeature.POLL,
                DiskFeature.WRITE_CACHE,
                DiskFeature.MERGE,
                DiskFeature.READ_ONLY,
                DiskFeature.NO_ALLOCATION);
    QueueLimits limits = limitsOf(file);
    if (limits.fua()) {
      disk.with(DiskFeature.FUA);
    }
    return limits.maxDiscardSectors() == 0
        ? disk
        : disk.with(DiskFeature.DISCARD, DiskFeature.WRITE_ZEROES);
  }

  private static QueueLimits limitsOf(Path file) throws IOException {
    try (HostDisk disk = HostDisk.open(file, false)) {
      return disk.disk("file0", 1, false).queue().limits();
    }
  }
}
