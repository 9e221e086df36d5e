// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import org.jspecify.annotations.Nullable;

/**
 * A teardown in steps. Each step runs, even if an earlier one failed. The first failure is thrown at the end, with later ones
 * suppressed.
 */
final class Teardown {
  private @Nullable Throwable first;

  /** Runs a step. Returns whether it succeeded. */
  boolean step(Runnable step) {
    try {
      step.run();
      return true;
    } catch (Throwable e) {
      if (first == null) {
        first = e;
      } else if (first != e) {
        first.addSuppressed(e);
      }
      return false;
    }
  }

  /** Throws the first failure, if any. */
  void end() {
    switch (first) {
      case null -> {}
      case Error e -> throw e;
      case RuntimeException e -> throw e;
      default -> throw new IllegalStateException(first);
    }
  }
}
