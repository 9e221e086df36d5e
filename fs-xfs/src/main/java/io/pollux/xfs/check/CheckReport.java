// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.core.ErrnoException;
import java.util.function.Consumer;

/** Collects the sentences about damage, up to a limit. */
final class CheckReport {
  private static final int MOST = 2000;

  /** A part of the check that damage ends. */
  interface Step {
    void run() throws ErrnoException;
  }

  private final Consumer<String> damage;
  private int count;

  CheckReport(Consumer<String> damage) {
    this.damage = damage;
  }

  void add(String sentence) {
    count++;
    if (count <= MOST) {
      damage.accept(sentence);
    } else if (count == MOST + 1) {
      damage.accept("there is more damage, which is not listed");
    }
  }

  /** Adds a sentence unless a condition holds. Returns the condition. */
  boolean require(boolean good, String what, String how) {
    if (!good) {
      add(what + ": " + how);
    }
    return good;
  }

  /** Adds a sentence if two numbers differ. */
  void equal(long found, long expected, String what, String number) {
    if (found != expected) {
      add(
          what
              + ": "
              + number
              + " is "
              + Long.toUnsignedString(found)
              + ", and should be "
              + Long.toUnsignedString(expected));
    }
  }

  /** Runs a step. Returns whether it came to its end; otherwise its error is reported. */
  boolean attempt(Step step) {
    try {
      step.run();
      return true;
    } catch (ErrnoException e) {
      add(String.valueOf(e.getMessage()));
      return false;
    }
  }
}
