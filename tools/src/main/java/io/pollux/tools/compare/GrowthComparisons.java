// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.tools.compare.Growth.Pair;
import io.pollux.tools.console.Failure;
import io.pollux.tools.growth.Bed;
import io.pollux.tools.growth.ContextLoad;
import io.pollux.tools.growth.DeviceLoad;
import io.pollux.tools.growth.ExtentLoad;
import io.pollux.tools.growth.XfsImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Measures whether a request costs more with more requests in flight, devices, files, contexts or
 * extents.
 */
public final class GrowthComparisons {
  private static final String XFS = "xfs";

  private static final String NAME = "growth: ";
  private static final Mark MANY_MARK = Mark.atMost(1.2);
  private static final Mark EXTENTS_MARK = Mark.atMost(1.5);
  private static final int SHALLOW = 32;
  private static final int DEEP = 1024;
  private static final int MANY_DEVICES = 16;
  private static final int MANY_FILES = 64;
  private static final int SOME_CONTEXTS = 128;
  private static final int MANY_CONTEXTS = 1024;
  private static final int A_BATCH = 8;
  private static final int MANY_EXTENTS = 1_000_000;

  private static final int[] DEPTHS = {1, 8, 128, DEEP};
  private static final int[] ROWS = {1, A_BATCH, SHALLOW}; // consecutive requests on one device
  private static final int[] EXTENTS = {100, 10_000, MANY_EXTENTS};

  /** Cases that need only one file. */
  private static final List<Case> BY_CONTEXTS =
      List.of(
          new Case("depth 1,024, one ring", "depth 32", MANY_MARK, 1, 1, 1, DEEP),
          new Case("128 contexts", "one context", Mark.NONE, SOME_CONTEXTS, 1, 1, SHALLOW),
          new Case("1,024 contexts", "one context", MANY_MARK, MANY_CONTEXTS, 1, 1, SHALLOW),
          new Case(
              "1,024 contexts, depth 1,024", "one context", MANY_MARK, MANY_CONTEXTS, 1, 1, DEEP));

  private static final List<Case> BY_FILES =
      List.of(
          new Case("64 files", "one file", MANY_MARK, 1, MANY_FILES, 1, SHALLOW),
          new Case("64 files, 8 in a row", "one file", MANY_MARK, 1, MANY_FILES, A_BATCH, SHALLOW),
          new Case("all together", "one of each", MANY_MARK, MANY_CONTEXTS, MANY_FILES, 1, DEEP),
          new Case(
              "all together, 8 in a row",
              "one of each",
              MANY_MARK,
              MANY_CONTEXTS,
              MANY_FILES,
              A_BATCH,
              DEEP));

  private final List<Comparison> all = new ArrayList<>();
  private final @Nullable Path pollux;

  private GrowthComparisons(@Nullable Path pollux) {
    this.pollux = pollux;
  }

  /** A {@link ContextLoad}, compared with one context, one file and 32 in flight. */
  private record Case(
      String name, String base, Mark mark, int contexts, int files, int inARow, int inFlight) {
    Pair load(Opens files) throws ErrnoException {
      return Pair.of(
          () -> new ContextLoad(files.open(1), 1, 1, SHALLOW),
          () -> new ContextLoad(files.open(this.files), contexts, inARow, inFlight));
    }
  }

  /** Boots a kernel with a number of open files. */
  @FunctionalInterface
  private interface Opens {
    Bed open(int files) throws ErrnoException;
  }

  /** Boots two kernels. */
  @FunctionalInterface
  private interface Both {
    Pair load() throws ErrnoException;
  }

  /**
   * Creates all comparisons except {@link #onImages}. They need nothing of the host.
   *
   * @param pollux the command line, for a process for each; or null to run all in this process
   */
  public static List<Comparison> of(@Nullable Path pollux) {
    GrowthComparisons made = new GrowthComparisons(pollux);
    for (int depth : DEPTHS) {
      made.devices(
          number("depth %,d", depth), depth == DEEP ? MANY_MARK : Mark.NONE, depth, 1, 1, SHALLOW);
    }
    for (int inARow : ROWS) {
      String devices = MANY_DEVICES + " devices, " + inARow + " in a row";
      made.devices(devices, Mark.NONE, SHALLOW, MANY_DEVICES, inARow, SHALLOW);
      made.devices(
          devices + number(", depth %,d", DEEP), Mark.NONE, DEEP, MANY_DEVICES, inARow, SHALLOW);
    }
    for (int depth : DEPTHS) { // all with the same calls, so that only one quantity differs
      made.devices(number("one a call, depth %,d", depth), MANY_MARK, depth, 1, 1, 1);
    }
    for (int depth : new int[] {SHALLOW, DEEP}) {
      made.devices(
          number("one a call, 16 devices, depth %,d", depth), MANY_MARK, depth, MANY_DEVICES, 1, 1);
    }
    for (String fs : List.of(Providers.NONE, XFS, "gfs2")) {
      for (Case one : BY_CONTEXTS) {
        made.add(one, fs, progress -> booted(() -> one.load(files -> Bed.of(fs))));
      }
    }
    for (Case one : BY_FILES) {
      made.add(one, Providers.NONE, progress -> booted(() -> one.load(Bed::ofOpens)));
    }
    return made.all;
  }

  /**
   * Creates the comparisons by number of files and of extents on XFS. They need an {@link
   * XfsImage}.
   *
   * @param pollux as above
   */
  public static List<Comparison> onImages(@Nullable Path pollux) {
    GrowthComparisons made = new GrowthComparisons(pollux);
    for (Case one : BY_FILES) {
      made.add(one, XFS, progress -> onFiles(one, progress));
    }
    for (int extents : EXTENTS) {
      Mark mark = extents == MANY_EXTENTS ? EXTENTS_MARK : Mark.NONE;
      made.add(
          number("%,d extents, XFS", extents),
          "one extent",
          mark,
          progress -> onExtents(extents, progress));
    }
    return made.all;
  }

  private static String number(String format, int number) {
    return String.format(Locale.ROOT, format, number);
  }

  private void devices(String name, Mark mark, int depth, int devices, int inARow, int perCall) {
    String base = devices == 1 ? "depth " + SHALLOW : "one device";
    add(
        name,
        base,
        mark,
        progress ->
            booted(
                () ->
                    Pair.of(
                        () -> new DeviceLoad(SHALLOW, 1, 1, perCall),
                        () -> new DeviceLoad(depth, devices, inARow, perCall))));
  }

  private void add(Case one, String fs, Growth.Maker maker) {
    String shown = fs.equals(Providers.NONE) ? "bare" : fs.toUpperCase(Locale.ROOT);
    add(one.name() + ", " + shown, one.base(), one.mark(), maker);
  }

  private void add(String name, String base, Mark mark, Growth.Maker maker) {
    all.add(new Growth(NAME + name, base, mark, maker, pollux));
  }

  private static Pair booted(Both boot) {
    try {
      return boot.load();
    } catch (ErrnoException e) {
      throw Failure.couldNotRun("a kernel with null disks", String.valueOf(e.getMessage()), e);
    }
  }

  private static Pair onFiles(Case one, Consumer<String> progress) {
    return booted(
        () ->
            XfsImage.with(
                image -> one.load(files -> Bed.ofFiles(image, files)), progress, MANY_FILES));
  }

  private static Pair onExtents(int extents, Consumer<String> progress) {
    progress.accept(NAME + number("making an XFS with a file of %,d extents…", extents));
    return booted(
        () ->
            XfsImage.with(
                image ->
                    Pair.of(() -> new ExtentLoad(image, 1), () -> new ExtentLoad(image, extents)),
                progress,
                0,
                1,
                extents));
  }
}
