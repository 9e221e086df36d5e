// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import java.util.Arrays;

/**
 * Compares a case with its base. They take turns of a few milliseconds in one thread, and each turn
 * is compared with its neighbour. Fluctuations of the host, which last longer, thus cancel out of
 * the ratio.
 */
public final class Neighbours {
  private static final long TURN_NANOS = 20_000_000;
  private static final long WARM_NANOS = 2_000_000_000;

  private final Load base;
  private final Load many;

  /**
   * Creates a comparison. The caller owns both loads.
   *
   * @param base the base
   * @param many the case with more
   */
  public Neighbours(Load base, Load many) {
    this.base = base;
    this.many = many;
  }

  /**
   * The medians of many turns.
   *
   * @param base nanoseconds of a request
   * @param many nanoseconds of a request
   * @param ratio of a turn to its neighbour
   */
  public record Round(double base, double many, double ratio) {
    /** Creates a round from the nanoseconds of a request in each turn. Sorts both arrays. */
    static Round of(double[] base, double[] many) {
      double[] ratio = new double[base.length];
      for (int i = 0; i < ratio.length; i++) {
        ratio[i] = many[i] / base[i];
      }
      return new Round(median(base), median(many), median(ratio));
    }

    private static double median(double[] values) {
      Arrays.sort(values);
      int middle = values.length / 2;
      return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
  }

  /** Runs both until the code is compiled. */
  public void warmUp() {
    round(WARM_NANOS);
  }

  /**
   * Runs both for a time.
   *
   * @param nanos duration of both together; each runs at least one turn
   */
  public Round round(long nanos) {
    int turns = (int) Math.max(1, nanos / (2 * TURN_NANOS));
    double[] first = new double[turns];
    double[] second = new double[turns];
    for (int i = 0; i < turns; i++) {
      first[i] = turn(base);
      second[i] = turn(many);
    }
    return Round.of(first, second);
  }

  /** Runs one turn. Returns the nanoseconds per request. */
  private static double turn(Load load) {
    long began = System.nanoTime();
    long steps = 0;
    long spent;
    do {
      load.io();
      steps++;
      spent = System.nanoTime() - began;
    } while (spent < TURN_NANOS);
    return (double) spent / (steps * Load.IOS);
  }
}
