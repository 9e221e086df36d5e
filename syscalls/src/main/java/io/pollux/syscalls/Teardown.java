// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import org.jspecify.annotations.Nullable;

/**
 * A shutdown in steps. All steps run, even if an earlier one failed. {@link #finish} throws the
 * first failure, with later ones suppressed. Not thread-safe.
 */
final class Teardown {
  private @Nullable Throwable first;

  /** A step. */
  @FunctionalInterface
  interface Step {
    /** Runs the step. */
    void run() throws ErrnoException;
  }

  /** Runs a step and keeps its exception. */
  void run(Step step) {
    try {
      step.run();
    } catch (ErrnoException | RuntimeException | Error e) {
      if (first == null) {
        first = e;
      } else if (first != e) {
        first.addSuppressed(e);
      }
    }
  }

  /** Throws the first failure, if any. */
  void finish() throws ErrnoException {
    Throwable failure = first;
    switch (failure) {
      case null -> {}
      case ErrnoException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new AssertionError("nothing else is kept", failure);
    }
  }
}
