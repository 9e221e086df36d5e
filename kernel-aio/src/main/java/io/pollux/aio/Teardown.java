// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import org.jspecify.annotations.Nullable;

/**
 * A teardown in steps. All steps run, even if an earlier one failed. {@link #end} throws the first
 * failure, with later ones suppressed.
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
