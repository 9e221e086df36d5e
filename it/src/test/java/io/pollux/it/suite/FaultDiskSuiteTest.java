// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;

/** The disk with faults, over other disks. */
final class FaultDiskSuiteTest extends DiskSuite {
  @Override
  protected SuiteDisk disk() {
    return SuiteDisk.over("fault", lower -> "fault:seed=7," + lower)
        .with(
            DiskFeature.STORES,
            DiskFeature.POLL,
            DiskFeature.DISCARD,
            DiskFeature.WRITE_ZEROES,
            DiskFeature.MERGE,
            DiskFeature.READ_ONLY,
            DiskFeature.POWER_CUT,
            DiskFeature.NO_ALLOCATION);
  }
}
