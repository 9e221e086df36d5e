// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.core.Debug;

/** Turns on the kernel's debugging checks, unless the tests set the property themselves. */
final class DebugSwitch {
  private DebugSwitch() {}

  /** Sets the property. It has no effect if a class of the kernel has read it already. */
  static void turnOn() {
    System.getProperties().putIfAbsent(Debug.PROPERTY, "true");
  }
}
