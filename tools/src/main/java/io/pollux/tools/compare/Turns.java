// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs two contestants in turns of some seconds. A first turn of each does not count, except for
 * bytes, where the ramp of each turn is enough. The ratio is that of the medians.
 *
 * @param work name of the work
 * @param unit of both figures
 * @param ours this kernel
 * @param theirs the other side
 * @param mark the goal
 */
public record Turns(String work, Unit unit, Contestant ours, Contestant theirs, Mark mark)
    implements Comparison {
  @Override
  public String against() {
    return theirs.name();
  }

  @Override
  public Outcome run(int rounds, double seconds, PrintStream progress) {
    List<Double> first = new ArrayList<>();
    List<Double> second = new ArrayList<>();
    List<Double> ratios = new ArrayList<>();
    for (int round = unit == Unit.BYTES ? 1 : 0; round <= rounds; round++) {
      double a = ours.run(seconds);
      double b = theirs.run(seconds);
      if (round > 0) {
        first.add(a);
        second.add(b);
        ratios.add(unit.ratio(a, b));
      }
      progress.println(
          work
              + ": "
              + ours.name()
              + " "
              + unit.full(a)
              + ", "
              + theirs.name()
              + " "
              + unit.full(b)
              + (round == 0 ? " (to warm up)" : " (" + round + " of " + rounds + ")"));
    }
    double ratio =
        unit.ratio(
            Outcome.median(first.stream().sorted().toList()),
            Outcome.median(second.stream().sorted().toList()));
    return new Outcome(this, first, second, ratios, ratio);
  }
}
