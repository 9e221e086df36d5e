// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.io.Serial;

/** Reports the seed of a failed test: a suppressed exception of the failure. */
final class Replay extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  Replay(long seed) {
    super("the seed is " + seed + "; -Dpollux.seed=" + seed + " replays it", null, false, false);
  }
}
