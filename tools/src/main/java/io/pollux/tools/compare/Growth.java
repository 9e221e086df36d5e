// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.growth.Load;
import io.pollux.tools.growth.Neighbours;
import io.pollux.tools.growth.Neighbours.Round;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Compares more of something with less of it, both on this kernel and in one thread, in turns of a
 * few milliseconds. "Ours" is the case with more, "theirs" its base. A round's ratio is the median
 * of many turns and their neighbours; the ratio is the median of the rounds.
 *
 * @param work name of the work
 * @param against name of the base
 * @param mark the goal
 * @param maker creates base and case
 * @param pollux the command line, for a separate process; or null to run in this one
 */
record Growth(String work, String against, Mark mark, Maker maker, @Nullable Path pollux)
    implements Comparison {
  private static final double SHARE = 0.5; // of a turn, for a round of both
  private static final double SETUP_SECONDS = 180;
  private static final double NANOS = 1e9;

  /** Boots two kernels. */
  @FunctionalInterface
  interface Maker {
    /** Creates base and case, and reports long steps line by line. */
    Pair make(Consumer<String> progress);
  }

  /** Creates one of the two. */
  @FunctionalInterface
  interface Boot {
    /** Boots a kernel. */
    Load load() throws ErrnoException;
  }

  /** Base and case. The owner closes them. */
  record Pair(Load base, Load many) implements AutoCloseable {
    /** Creates both, or none. */
    static Pair of(Boot base, Boot many) throws ErrnoException {
      Load first = base.load();
      try {
        return new Pair(first, many.load());
      } catch (Throwable e) {
        try (first) {
          throw e;
        }
      }
    }

    @Override
    public void close() {
      try (base;
          many) {
        return; // closes both, even after an exception
      }
    }
  }

  @Override
  public Unit unit() {
    return Unit.NANOS;
  }

  @Override
  public Outcome run(int rounds, double seconds, PrintStream progress) {
    return pollux == null
        ? here(rounds, seconds, progress)
        : apart(pollux, rounds, seconds, progress);
  }

  private Outcome here(int rounds, double seconds, PrintStream progress) {
    try (Pair pair = maker.make(progress::println)) {
      Neighbours both = new Neighbours(pair.base(), pair.many());
      both.warmUp();
      List<Double> first = new ArrayList<>();
      List<Double> second = new ArrayList<>();
      List<Double> ratios = new ArrayList<>();
      for (int i = 1; i <= rounds; i++) {
        Round round = both.round((long) (seconds * SHARE * NANOS));
        first.add(round.many());
        second.add(round.base());
        ratios.add(round.ratio());
        progress.printf(
            Locale.ROOT,
            "%s: %s, %s %s, ratio %.2f (%d of %d)%n",
            work,
            unit().full(round.many()),
            against,
            unit().full(round.base()),
            round.ratio(),
            i,
            rounds);
      }
      return outcome(first, second, ratios);
    }
  }

  private Outcome outcome(List<Double> many, List<Double> base, List<Double> ratios) {
    return new Outcome(this, many, base, ratios, Outcome.median(ratios.stream().sorted().toList()));
  }

  /** Runs this comparison by compare in another process. */
  private Outcome apart(Path program, int rounds, double seconds, PrintStream progress) {
    List<String> command =
        List.of(
            program.toString(),
            "compare",
            "--here",
            "--only",
            "^" + Pattern.quote(work) + "$",
            "--rounds",
            String.valueOf(rounds),
            "--runtime",
            String.valueOf(seconds),
            "--json",
            "-");
    return read(
        HostProgram.runPollux(command, SETUP_SECONDS + rounds * seconds, progress::println));
  }

  /** Parses an outcome as written by {@link CompareReport#json}. */
  Outcome read(String json) {
    try {
      if (JSON.std.mapFrom(json).get("comparisons") instanceof List<?> lines
          && !lines.isEmpty()
          && lines.getFirst() instanceof Map<?, ?> line) {
        return outcome(numbers(line, "ours"), numbers(line, "theirs"), numbers(line, "ratios"));
      }
    } catch (IOException e) {
      throw Failure.couldNotRun("compare", "its output can't be read: " + e.getMessage(), e);
    }
    throw Failure.couldNotRun("compare", "its output has no comparison");
  }

  private static List<Double> numbers(Map<?, ?> line, String key) {
    Stream<?> values = line.get(key) instanceof List<?> list ? list.stream() : Stream.empty();
    List<Double> numbers =
        values.filter(Number.class::isInstance).map(one -> ((Number) one).doubleValue()).toList();
    if (numbers.isEmpty()) {
      throw Failure.couldNotRun("compare", "its output has no " + key);
    }
    return numbers;
  }
}
