// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import org.jspecify.annotations.Nullable;

/**
 * A teardown in steps. Each step runs, whatever became of the ones before it; the first failure is thrown at the end, with the
 * later ones attached to it.
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

  /** Throws the first failure, if there was one. */
  void end() {
    switch (first) {
      case null -> {}
      case Error e -> throw e;
      case RuntimeException e -> throw e;
      default -> throw new IllegalStateException(first);
    }
  }
}
