// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Times the steps of a long run, and reports its progress. A loop reports the processor time of its
 * first and last tenth. If the time of a step grew with the number of items, the last tenth would
 * be much slower.
 */
final class LongSteps {
  private static final int PARTS = 10;

  private final List<String> steps = new ArrayList<>();
  private long start = System.nanoTime();

  /** A step of a loop. */
  interface Step {
    void run(int index) throws ErrnoException;
  }

  /** Makes a large sparse filesystem. */
  static Path mkfs(Path directory, String geometry, long bytes)
      throws IOException, InterruptedException {
    Path image = directory.resolve("image");
    MadeImage.sparse(image, bytes);
    List<String> command = new ArrayList<>(List.of(MkfsImage.requireMkfs(), "-q"));
    Stream.of(geometry.split(" ", -1)).filter(option -> !option.isEmpty()).forEach(command::add);
    command.add(image.toString());
    assertThat(WritableTree.run(command)).isEmpty();
    return image;
  }

  /** The numbers below a count, in random order. */
  static int[] shuffled(int count, Random random) {
    int[] numbers = new int[count];
    for (int i = 0; i < count; i++) {
      int at = random.nextInt(i + 1);
      numbers[i] = numbers[at];
      numbers[at] = i;
    }
    return numbers;
  }

  /** Starts the clock. */
  void begin() {
    start = System.nanoTime();
  }

  /** Stops the clock, and starts it for the next step. */
  void done(String what) {
    double seconds = (System.nanoTime() - start) / 1e9;
    add(String.format(Locale.ROOT, "%s %.1f s", what, seconds));
    begin();
  }

  /** Adds the memory in use. */
  void memory() throws IOException {
    add(XfsLongRun.memory());
    begin();
  }

  private void add(String text) {
    steps.add(text);
    XfsLongRun.say("  " + text);
  }

  /** Runs a loop. */
  void each(String what, int count, Step step) throws ErrnoException {
    long begun = System.nanoTime();
    long processor = cpu();
    double first = 0;
    double last = 0;
    for (int part = 0; part < PARTS; part++) {
      long partBegun = cpu();
      int from = (int) ((long) count * part / PARTS);
      int to = (int) ((long) count * (part + 1) / PARTS);
      for (int i = from; i < to; i++) {
        step.run(i);
      }
      last = (cpu() - partBegun) / 1e3 / Math.max(1, to - from);
      first = part == 0 ? last : first;
      XfsLongRun.say(
          String.format(Locale.ROOT, "  %s: %,d of %,d, %.1f us each", what, to, count, last));
    }
    double seconds = (System.nanoTime() - begun) / 1e9;
    double cpu = (cpu() - processor) / 1e9;
    add(
        String.format(
            Locale.ROOT,
            "%s %.1f s, %.1f s CPU (%.1f us at first, %.1f at last)",
            what,
            seconds,
            cpu,
            first,
            last));
    begin();
  }

  /** Processor time of the calling thread in nanoseconds. */
  private static long cpu() {
    try {
      return Long.parseLong(
          Files.readString(Path.of("/proc/thread-self/schedstat")).split(" ", 2)[0]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    return String.join("; ", steps);
  }
}
