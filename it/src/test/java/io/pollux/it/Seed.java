// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import java.util.SplittableRandom;

/**
 * What a random test draws from. The seed is printed, and -Dpollux.seed=N gives that run again;
 * counts can be set in the same way.
 *
 * @param value the seed
 */
record Seed(long value) {
  /** The seed that was asked for, else any. */
  static Seed of(Class<?> test) {
    Long wanted = Long.getLong("pollux.seed");
    Seed seed = new Seed(wanted != null ? wanted : new SplittableRandom().nextLong() >>> 1);
    System.out.println(test.getSimpleName() + ": -Dpollux.seed=" + seed.value());
    return seed;
  }

  /** A count that was asked for, else the default. */
  static int count(String property, int usual) {
    return Integer.getInteger(property, usual);
  }

  SplittableRandom random() {
    return new SplittableRandom(value);
  }

  /** The random source of the n-th of many independent runs. */
  SplittableRandom random(int n) {
    return new SplittableRandom(new SplittableRandom(value + n).nextLong());
  }
}
