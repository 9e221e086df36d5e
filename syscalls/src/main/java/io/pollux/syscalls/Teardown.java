// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a shutdown, each of which is done whatever became of those before it. What is thrown at the end is the first
 * failure; it carries the later ones as suppressed. For one thread.
 */
final class Teardown {
  private @Nullable Throwable first;

  /** A step. */
  @FunctionalInterface
  interface Step {
    /** Does it. */
    void run() throws ErrnoException;
  }

  /** Does a step, and keeps what it throws. */
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

  /** Throws the first failure, if there was one. */
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
