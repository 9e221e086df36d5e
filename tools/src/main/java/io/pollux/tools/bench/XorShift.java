// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/**
 * A fast random source, about a nanosecond per number: Marsaglia's xorshift with shifts 13, 7 and
 * 17. Lemire's multiplication reduces a number to a range without a division.
 */
public final class XorShift {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private long state;

  /**
   * Starts a sequence.
   *
   * @param seed any number; the same seed gives the same sequence
   */
  public XorShift(long seed) {
    long mixed = mix(seed);
    state = mixed == 0 ? GOLDEN : mixed; // the sequence of 0 is constant
  }

  /**
   * Returns the next number, from 0 to bound - 1.
   *
   * @param bound positive
   */
  public long below(long bound) {
    long x = state;
    x ^= x << 13;
    x ^= x >>> 7;
    x ^= x << 17;
    state = x;
    return Math.unsignedMultiplyHigh(x, bound);
  }

  /** Mixes the bits of a number: the finalizer of SplitMix64. */
  static long mix(long value) {
    long z = value + GOLDEN;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
