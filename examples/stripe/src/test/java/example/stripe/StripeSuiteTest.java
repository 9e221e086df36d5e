// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;

/** The stripe, over disks in memory and over disks that fail. */
final class StripeSuiteTest extends DiskSuite {
  @Override
  protected SuiteDisk disk() {
    return SuiteDisk.over("stripe", lower -> "stripe:chunk=16k," + lower + "," + lower)
        .with(
            DiskFeature.STORES,
            DiskFeature.POLL,
            DiskFeature.DISCARD,
            DiskFeature.WRITE_ZEROES,
            DiskFeature.READ_ONLY,
            DiskFeature.POWER_CUT,
            DiskFeature.NO_ALLOCATION);
  }
}
