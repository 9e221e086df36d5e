// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;

/** The disk with faults and a volatile cache. */
final class CachedFaultDiskSuiteTest extends DiskSuite {
  @Override
  protected SuiteDisk disk() {
    return SuiteDisk.of("fault-cache", "fault:volatile-cache=1,seed=7,ram")
        .with(
            DiskFeature.STORES,
            DiskFeature.POLL,
            DiskFeature.WRITE_CACHE,
            DiskFeature.FUA,
            DiskFeature.MERGE,
            DiskFeature.READ_ONLY);
  }
}
