// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import java.io.Serial;
import org.opentest4j.TestAbortedException;

/** Skips a behaviour because the filesystem does not declare a feature. */
final class NotDeclaredException extends TestAbortedException {
  @Serial private static final long serialVersionUID = 1L;

  private final Feature feature;

  NotDeclaredException(String fileSystem, Feature feature) {
    super(fileSystem + " declares no " + feature);
    this.feature = feature;
  }

  Feature feature() {
    return feature;
  }
}
