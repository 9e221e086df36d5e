// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.console.HostProgram;
import java.nio.file.Path;
import java.util.List;

/** One I/O, from the start of bin/pollux to its end: a virtual machine, a kernel, a mount, the I/O, and all of it shut down. */
public final class FirstIo implements Contestant {
  /** What it is called. */
  public static final String WORK = "first I/O, from start to end";

  private static final double MARK = 1; // of the goal
  private static final double GOAL_SECONDS = 1;
  private static final double NANOS = 1e9;

  private final Path pollux;

  private FirstIo(Path pollux) {
    this.pollux = pollux;
  }

  /**
   * Prepares the comparison.
   *
   * @param pollux the command line, of a tree that is built
   * @return one beside a second
   */
  public static Comparison comparison(Path pollux) {
    return new Turns(WORK, Unit.SECONDS, new FirstIo(pollux), new Goal(GOAL_SECONDS), Mark.atMost(MARK));
  }

  @Override
  public String name() {
    return "bench --ios 1";
  }

  /** Takes as long as it takes. */
  @Override
  public double run(double seconds) {
    long began = System.nanoTime();
    HostProgram.runPollux(List.of(pollux.toString(), "bench", "--ios", "1"), seconds, line -> {});
    return (System.nanoTime() - began) / NANOS;
  }
}
