// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/**
 * A random source that costs a nanosecond: Marsaglia's xorshift with shifts 13, 7 and 17, and Lemire's
 * multiplication in place of a division to get into a range.
 */
public final class XorShift {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private long state;

  /**
   * Begins a sequence.
   *
   * @param seed any number; the same one makes the same sequence
   */
  public XorShift(long seed) {
    long mixed = mix(seed);
    state = mixed == 0 ? GOLDEN : mixed; // 0 would stay 0
  }

  /**
   * The next number.
   *
   * @param bound positive
   * @return from 0 to bound - 1
   */
  public long below(long bound) {
    long x = state;
    x ^= x << 13;
    x ^= x >>> 7;
    x ^= x << 17;
    state = x;
    return Math.unsignedMultiplyHigh(x, bound);
  }

  /** Makes a number that looks random of one that does not: the finalizer of SplitMix64. */
  static long mix(long value) {
    long z = value + GOLDEN;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
