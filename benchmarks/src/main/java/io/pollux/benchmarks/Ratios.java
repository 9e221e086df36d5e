// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.image.TargetSpec.Fs;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Locale;

/**
 * Whether it grows, where a machine is too restless for JMH to tell: a case and its base take turns of a few milliseconds in one
 * process, each turn is compared with its neighbour, and the median of the ratios is given. Needs root, for XFS.
 *
 * <p>Arguments say which lines: {@code devices}, {@code contexts}, {@code extents}; none means all.
 */
public final class Ratios {
  private static final long TURN_NANOS = 20_000_000;
  private static final int WARM_TURNS = 75; // of each
  private static final int TURNS = 100; // of each
  private static final int IOS = 1024; // of a step
  private static final int MANY_CONTEXTS = 1024;
  private static final int MANY_FILES = 64;
  private static final int SHALLOW = 32;
  private static final int DEEP = 1024;
  private static final int MANY_DEVICES = 16;
  private static final int[] EXTENTS = {100, 10_000, 1_000_000};

  private static final PrintStream OUT = System.out;

  private Ratios() {}

  /**
   * Prints a table.
   *
   * @param args which lines
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    OUT.printf("%-64s %7s %7s   %s%n", "", "base", "case", "ratio, and its quartiles");
    for (String what : args.length == 0 ? new String[] {"devices", "contexts", "extents"} : args) {
      switch (what) {
        case "devices" -> devices();
        case "contexts" -> contexts();
        case "extents" -> extents();
        default -> throw new IllegalArgumentException(what + ": not devices, contexts or extents");
      }
    }
  }

  private static void devices() throws IOException {
    for (int depth : new int[] {1, 8, 128, DEEP}) {
      devices(depth, 1, 1);
    }
    for (int inARow : new int[] {1, 8, SHALLOW}) {
      devices(SHALLOW, MANY_DEVICES, inARow);
      devices(DEEP, MANY_DEVICES, inARow);
    }
  }

  private static void contexts() throws IOException, InterruptedException {
    for (Fs fs : new Fs[] {Fs.NONE, Fs.XFS}) {
      contexts(fs, 1, MANY_FILES, 1, SHALLOW);
      contexts(fs, 1, MANY_FILES, 8, SHALLOW);
      contexts(fs, 1, 1, 1, DEEP);
      contexts(fs, 128, 1, 1, SHALLOW);
      contexts(fs, MANY_CONTEXTS, 1, 1, SHALLOW);
      contexts(fs, MANY_CONTEXTS, MANY_FILES, 1, DEEP);
      contexts(fs, MANY_CONTEXTS, MANY_FILES, 8, DEEP);
    }
  }

  private static void extents() throws IOException, InterruptedException {
    for (int extents : EXTENTS) {
      ExtentsBenchmark base = extents(1);
      ExtentsBenchmark many = extents(extents);
      compare(String.format(Locale.ROOT, "XFS, %,d extents", extents), base::io, many::io);
      many.shutDown();
      base.shutDown();
    }
  }

  private static void devices(int depth, int devices, int inARow) throws IOException {
    try {
      GrowthBenchmark base = growth(SHALLOW, 1, 1);
      GrowthBenchmark many = growth(depth, devices, inARow);
      String name = String.format(Locale.ROOT, "%d bare devices (%d in a row), %,d in flight", devices, inARow, depth);
      compare(name, base::io, many::io);
      many.shutDown();
      base.shutDown();
    } catch (ErrnoException e) {
      throw new IOException(e);
    }
  }

  private static GrowthBenchmark growth(int depth, int devices, int inARow) throws ErrnoException {
    GrowthBenchmark made = new GrowthBenchmark();
    made.depth = depth;
    made.devices = devices;
    made.inARow = inARow;
    made.boot();
    return made;
  }

  private static ExtentsBenchmark extents(int extents) throws IOException, InterruptedException {
    ExtentsBenchmark made = new ExtentsBenchmark();
    made.extents = extents;
    made.boot();
    return made;
  }

  private static void contexts(Fs fs, int contexts, int files, int inARow, int inFlight)
      throws IOException, InterruptedException {
    ContextsBenchmark base = made(fs, 1, 1, 1, SHALLOW);
    ContextsBenchmark many = made(fs, contexts, files, inARow, inFlight);
    String name =
        String.format(
            Locale.ROOT, "%s, %,d contexts, %d files (%d in a row), %,d in flight",
            fs == Fs.NONE ? "bare" : fs.name(), contexts, files, inARow, inFlight);
    compare(name, base::io, many::io);
    many.shutDown();
    base.shutDown();
  }

  private static ContextsBenchmark made(Fs fs, int contexts, int files, int inARow, int inFlight)
      throws IOException, InterruptedException {
    ContextsBenchmark made = new ContextsBenchmark();
    made.fs = fs;
    made.contexts = contexts;
    made.openFiles = files;
    made.inARow = inARow;
    made.inFlight = inFlight;
    made.boot();
    return made;
  }

  private static void compare(String name, Runnable base, Runnable many) {
    for (int i = 0; i < WARM_TURNS; i++) {
      turn(base);
      turn(many);
    }
    double[] first = new double[TURNS];
    double[] second = new double[TURNS];
    double[] ratio = new double[TURNS];
    for (int i = 0; i < TURNS; i++) {
      first[i] = turn(base);
      second[i] = turn(many);
      ratio[i] = second[i] / first[i];
    }
    Arrays.sort(first);
    Arrays.sort(second);
    Arrays.sort(ratio);
    OUT.printf(
        Locale.ROOT, "%-64s %7.0f %7.0f   %.2f (%.2f to %.2f)%n", name, first[TURNS / 2], second[TURNS / 2], ratio[TURNS / 2],
        ratio[TURNS / 4], ratio[3 * TURNS / 4]);
  }

  /** Nanoseconds a request. */
  private static double turn(Runnable step) {
    long began = System.nanoTime();
    long steps = 0;
    long spent;
    do {
      step.run();
      steps++;
      spent = System.nanoTime() - began;
    } while (spent < TURN_NANOS);
    return (double) spent / (steps * IOS);
  }
}
