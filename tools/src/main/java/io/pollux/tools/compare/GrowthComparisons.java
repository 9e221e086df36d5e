// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.core.ErrnoException;
import io.pollux.tools.compare.Growth.Pair;
import io.pollux.tools.console.Failure;
import io.pollux.tools.growth.ContextLoad;
import io.pollux.tools.growth.DeviceLoad;
import io.pollux.tools.growth.ExtentLoad;
import io.pollux.tools.growth.ExtentsImage;
import io.pollux.tools.growth.Load;
import io.pollux.tools.image.HostFile;
import io.pollux.tools.image.TargetSpec.Fs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Whether a request costs more where there is more: in flight, devices, files, contexts, extents. */
public final class GrowthComparisons {
  private static final String NAME = "growth: ";
  private static final double MANY_MARK = 1.2;
  private static final double EXTENTS_MARK = 1.5;
  private static final int SHALLOW = 32;
  private static final int DEEP = 1024;
  private static final int MANY_DEVICES = 16;
  private static final int MANY_FILES = 64;
  private static final int SOME_CONTEXTS = 128;
  private static final int MANY_CONTEXTS = 1024;
  private static final int A_BATCH = 8;

  private static final int[] DEPTHS = {1, 8, 128, DEEP};
  private static final int[] EXTENTS = {100, 10_000, 1_000_000};

  private final List<Comparison> all = new ArrayList<>();
  private final @Nullable Path pollux;

  private GrowthComparisons(@Nullable Path pollux) {
    this.pollux = pollux;
  }

  /** Boots a kernel, unless it does not like to. */
  @FunctionalInterface
  private interface Boot {
    Load load() throws ErrnoException;
  }

  /**
   * Prepares all but {@link #byExtents}: they need nothing of the machine.
   *
   * @param pollux the command line, to give each a process of its own; or null to do all in this one
   * @return the comparisons
   */
  public static List<Comparison> of(@Nullable Path pollux) {
    GrowthComparisons made = new GrowthComparisons(pollux);
    for (int depth : DEPTHS) {
      made.devices(number("depth %,d", depth), depth == DEEP ? Mark.atMost(MANY_MARK) : Mark.NONE, depth, 1, 1);
    }
    for (int inARow : new int[] {1, A_BATCH, SHALLOW}) {
      String devices = MANY_DEVICES + " devices, " + inARow + " in a row";
      made.devices(devices, Mark.NONE, SHALLOW, MANY_DEVICES, inARow);
      made.devices(devices + number(", depth %,d", DEEP), Mark.NONE, DEEP, MANY_DEVICES, inARow);
    }
    for (Fs fs : new Fs[] {Fs.NONE, Fs.XFS, Fs.GFS2}) {
      made.contexts(fs);
    }
    return made.all;
  }

  /**
   * Prepares those by extents of a file on XFS: they need {@link ExtentsImage}.
   *
   * @param pollux as above
   * @return the comparisons
   */
  public static List<Comparison> byExtents(@Nullable Path pollux) {
    GrowthComparisons made = new GrowthComparisons(pollux);
    for (int extents : EXTENTS) {
      Mark mark = extents == 1_000_000 ? Mark.atMost(EXTENTS_MARK) : Mark.NONE;
      made.add(number("%,d extents, XFS", extents), "one extent", mark, progress -> extents(progress, extents));
    }
    return made.all;
  }

  private static String number(String format, int number) {
    return String.format(Locale.ROOT, format, number);
  }

  private void devices(String name, Mark mark, int depth, int devices, int inARow) {
    String base = devices == 1 ? "depth " + SHALLOW : "one device";
    add(name, base, mark, () -> new DeviceLoad(SHALLOW, 1, 1), () -> new DeviceLoad(depth, devices, inARow));
  }

  private void contexts(Fs fs) {
    Mark mark = Mark.atMost(MANY_MARK);
    contexts(fs, MANY_FILES + " files", "one file", mark, 1, MANY_FILES, 1, SHALLOW);
    contexts(fs, MANY_FILES + " files, 8 in a row", "one file", mark, 1, MANY_FILES, A_BATCH, SHALLOW);
    contexts(fs, number("depth %,d, one ring", DEEP), "depth " + SHALLOW, mark, 1, 1, 1, DEEP);
    contexts(fs, SOME_CONTEXTS + " contexts", "one context", Mark.NONE, SOME_CONTEXTS, 1, 1, SHALLOW);
    contexts(fs, number("%,d contexts", MANY_CONTEXTS), "one context", mark, MANY_CONTEXTS, 1, 1, SHALLOW);
    contexts(fs, "all together", "one of each", mark, MANY_CONTEXTS, MANY_FILES, 1, DEEP);
    contexts(fs, "all together, 8 in a row", "one of each", mark, MANY_CONTEXTS, MANY_FILES, A_BATCH, DEEP);
  }

  private void contexts(
      Fs fs, String name, String base, Mark mark, int contexts, int files, int inARow, int inFlight) {
    String where = fs == Fs.NONE ? "bare" : fs.name();
    add(
        name + ", " + where, base, mark,
        () -> new ContextLoad(fs, 1, 1, 1, SHALLOW),
        () -> new ContextLoad(fs, contexts, files, inARow, inFlight));
  }

  private void add(String name, String base, Mark mark, Boot less, Boot more) {
    add(name, base, mark, progress -> {
      try {
        return new Pair(less.load(), more.load());
      } catch (ErrnoException e) {
        throw Failure.couldNotRun(name, String.valueOf(e.getMessage()), e);
      }
    });
  }

  private void add(String name, String base, Mark mark, Growth.Maker maker) {
    all.add(new Growth(NAME + name, base, mark, maker, pollux));
  }

  private static Pair extents(Consumer<String> progress, int extents) {
    progress.accept(NAME + number("making an XFS with a file of %,d extents…", extents));
    Path image = ExtentsImage.make(progress, 1, extents);
    try {
      return new Pair(new ExtentLoad(image, 1), new ExtentLoad(image, extents));
    } finally {
      remove(image);
    }
  }

  private static void remove(Path image) {
    try {
      Files.delete(image);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), "can't be removed: " + HostFile.why(e), e);
    }
  }
}
