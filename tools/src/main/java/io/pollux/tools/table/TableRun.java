// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import io.pollux.tools.bench.Bench;
import io.pollux.tools.bench.Result;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Measures all cells in turns. A round measures all depths and ways before the next round starts,
 * so that other load on the host affects all of them. The first round does not count.
 */
public final class TableRun {
  private static final double NANOS = 1e9;
  private static final int TRIES = 100;

  private final Target target;
  private final UserFiles files;
  private final PathName file;
  private final PrintStream progress;
  private final PrintStream nowhere =
      new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
  private volatile @Nullable Bench running;
  private volatile boolean stopped;

  /**
   * Creates a run.
   *
   * @param target the target to read from
   * @param files the calls of its program
   * @param file path of the file in the image
   * @param progress receives a line each round
   */
  public TableRun(Target target, UserFiles files, PathName file, PrintStream progress) {
    this.target = target;
    this.files = files;
    this.file = file;
    this.progress = progress;
  }

  /** Stops the run early. From any thread, at any time. */
  public void stop() {
    stopped = true; // first: turn checks this after it sets running
    Bench bench = running;
    if (bench != null) {
      bench.stop();
    }
  }

  private String device() {
    return target.deviceName();
  }

  /**
   * Runs.
   *
   * @param rounds turns of each cell
   * @param seconds duration of each cell in all its turns together
   * @return the measurement, until the end or until it was stopped
   * @throws Failure if it cannot run, or a read fails
   */
  public Measurement run(int rounds, double seconds) {
    Measurement made =
        new Measurement(
            new Measurement.Where(
                target.fs(),
                target.disk(),
                device(),
                file.toString(),
                HostWords.machine(),
                LocalDate.now(ZoneId.systemDefault()),
                rounds,
                seconds));
    long nanos = (long) (seconds / rounds * NANOS);
    long seed = new SplittableRandom().nextInt(Integer.MAX_VALUE);
    for (int round = 0; round <= rounds && !stopped; round++) {
      StringBuilder line =
          new StringBuilder(round == 0 ? "to warm up" : "round " + round + " of " + rounds);
      line.append(": thousand IOPS");
      for (Posting.Row posted : Posting.ROWS) {
        line.append(posted.depth() == 1 ? "," : ";").append(" depth ").append(posted.depth());
        for (Way way : Way.values()) {
          double iops = turn(way, posted.depth(), nanos, seed + round);
          if (stopped) {
            return made; // a turn that was cut short may consist of its start only
          }
          line.append(String.format(Locale.ROOT, " %.0f", iops / 1000));
          if (round > 0) {
            made.add(posted.depth(), way, iops);
          }
        }
      }
      progress.println(line);
    }
    return made;
  }

  /** Returns the rate; 0 only if the run was stopped. */
  private double turn(Way way, int depth, long nanos, long seed) {
    for (int tries = 0; tries < TRIES; tries++) {
      Bench bench = new Bench(way.plan(depth, nanos, seed), target, files, file, nowhere);
      running = bench;
      if (stopped) {
        return 0;
      }
      Result result = bench.run();
      if (!result.good()) {
        throw Failure.fault(result.file(), String.valueOf(result.firstFault()));
      }
      if (result.ios() > 0) { // else the turn ended before its thread was scheduled
        return result.iops();
      }
    }
    throw Failure.couldNotRun("--runtime", "is too short here: no I/O was done in a turn");
  }
}
