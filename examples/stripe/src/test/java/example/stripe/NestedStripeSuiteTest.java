// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import io.pollux.testkit.suite.DiskFeature;
import io.pollux.testkit.suite.DiskSuite;
import io.pollux.testkit.suite.SuiteDisk;

/** A stripe over a stripe and another disk. */
final class NestedStripeSuiteTest extends DiskSuite {
  @Override
  protected SuiteDisk disk() {
    return SuiteDisk.over(
            "stripe-of-stripes",
            lower -> "stripe:chunk=32k,(stripe:chunk=8k," + lower + "," + lower + ")," + lower)
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
