// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.console.HostProgram;
import java.nio.file.Path;
import java.util.List;

/** One I/O from start to end of bin/pollux: virtual machine, kernel, mount, I/O, and shutdown. */
public final class FirstIo implements Contestant {
  /** The name of the work. */
  public static final String WORK = "first I/O, from start to end";

  private static final double MARK = 1; // relative to the goal
  private static final double GOAL_SECONDS = 1;
  private static final double NANOS = 1e9;

  private final Path pollux;

  private FirstIo(Path pollux) {
    this.pollux = pollux;
  }

  /**
   * Creates the comparison with a goal of one second.
   *
   * @param pollux the command line of a built tree
   */
  public static Comparison comparison(Path pollux) {
    return new Turns(
        WORK, Unit.SECONDS, new FirstIo(pollux), new Goal(GOAL_SECONDS), Mark.atMost(MARK));
  }

  @Override
  public String name() {
    return "bench --ios 1";
  }

  /** Runs once, whatever the duration. */
  @Override
  public double run(double seconds) {
    long began = System.nanoTime();
    HostProgram.runPollux(List.of(pollux.toString(), "bench", "--ios", "1"), seconds, line -> {});
    return (System.nanoTime() - began) / NANOS;
  }
}
