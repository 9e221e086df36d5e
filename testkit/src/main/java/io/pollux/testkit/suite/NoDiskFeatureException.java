// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import java.io.Serial;
import org.opentest4j.TestAbortedException;

/** Skips a behaviour because the disk does not declare a feature. */
final class NoDiskFeatureException extends TestAbortedException {
  @Serial private static final long serialVersionUID = 1L;

  private final DiskFeature feature;

  NoDiskFeatureException(String disk, DiskFeature feature) {
    super(disk + " declares no " + feature);
    this.feature = feature;
  }

  DiskFeature feature() {
    return feature;
  }
}
