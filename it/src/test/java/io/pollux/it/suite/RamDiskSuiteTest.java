// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;

/** The disk in memory. */
final class RamDiskSuiteTest extends DiskSuite {
  @Override
  protected SuiteDisk disk() {
    return SuiteDisk.of("ram", "ram")
        .with(
            DiskFeature.STORES,
            DiskFeature.POLL,
            DiskFeature.DISCARD,
            DiskFeature.WRITE_ZEROES,
            DiskFeature.MERGE,
            DiskFeature.READ_ONLY,
            DiskFeature.NO_ALLOCATION);
  }
}
