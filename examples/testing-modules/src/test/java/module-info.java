// SPDX-License-Identifier: GPL-2.0-only

/** Tests on the module path. It is open, because JUnit looks into its classes by reflection. */
open module example {
  requires io.pollux.testkit;
}
